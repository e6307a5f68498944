"""The bodies of requests and responses about the settings of the desk."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from api.schemas.base import Request, clean_line
from api.schemas.probe import ProbeReport
from database.types import Channel, Route
from database.types.jobs import JobState

Team = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=120)]
Instructions = Annotated[str, BeforeValidator(clean_line), StringConstraints(max_length=2_000)]
Recipient = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=3, max_length=254)]


class ChannelView(BaseModel):
    """One inbox. Without `is_configured` the settings do not name it, and nothing is read or sent there.

    `quiet_seconds` None is what the channel does by itself. `synced_at` is when it was last read to its end, and
    `watch_until` how long its vendor pushes; a problem is what keeps it from being read or from sending. `waiting`
    counts messages that are listed there and not fetched yet.
    """

    channel: Channel
    inbox: str
    is_configured: bool
    enabled: bool = True
    quiet_seconds: float | None = None
    synced_at: datetime | None = None
    watch_until: datetime | None = None
    read_problem: str | None = None
    read_problem_since: datetime | None = None
    send_problem: str | None = None
    send_problem_since: datetime | None = None
    waiting: int = 0


class ChannelList(BaseModel):
    """Every inbox that is configured, or was."""

    channels: list[ChannelView]


class ChannelChange(Request):
    """What shall be different. A quiet period of null is what the channel does by itself."""

    enabled: bool | None = None
    quiet_seconds: Annotated[float | None, Field(ge=0, le=8)] = None


class ChannelTrial(Request):
    """To whom a test message goes: an address, on WhatsApp a number such as +4930123456, on the web nobody."""

    to: Recipient | None = None


class TrialView(BaseModel):
    """What became of a test message. On the web a `probe` went through the whole pipeline, and is done at once."""

    id: UUID | None
    channel: Channel
    inbox: str
    to: str | None
    state: JobState
    problem: str | None = None
    probe: ProbeReport | None = None


class RouteView(BaseModel):
    """To which team a matter goes when a person is needed, and what that team is told."""

    category: Route
    team: str
    instructions: str


class RouteList(BaseModel):
    """Every escalation route."""

    routes: list[RouteView]


class RouteChange(Request):
    """Another team, or other instructions."""

    team: Team
    instructions: Instructions


class Overview(BaseModel):
    """What the desk runs with, from its environment; read only. `brain` is of the workers that are alive."""

    version: str
    environment: str
    company: str
    team: str
    brain: str | None
    model: str | None
    workers: int
    confidence_threshold: float
    max_automatic_replies: int
    learns_resolutions: bool
    embedding_provider: str
    ticket_prefix: str
    promised_minutes: dict[str, int]
    queue_retention_days: int
