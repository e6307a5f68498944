"""The bodies of requests and responses. Unknown fields are refused, every field is bounded."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from channels.web.parse import clean_text
from core.passwords import MAX_CHARACTERS
from database.types import Author, Priority, TicketCategory, TicketStatus


def _clean(value: object) -> object:
    return clean_text(_require_unicode(value)) if isinstance(value, str) else value


def clean_line(value: object) -> object:
    """A text on one line without what no column takes, before it is measured; anything else as it is."""
    return " ".join(clean_text(_require_unicode(value)).split()) if isinstance(value, str) else value


def _keep_whole(value: object) -> object:
    return _require_unicode(value) if isinstance(value, str) else value


def _require_unicode(text: str) -> str:
    """JSON can spell half of a character (a lone surrogate), which no database stores and no page shows."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half of a character (a lone surrogate)") from None
    return text


Name = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=120)]
Subject = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=200)]
MessageText = Annotated[str, BeforeValidator(_clean), StringConstraints(min_length=1, max_length=10_000)]
Identifier = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=320)]
Reason = Annotated[str, BeforeValidator(clean_line), StringConstraints(min_length=1, max_length=500)]
Comment = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=2_000)]
# A name out of a list that the desk keeps, such as that of an intent or a route.
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Email = Annotated[EmailStr, BeforeValidator(clean_line), Field(max_length=254)]
# As it was typed: nothing is trimmed or cleaned.
Password = Annotated[SecretStr, BeforeValidator(_keep_whole), Field(min_length=1, max_length=MAX_CHARACTERS)]


class Request(BaseModel):
    """A request body: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")


class Submission(Request):
    """The support form."""

    name: Name
    email: Email
    subject: Subject
    category: TicketCategory = "general"
    priority: Priority = "medium"
    message: MessageText


class Reply(Request):
    """A further message on a ticket."""

    message: MessageText


class Probe(Request):
    """The question a pipeline probe asks."""

    message: MessageText = "How do I reset my password?"
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """Every error, as RFC 9457 describes it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class Sla(BaseModel):
    """When a person will have replied at the latest."""

    first_reply_minutes: int
    first_reply_by: datetime

    @classmethod
    def between(cls, opened_at: datetime, due: datetime) -> Self:
        """The promise of a ticket opened then."""
        return cls(first_reply_minutes=max(0, round((due - opened_at).total_seconds() / 60)), first_reply_by=due)


class Accepted(BaseModel):
    """The ticket exists; its token opens it."""

    ticket_ref: str
    ticket_token: str
    sla: Sla
    status_url: str


class ReplyAccepted(BaseModel):
    """The message is stored."""

    ticket_ref: str
    message_id: UUID


class SourceView(BaseModel):
    """A passage that an automatic reply rests on."""

    number: int
    title: str
    excerpt: str


class MessageView(BaseModel):
    """One message as the customer sees it."""

    id: UUID
    author: Author
    text: str
    created_at: datetime
    citations: list[SourceView]


class FeedbackView(BaseModel):
    """What the customer said of the ticket."""

    rating: int
    resolved: bool
    comment: str
    created_at: datetime


class TicketView(BaseModel):
    """A ticket as the customer sees it. `answering` says that a reply is being prepared; the latest feedback counts."""

    ticket_ref: str
    status: TicketStatus
    subject: str
    category: TicketCategory
    priority: Priority
    team: str | None
    sla: Sla
    answering: bool
    created_at: datetime
    updated_at: datetime
    messages: list[MessageView]
    feedback: FeedbackView | None


class Health(BaseModel):
    """The process is up."""

    status: str
    version: str


class ProbeReport(BaseModel):
    """What became of a probe and how many milliseconds each stage took."""

    ticket_ref: str
    outcome: str
    brain: str
    stages_ms: dict[str, float]
    reply: str
    citations: list[str]


class ConversationView(BaseModel):
    """A conversation with its messages, deliveries and the agent's runs, for staff."""

    model_config = ConfigDict(extra="allow")

    id: UUID


class ConversationMatch(BaseModel):
    """One conversation of a customer; its id opens /conversations/{id}."""

    id: UUID
    ticket_ref: str
    status: TicketStatus
    channel: str
    created_at: datetime


class CustomerMatch(BaseModel):
    """A customer who holds an address, at which level of proof, and their latest conversations."""

    id: UUID
    name: str
    plan: str
    kind: str
    value: str
    level: str
    conversations: list[ConversationMatch]
    created_at: datetime


class CustomerLookup(BaseModel):
    """Every customer with an address: a typed address and a proven one may belong to different people."""

    customers: list[CustomerMatch]
