"""The desk at this moment: what has just changed, and how much is waiting where."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database import outbox, queue
from database.pool import Conn
from database.queries import desk_state, inboxes, operations
from database.queue.dead_letters import count_dead_letters
from database.statements import load_statements
from database.types import TicketStatus

_SQL = load_statements("live")

# Beyond one lease and a beat, a worker is dead rather than late.
SILENT_SECONDS = 90


@dataclass(frozen=True, slots=True)
class ChangedTicket:
    """A ticket to look at again. `updated_at` is when the transaction began that changed it."""

    ref: str
    status: TicketStatus
    priority: str
    team: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look has found, oldest first. `read_at` is the position from which the next look goes on."""

    read_at: datetime
    tickets: list[ChangedTicket]


@dataclass(frozen=True, slots=True)
class DeskFigures:
    """How much is waiting where. `channels` are rows of `queue.measure_channels`; a channel without work is absent."""

    channels: list[dict[str, Any]]
    dead_letters: int
    replies: dict[str, int]  # by state: queued, sending, failed, unknown, needs_template
    tickets: dict[str, int]  # by status: open, escalated
    workers: int
    busy: int
    slots: int
    offline_workers: int
    troubled: dict[str, int]  # inboxes by channel
    is_paused: bool

    @property
    def oldest_seconds(self) -> float:
        """How long the longest waiting thread has been claimable."""
        return max((row["oldest_seconds"] for row in self.channels), default=0.0)


async def list_changes(conn: Conn, since: datetime | None, *, overlap_seconds: float, max_tickets: int) -> Changes:
    """Tickets changed since `since`, or just now, and `overlap_seconds` before; at most `max_tickets`."""
    rows = await _SQL["list_changed"].fetch(conn, since=since, overlap_seconds=overlap_seconds, max_tickets=max_tickets)
    found = [
        ChangedTicket(row["ref"], row["status"], row["priority"], row["team"], row["updated_at"])
        for row in rows
        if row["id"] is not None
    ]
    return Changes(rows[0]["read_at"], found)


async def measure_desk(conn: Conn) -> DeskFigures:
    """All figures, in a handful of statements that read only what is unfinished."""
    workers = [row for row in await operations.list_workers(conn) if row["silent_seconds"] < SILENT_SECONDS]
    unsent = {row["state"]: row["replies"] for row in await _SQL["count_unsent"].fetch(conn)}
    return DeskFigures(
        channels=await queue.measure_channels(conn),
        dead_letters=await count_dead_letters(conn),
        replies=unsent | await outbox.measure_undelivered(conn),
        tickets={row["status"]: row["tickets"] for row in await _SQL["count_unsettled"].fetch(conn)},
        workers=len(workers),
        busy=sum(row["in_flight"] for row in workers),
        slots=sum(row["concurrency"] for row in workers),
        offline_workers=sum(row["brain"].startswith("offline") for row in workers),
        troubled=dict(Counter(row["channel"] for row in await inboxes.list_troubled(conn))),
        is_paused=await desk_state.find_pause(conn) is not None,
    )
