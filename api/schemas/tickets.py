"""Tickets as staff and machines see them: in a list, and one with everything that was said, decided and noted."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.base import Label, Request, clean_line
from api.schemas.support import FeedbackView, Sla, SourceView
from database.queries.ticket_lists import Order
from database.types import (
    Author,
    Channel,
    DeliveryState,
    IdentityLevel,
    Outcome,
    Owner,
    Priority,
    TicketCategory,
    TicketStatus,
)
from database.types.lifecycle import Step

Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]


class TicketQuery(Request):
    """Which tickets, in which order. What is left out is not asked for.

    `q` are words as for a search on the web: all of them, "a phrase", one OR another, -without. `status` may be given
    more than once. Orders: newest activity, newest creation, longest waiting for a person, most urgent.
    """

    q: Annotated[str | None, BeforeValidator(clean_line), Field(min_length=1, max_length=200)] = None
    status: Annotated[tuple[TicketStatus, ...], Field(max_length=4)] = ()
    channel: Channel | None = None
    route: Label | None = None
    priority: Priority | None = None
    category: TicketCategory | None = None
    assignee: Literal["me", "none"] | UUID | None = None
    customer_id: UUID | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    has_delivery_problem: bool | None = None
    sort: Order = "activity"
    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class Member(BaseModel):
    """Somebody of the staff."""

    id: UUID
    name: str


class LastMessage(BaseModel):
    """How a conversation stands: the beginning of what was said last."""

    author: Author
    excerpt: str
    created_at: datetime


class TicketRow(BaseModel):
    """A ticket in a list.

    `awaits_person`: the customer has said something that a person has to answer. `answering`: the agent is at it.
    `page`: where its customer reads on and answers, told to them alone and for tickets of the form.
    """

    ticket_ref: str
    subject: str
    status: TicketStatus
    priority: Priority
    category: TicketCategory
    intent: str | None
    channel: Channel
    inbox: str
    customer_id: UUID
    customer_name: str
    route: str | None
    team: str | None
    assignee: Member | None
    owner: Owner
    awaits_person: bool
    answering: bool
    delivery_problem: str | None
    first_reply_due: datetime
    created_at: datetime
    updated_at: datetime
    last_message: LastMessage | None
    page: str | None = None


class TicketPage(BaseModel):
    """Tickets in the order that was asked for; `next_cursor` leads to the next ones, if there are more."""

    tickets: list[TicketRow]
    next_cursor: str | None


class TicketCounts(BaseModel):
    """How many tickets there are of each status; `unassigned` wait for a person and have none, `mine` are not closed.

    1,000 stands for as many or more. For a customer who signed in all are their own.
    """

    open: int
    auto_resolved: int
    escalated: int
    closed: int
    unassigned: int
    mine: int


class TicketCustomer(BaseModel):
    """Whose ticket it is."""

    id: UUID
    name: str
    contact_name: str
    plan: str
    identity_level: IdentityLevel


class FileView(BaseModel):
    """A file that came with a message; /attachments/{id} serves it."""

    model_config = ConfigDict(extra="ignore")

    id: UUID
    message_id: UUID
    name: str
    content_type: str
    size: int | None
    problem: str | None


class StaffSourceView(SourceView):
    """A passage that an automatic reply rests on, and the article or the ticket that it is from."""

    source: str


class StaffMessageView(BaseModel):
    """One message as staff see it. `delivery` is None for what a customer wrote.

    `written_by` is who of the staff, or which key, has written a person's reply.
    """

    model_config = ConfigDict(extra="ignore")

    id: UUID
    author: Author
    written_by: str | None
    text: str
    quoted: str
    citations: list[StaffSourceView]
    language: str | None
    sentiment: float | None
    delivery: DeliveryState | None
    delivery_error: str | None
    created_at: datetime


class NoteView(BaseModel):
    """What staff have noted; no customer and no model is shown it."""

    id: UUID
    text: str
    written_by: str
    created_at: datetime


class ToolCallView(BaseModel):
    """What the agent did in a turn, and what it was told."""

    tool: str
    arguments: Any
    output: str
    milliseconds: float


class RunLabelView(BaseModel):
    """What became known of a turn afterwards; `is_right` is None where it says nothing of the answer."""

    kind: str
    value: str
    is_right: bool | None
    given_by: Literal["customer", "person"]
    created_at: datetime


class RunView(BaseModel):
    """A turn of the agent: what it decided and why, and what that cost.

    `decision` is all that was weighed; `rule`, `reason`, `confidence` and `required_confidence` are taken from it.
    """

    model_config = ConfigDict(extra="ignore")

    id: UUID
    outcome: Outcome
    action: str | None
    rule: str | None
    reason: str | None
    confidence: float | None
    required_confidence: float | None
    decision: dict[str, Any]
    stages: dict[str, float]
    brain: str
    model: str
    fallback: str | None
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: float | None
    tool_calls: list[ToolCallView]
    model_calls: list[dict[str, Any]]
    labels: list[RunLabelView]
    created_at: datetime


class TicketDetail(BaseModel):
    """A ticket as staff see it: with everything that was said, decided and noted. `allowed` are the next steps."""

    ticket_ref: str
    conversation_id: UUID
    status: TicketStatus
    allowed: list[Step]
    subject: str
    category: TicketCategory
    priority: Priority
    channel: Channel
    inbox: str
    owner: Owner
    customer: TicketCustomer
    assignee: Member | None
    route: str | None
    team: str | None
    intent: str | None
    intent_trust: float | None
    intent_by: Literal["model", "person"] | None
    confidence: float | None
    handover_reason: str | None
    handover_summary: str | None
    handover_draft: str | None
    delivery_problem: str | None
    language: str | None
    sentiment: float | None
    sentiment_trend: float
    cost_usd: float | None
    sla: Sla
    answering: bool
    created_at: datetime
    updated_at: datetime
    messages: list[StaffMessageView]
    attachments: list[FileView]
    notes: list[NoteView]
    runs: list[RunView]
    feedback: list[FeedbackView]
