"""What customers send on the web, and what they are shown of their ticket."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from api.schemas.base import Email, MessageText, Name, Request, Subject
from database.types import Author, Priority, TicketCategory, TicketStatus


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
