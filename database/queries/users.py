"""People who sign in: customers, agents and admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.queries.customers import resolve_customer
from database.queries.sessions import revoke_sessions
from database.statements import load_statements
from database.types import CustomerId, Fact, Identity, Role, UserId

_SQL = load_statements("users")

MAX_AGENTS = 500


class EmailTaken(Exception):
    """Somebody has an account with this address."""


class LastAdmin(Exception):
    """Without this admin nobody could set the desk up any more."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. A role `user` has a customer, whose tickets they see; nobody else has one."""

    id: UserId
    email: str
    name: str
    role: Role
    customer_id: CustomerId | None
    created_at: datetime
    last_sign_in_at: datetime | None
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is compared with."""

    id: UserId
    password_hash: str
    customer_id: CustomerId | None


async def add_user(conn: Conn, *, email: str, name: str, role: Role, password_hash: str) -> User:
    """Open an account. Raises EmailTaken.

    For a customer the one who has proven this address is found, or made: whoever opens the account vouches for it.
    """
    user_id = UserId(new_id())
    customer_id = await _find_customer(conn, role, email, name)
    added = await _SQL["add"].fetch_value(
        conn, id=user_id, email=email, name=name, role=role, password_hash=password_hash, customer_id=customer_id
    )
    if added is None:
        raise EmailTaken
    return User(**dict(await _SQL["find"].fetch_row(conn, id=user_id) or {}))


async def find_user(conn: Conn, user_id: UserId) -> User | None:
    """The account with this id."""
    return _read(await _SQL["find"].fetch_row(conn, id=user_id))


async def find_user_by_email(conn: Conn, email: str) -> User | None:
    """The account with this address, in lower case."""
    return _read(await _SQL["find_by_email"].fetch_row(conn, email=email))


async def find_credentials(conn: Conn, email: str) -> Credentials | None:
    """What signs somebody in with this address, in lower case; None where nobody may. One statement either way."""
    row = await _SQL["find_credentials"].fetch_row(conn, email=email)
    return Credentials(**dict(row)) if row else None


async def list_users(conn: Conn, *, before: UUID | None = None, max_rows: int) -> list[User]:
    """Accounts, the newest first; the next page is of those before the last one's id."""
    return [User(**dict(row)) for row in await _SQL["list_page"].fetch(conn, before=before, max_rows=max_rows)]


async def list_agents(conn: Conn) -> list[dict[str, Any]]:
    """Id and name of everybody who may be given a ticket."""
    return [dict(row) for row in await _SQL["list_agents"].fetch(conn, max_rows=MAX_AGENTS)]


async def has_admin(conn: Conn) -> bool:
    """Whether anybody can sign in and set the desk up."""
    found: bool = await _SQL["has_admin"].fetch_value(conn)
    return found


async def change_user(
    conn: Conn,
    user_id: UserId,
    *,
    now: datetime,
    name: str | None = None,
    role: Role | None = None,
    is_disabled: bool | None = None,
) -> tuple[User, User] | None:
    """Change what is given; a disabled account is signed out everywhere. Raises LastAdmin.

    The tickets of whoever may have none any more are nobody's, or they would wait for them alone. Returns the account
    as it was and as it is.
    """
    admins = [row["id"] for row in await _SQL["lock_admins"].fetch(conn)]
    user = await find_user(conn, user_id)
    if user is None:
        return None
    new_role = role or user.role
    is_out = user.disabled_at is not None if is_disabled is None else is_disabled
    if admins == [user_id] and (new_role != "admin" or is_out):
        raise LastAdmin
    new_name = user.name if name is None else name
    customer_id = user.customer_id or await _find_customer(conn, new_role, user.email, new_name)
    await _SQL["change"].execute(
        conn,
        id=user_id,
        name=new_name,
        role=new_role,
        customer_id=customer_id if new_role == "user" else None,
        is_disabled=is_out,
    )
    if is_out:
        await revoke_sessions(conn, user_id, now=now)
    if is_out or new_role == "user":
        await _SQL["let_go_of_tickets"].execute(conn, id=user_id)
    return user, await find_user(conn, user_id) or user


async def set_password(conn: Conn, user_id: UserId, password_hash: str, *, old_hash: str | None = None) -> bool:
    """Store the hash of a new password; False where the one before it is not `old_hash` any more.

    Revoking the sessions that the old one opened is the caller's.
    """
    found = await _SQL["set_password"].fetch_value(conn, id=user_id, password_hash=password_hash, old_hash=old_hash)
    return found is not None


async def note_sign_in(conn: Conn, credentials: Credentials, now: datetime) -> bool:
    """Somebody signs in with these credentials. False if they have just stopped being good."""
    noted = await _SQL["note_sign_in"].fetch_value(
        conn, id=credentials.id, password_hash=credentials.password_hash, now=now
    )
    return noted is not None


async def _find_customer(conn: Conn, role: Role, email: str, name: str) -> CustomerId | None:
    if role != "user":
        return None
    return await resolve_customer(conn, Identity(kind="email", value=email, level="proven", name=name))


def describe_account(user: User) -> dict[str, Fact]:
    """What the audit log is told of an account."""
    return {"role": user.role, "is_disabled": user.disabled_at is not None, "customer": user.customer_id}


def _read(row: Any) -> User | None:  # noqa: ANN401  # a record of the driver
    return None if row is None else User(**dict(row))
