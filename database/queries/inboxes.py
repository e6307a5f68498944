"""Inboxes that are polled: one worker at a time, a cursor that only moves together with what lies before it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from database.pool import Conn
from database.statements import load_statements
from database.storable import clean_reason

_SQL = load_statements("inboxes")


class InboxLost(Exception):
    """Another worker polls this inbox now; what was found is not ours to write."""


@dataclass(frozen=True, slots=True)
class InboxLease:
    """The right to poll one inbox for a while. `is_wanted` says that a push came after the last sync."""

    channel: str
    inbox: str
    token: UUID
    cursor: str | None
    synced_at: datetime | None
    watch_until: datetime | None
    is_wanted: bool
    is_watch_due: bool


async def take_inbox(conn: Conn, channel: str, inbox: str, token: UUID, *, lease_seconds: float) -> InboxLease | None:
    """Take or renew the right to poll; None while another worker has it, or the inbox is closed."""
    row = await _SQL["take"].fetch_row(conn, channel=channel, inbox=inbox, token=token, lease_seconds=lease_seconds)
    return None if row is None else InboxLease(channel, inbox, token, **dict(row))


async def let_go_of_inbox(conn: Conn, lease: InboxLease) -> None:
    """Let another worker poll at once."""
    await _SQL["let_go"].execute(conn, channel=lease.channel, inbox=lease.inbox, token=lease.token)


async def advance_cursor(conn: Conn, lease: InboxLease, cursor: str, synced_at: datetime) -> None:
    """Everything before `cursor` is listed. Raises InboxLost, so that the caller's transaction lists nothing."""
    if not await _SQL["advance"].fetch_value(
        conn, channel=lease.channel, inbox=lease.inbox, token=lease.token, cursor=cursor, synced_at=synced_at
    ):
        raise InboxLost


async def want_sync(conn: Conn, channel: str, inbox: str) -> None:
    """A push said that the inbox has something new."""
    await _SQL["want"].execute(conn, channel=channel, inbox=inbox)


async def note_watch(conn: Conn, lease: InboxLease, watch_until: datetime | None) -> None:
    """Until when the vendor will push."""
    await _SQL["note_watch"].execute(
        conn, channel=lease.channel, inbox=lease.inbox, token=lease.token, watch_until=watch_until
    )


async def note_problem(conn: Conn, channel: str, inbox: str, side: Literal["read", "send"], problem: str) -> None:
    """What keeps this inbox from being read, or from sending, for operators; the first time it is noted is kept."""
    statement = _SQL["note_read_problem"] if side == "read" else _SQL["note_send_problem"]
    await statement.execute(conn, channel=channel, inbox=inbox, problem=clean_reason(problem))


async def clear_send_problem(conn: Conn, channel: str, inbox: str) -> None:
    """It sends again. That it is read again is what `advance_cursor` says."""
    await _SQL["clear_send_problem"].execute(conn, channel=channel, inbox=inbox)


async def list_troubled(conn: Conn) -> list[dict[str, Any]]:
    """Inboxes with a problem, or whose vendor stops pushing within a day, with the seconds until then."""
    return [dict(row) for row in await _SQL["list_troubled"].fetch(conn)]


async def list_inboxes(conn: Conn) -> list[dict[str, Any]]:
    """Every polled inbox: when it was last in step, until when it is watched, its problems, and what waits in it."""
    return [dict(row) for row in await _SQL["list_inboxes"].fetch(conn)]
