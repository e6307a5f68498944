"""The staff's side, live: which tickets to look at again, and how the queue is doing."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi.security import HTTPAuthorizationCredentials
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from api.access import Bearer, KeyHeader, allow, identify
from api.desk import Desk, DeskDep
from api.feed import TooManyStreams
from api.problems import Problem
from core.background import wait_briefly
from database.patience import is_passing
from database.pool import DATABASE_ERRORS
from database.queries.live import ChangedTicket, Changes, DeskFigures, list_changes
from database.types import TicketStatus

router = APIRouter(tags=["staff"])

# Notifications only wake the stream; it looks by itself this often, and then also says how the queue is doing.
STREAM_RECHECK_SECONDS = 5.0
# A burst of changes is one look.
PAUSE_SECONDS = 0.5
# Whoever was signed out or lost the right hears nothing more after this.
CALLER_RECHECK_SECONDS = 15.0
# More than these are not told one by one.
MAX_TICKETS = 1_000
# The turn's commit is the longest transaction that changes a ticket, and fails when its lease has run out.
_SHORTEST_OVERLAP_SECONDS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Position = Annotated[str, Field(pattern=r"^[0-9]{1,16}$")]


class TicketChanged(BaseModel):
    """Look at this ticket again."""

    ref: str
    status: TicketStatus
    priority: str
    team: str | None
    updated_at: datetime


class QueueState(BaseModel):
    """How the queue and its workers are doing. `database` is false while nothing can be said of them."""

    database: bool
    waiting: int = 0
    leased: int = 0
    oldest_seconds: int = 0
    dead_letters: int = 0
    undelivered: int = 0
    workers: int = 0
    busy: int = 0
    slots: int = 0
    channels: dict[str, int] = {}


class Reset(BaseModel):
    """So much has changed that everything should be looked at again."""

    reason: Literal["many_changes"] = "many_changes"


async def follow_all(desk: DeskDep) -> AsyncIterator[asyncio.Event]:
    """The event that wakes this stream. A dependency, so that a refusal is an answer and not a broken stream."""
    try:
        with desk.feed.follow(None) as changed:
            yield changed
    except TooManyStreams:
        raise Problem(503, "Too many live connections; come again soon.", headers={"Retry-After": "5"}) from None


async def find_position(
    last_event_id: Annotated[Position | None, Header(description="The id of the last event that was received.")] = None,
    after: Annotated[Position | None, Query(description="The same, where no header can be set.")] = None,
) -> datetime | None:
    """Up to where the caller has heard already."""
    position = last_event_id or after
    return _read_position(position) if position else None


@router.get("/events", response_class=EventSourceResponse, dependencies=[Depends(allow("tickets:read"))])
async def follow_desk(
    desk: DeskDep,
    changed: Annotated[asyncio.Event, Depends(follow_all)],
    bearer: Bearer,
    key: KeyHeader,
    position: Annotated[datetime | None, Depends(find_position)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `ticket` (one has changed), `queue` (figures), `reset` (look at everything again).

    After a reconnection everything comes that has changed since `Last-Event-ID`. An event may come twice; it only says
    to look again. The stream ends when the caller may no longer read tickets; it also ends when this process
    stops, and then is to be opened again.
    """
    stream = _Stream(desk, bearer, key, position)
    while not desk.stopping.is_set():
        changed.clear()
        try:
            if not await stream.may_go_on():
                return
            events = await stream.look()
        except DATABASE_ERRORS as error:
            # The stream outlasts an outage: hundreds that broke at once would all come again at once.
            if not is_passing(error):
                raise
            events = stream.tell_queue(None)
        for event in events:
            yield event
        await asyncio.sleep(PAUSE_SECONDS)
        await wait_briefly(changed, STREAM_RECHECK_SECONDS)


class _Stream:
    """What one follower has been told. Holds no more than the tickets of one look."""

    def __init__(
        self, desk: Desk, bearer: HTTPAuthorizationCredentials | None, key: str | None, position: datetime | None
    ) -> None:
        self._desk = desk
        self._bearer = bearer
        self._key = key
        self._position = position
        self._overlap_seconds = max(_SHORTEST_OVERLAP_SECONDS, desk.settings.worker.lease_seconds)
        self._told: set[ChangedTicket] = set()
        self._queue: QueueState | None = None
        self._identified_at = time.monotonic()

    async def may_go_on(self) -> bool:
        """Whether the caller may still read tickets; asked again every so often."""
        if time.monotonic() - self._identified_at < CALLER_RECHECK_SECONDS:
            return True
        try:
            caller = await identify(self._desk, self._bearer, self._key)
        except Problem:
            return False
        self._identified_at = time.monotonic()
        return caller.has("tickets:read")

    async def look(self) -> list[ServerSentEvent]:
        """What is new since the last look."""
        async with self._desk.pool.acquire() as conn:
            changes = await list_changes(
                conn, self._position, overlap_seconds=self._overlap_seconds, max_tickets=MAX_TICKETS + 1
            )
        figures = await self._desk.figures.read()
        return [*self._tell_tickets(changes), *self.tell_queue(figures)]

    def _tell_tickets(self, changes: Changes) -> list[ServerSentEvent]:
        self._position = changes.read_at
        position = _write_position(changes.read_at)
        if len(changes.tickets) > MAX_TICKETS:
            return [ServerSentEvent(event="reset", id=position, data=Reset())]
        news = [ticket for ticket in changes.tickets if ticket not in self._told]
        self._told = set(changes.tickets)
        # Only the last carries the position: a connection that breaks between two of them must bring all again.
        return [
            ServerSentEvent(
                event="ticket",
                id=position if place == len(news) else None,
                data=TicketChanged.model_validate(ticket, from_attributes=True),
            )
            for place, ticket in enumerate(news, start=1)
        ]

    def tell_queue(self, figures: DeskFigures | None) -> list[ServerSentEvent]:
        """How the queue is doing, if that has changed."""
        state = QueueState(database=False) if figures is None else _describe_queue(figures)
        if state == self._queue:
            return []
        self._queue = state
        # The first event of all gives a position even to a client that sees no ticket change.
        return [ServerSentEvent(event="queue", id=self._name_position(), data=state)]

    def _name_position(self) -> str | None:
        return _write_position(self._position) if self._position else None


def _describe_queue(figures: DeskFigures) -> QueueState:
    return QueueState(
        database=True,
        waiting=sum(row["claimable"] for row in figures.channels),
        leased=sum(row["leased"] for row in figures.channels),
        oldest_seconds=round(figures.oldest_seconds),
        dead_letters=figures.dead_letters,
        undelivered=sum(figures.replies.get(state, 0) for state in ("failed", "unknown", "needs_template")),
        workers=figures.workers,
        busy=figures.busy,
        slots=figures.slots,
        channels={row["channel"]: row["claimable"] for row in figures.channels},
    )


def _read_position(position: str) -> datetime:
    return _EPOCH + timedelta(microseconds=int(position))


def _write_position(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(microseconds=1))
