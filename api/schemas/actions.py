"""What is done to tickets: opened, answered, noted, given to somebody, rated; and how they stand then."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, Field

from api.schemas.base import Comment, Email, Label, MessageText, Name, Reason, Request, Subject
from api.schemas.support import Accepted
from api.schemas.tickets import Member
from database.types import Outcome, Owner, Priority, TicketCategory, TicketStatus
from database.types.lifecycle import Step

TicketRef = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$", description="Such as TF-20261121-0001.")]


class NamedCustomer(Request):
    """Of whom staff or a machine opens a ticket. Nothing is proven by naming somebody."""

    email: Email
    name: Name


class NewTicket(Request):
    """A ticket. A customer who signed in opens it for themselves and leaves `customer` out; all others name one."""

    subject: Subject
    message: MessageText
    category: TicketCategory = "general"
    priority: Priority = "medium"
    customer: NamedCustomer | None = None


class TicketOpened(Accepted):
    """The ticket exists; its token opens its page to whoever holds it."""

    status: TicketStatus


class PersonReply(Request):
    """What a person answers, in their own words."""

    text: MessageText


class NewNote(Request):
    """What is noted for other staff."""

    text: MessageText


class Assignment(Request):
    """To whom the ticket is given; null to nobody."""

    user_id: UUID | None


class Escalation(Request):
    """Which route the ticket takes, and why."""

    route: Label
    reason: Reason


class Correction(Request):
    """What a person knows better. What is left out stays as it is."""

    category: TicketCategory | None = None
    priority: Priority | None = None
    intent: Label | None = None
    route: Label | None = None


class TicketState(BaseModel):
    """How a ticket stands after something was done to it. `allowed` are the next steps."""

    ticket_ref: str
    status: TicketStatus
    owner: Owner
    category: TicketCategory
    priority: Priority
    intent: str | None
    route: str | None
    team: str | None
    assignee: Member | None
    allowed: list[Step]
    updated_at: datetime


class ReplyQueued(BaseModel):
    """The answer is stored and on its way; its delivery stands at the message of the ticket."""

    message_id: UUID
    ticket: TicketState


class NewFeedback(Request):
    """What a customer says of a ticket: from 1 to 5, and whether the matter is settled."""

    rating: Annotated[int, Field(ge=1, le=5)]
    resolved: bool
    comment: Comment = ""


class FeedbackAccepted(BaseModel):
    """The feedback counts; without a solution the ticket is a person's now, with the named team."""

    ticket_ref: str
    status: TicketStatus
    rating: int
    resolved: bool
    team: str | None


class Resolve(Request):
    """For how long to wait for the decision."""

    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 10.0


class ResolutionWaits(BaseModel):
    """The decision is not there yet; ask again."""

    state: Literal["waiting"] = "waiting"
    ticket_ref: str
    status: TicketStatus


class ResolutionCitation(BaseModel):
    """A passage that the reply rests on."""

    number: int
    title: str
    excerpt: str


class Resolution(BaseModel):
    """What the desk has decided on the newest messages. Without an `outcome` a person had the ticket from the start."""

    state: Literal["settled"] = "settled"
    ticket_ref: str
    status: TicketStatus
    outcome: Outcome | None
    action: str | None
    rule: str | None
    reason: str | None
    confidence: float | None
    required_confidence: float | None
    team: str | None
    reply: str | None
    citations: list[ResolutionCitation]
