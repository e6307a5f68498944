"""Sessions: one sign-in on one device, renewed by refresh tokens of which only the newest is good.

A refresh token names its session and a generation, and proves both with a keyed hash; what is stored is the number of
the generation that is good now. docs/decisions/0013-refresh-by-generations.md says why.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import CustomerId, Role, SessionId, UserId

_SQL = load_statements("sessions")

# Two tabs, or a browser whose answer was lost on the way, show the token before the newest.
GRACE = timedelta(seconds=10)
SIGNING_KEY_DAYS = 30

Verdict = Literal["rotated", "repeated", "replayed", "over"]


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in. The refresh token of `generation` is the one that is good."""

    id: SessionId
    user_id: UserId
    generation: int
    rotated_at: datetime
    expires_at: datetime
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who holds an access token."""

    id: UserId
    name: str
    role: Role
    customer_id: CustomerId | None


async def open_session(conn: Conn, user_id: UserId, *, now: datetime, days: int) -> Session:
    """A new session of so many days."""
    session = Session(SessionId(new_id()), user_id, 1, now, now + timedelta(days=days))
    await _SQL["open"].execute(conn, id=session.id, user_id=user_id, now=now, expires_at=session.expires_at)
    return session


async def refresh_session(
    conn: Conn, session_id: SessionId, generation: int, *, now: datetime
) -> tuple[Verdict, Session | None]:
    """What becomes of a session whose token of this generation is shown, and the session unless it was over before.

    Commit in every case: a replay revokes it.
    """
    row = await _SQL["lock"].fetch_row(conn, id=session_id)
    if row is None:
        return "over", None
    session = Session(**dict(row))
    verdict = judge_refresh(session, generation, now)
    if verdict == "rotated":
        await _SQL["rotate"].execute(conn, id=session_id, now=now)
        return verdict, replace(session, generation=generation + 1, rotated_at=now)
    if verdict == "repeated":
        return verdict, session
    if verdict == "replayed":
        await _SQL["revoke"].execute(conn, id=session_id, now=now)
        return verdict, replace(session, is_revoked=True)
    return verdict, None


def judge_refresh(session: Session, generation: int, now: datetime) -> Verdict:
    """Whether a token renews the session, repeats its last renewal, or is one that a thief or its victim holds."""
    if session.is_revoked or now >= session.expires_at:
        return "over"
    if generation == session.generation:
        return "rotated"
    is_last = generation == session.generation - 1
    return "repeated" if is_last and now - session.rotated_at <= GRACE else "replayed"


async def revoke_session(conn: Conn, session_id: SessionId, *, now: datetime) -> UserId | None:
    """Sign out on one device. Returns who was signed in there, and None where nobody was any more."""
    signed_out: UserId | None = await _SQL["revoke"].fetch_value(conn, id=session_id, now=now)
    return signed_out


async def revoke_sessions(conn: Conn, user_id: UserId, *, now: datetime, but: SessionId | None = None) -> None:
    """Sign somebody out everywhere, or everywhere else."""
    await _SQL["revoke_others"].execute(conn, user_id=user_id, now=now, but=but)


async def find_signed_in(
    conn: Conn, session_id: SessionId, user_id: UserId, *, key_id: UUID, now: datetime
) -> SignedIn | None:
    """The person behind an access token, if session, account and the key that signed it are still good."""
    row = await _SQL["find_caller"].fetch_row(conn, session_id=session_id, key_id=key_id, now=now)
    return SignedIn(**dict(row)) if row and row["id"] == user_id else None


async def find_signing_key(conn: Conn) -> UUID:
    """The id of the key that signs now."""
    found: UUID = await _SQL["find_signing_key"].fetch_value(conn)
    return found


async def renew_signing_key(conn: Conn, *, days: int = SIGNING_KEY_DAYS) -> UUID | None:
    """Sign with a new key if the newest is older than so many days. Returns the new one's id.

    Nobody is signed out: earlier ones go when the last token of theirs has expired.
    """
    added: UUID | None = await _SQL["add_signing_key"].fetch_value(conn, id=new_id(), days=days)
    await _SQL["delete_signing_keys"].execute(conn)
    return added


async def delete_old_sessions(conn: Conn) -> int:
    """Delete up to a thousand sessions that have ended by themselves. Returns how many there were."""
    deleted: int = await _SQL["delete_old"].fetch_value(conn)
    return deleted
