"""How the desk is: the answer of the detailed health route."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from database.readiness import DatabaseState

# That an inbox cannot be read or cannot send, or that its vendor has stopped telling us of news, needs attention.
InboxState = Literal["ok", "needs attention"]
ReadyStatus = DatabaseState | Literal["stopping"]


class Health(BaseModel):
    """The process is up."""

    status: str
    version: str


class Ready(BaseModel):
    """Whether this process takes messages: `ready`, or what it waits for. `stopping`: it ends and never will again."""

    status: ReadyStatus
    version: str


class QueueDepth(BaseModel):
    """Threads in work or waiting, how many of them a worker could claim, and the longest of their waits in seconds."""

    threads: int
    claimable: int
    oldest_seconds: float
    dead_letters: int


class WorkerHealth(BaseModel):
    """A worker heard of in the last ten minutes. It is alive unless it has been silent for longer than a lease."""

    id: UUID
    brain: str
    concurrency: int
    in_flight: int
    is_elected: bool
    started_at: datetime
    silent_seconds: float
    is_alive: bool


class InboxHealth(BaseModel):
    """An inbox that is polled or has a problem; `waiting` messages are still to be fetched."""

    channel: str
    inbox: str
    state: InboxState
    synced_at: datetime | None
    watch_until: datetime | None
    read_problem: str | None
    read_problem_since: datetime | None
    send_problem: str | None
    send_problem_since: datetime | None
    waiting: int


class InboxesHealth(BaseModel):
    """The same of all inboxes of a channel, without addresses and vendors' words."""

    channel: str
    state: InboxState
    inboxes: int
    waiting: int
    watch_until: datetime | None


class PauseHealth(BaseModel):
    """The desk receives and sends nothing. `since` is null where a backup was restored by hand.

    `is_restored` says that it came from a backup and was not resumed since. Without an API key there is no `reason`.
    """

    since: datetime | None
    is_restored: bool
    reason: str | None


class DetailedHealth(BaseModel):
    """The whole desk: `ok`, `degraded` (paused, nothing answers, or an inbox cannot be read) or `down` (no database).

    `inboxes` are those that are polled or have a problem: when each was last in step, until when its vendor pushes,
    what keeps it from being read or from sending, and how many messages wait to be fetched. Without an API key they are
    summed up by channel, as are `channels`. `undelivered` counts replies that failed, are in doubt or wait for a
    template. `queue` is null while the database is away.
    """

    status: str
    version: str
    paused: PauseHealth | None
    database: dict[str, Any]
    queue: QueueDepth | None
    workers: list[WorkerHealth]
    channels: list[dict[str, Any]]
    inboxes: list[InboxHealth] | list[InboxesHealth]
    undelivered: dict[str, int]
    brain: str | None
