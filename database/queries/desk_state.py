"""Whether the desk is paused: then it receives, and nothing leaves it. The claims themselves look at it."""

from dataclasses import dataclass
from datetime import datetime

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("desk_state")


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when, and why. `restored_at` is set if the desk came from a backup and has not been resumed since.

    `paused_at` is None where somebody restored a backup by hand: nothing says since when. `answered_before` is left of
    an earlier restore.
    """

    paused_at: datetime | None
    reason: str | None
    restored_at: datetime | None
    answered_before: datetime | None


async def find_pause(conn: Conn) -> Pause | None:
    """The pause, or None of a desk that is at work."""
    row = await _SQL["find_pause"].fetch_row(conn)
    return None if row is None else Pause(**dict(row))


async def pause(conn: Conn, reason: str) -> bool:
    """Pause the desk; False if it is paused already, which keeps its reason."""
    return bool(await _SQL["pause"].fetch_value(conn, reason=reason))


async def pause_restored(conn: Conn, reason: str) -> None:
    """Pause a desk that was put back to an earlier state, from now on: another may have gone on meanwhile."""
    await _SQL["pause_restored"].execute(conn, reason=reason)


async def lock_pause(conn: Conn) -> Pause | None:
    """The same, and until the end of the transaction nobody else ends it."""
    row = await _SQL["lock_pause"].fetch_row(conn)
    return None if row is None or row["paused_at"] is None else Pause(**dict(row))


async def resume(conn: Conn, answered_before: datetime | None) -> None:
    """The desk is at work. What customers wrote before `answered_before` may have been answered; None leaves that."""
    await _SQL["resume"].execute(conn, answered_before=answered_before)
