"""A message from a customer, as every channel hands it to the queue, and the way back to them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from database.types.names import (
    Channel,
    IdentifierKind,
    IdentityLevel,
    Priority,
    ThreadId,
    TicketCategory,
    WhatsAppProvider,
    derive_thread_id,
)


class Identity(BaseModel):
    """Who a message says it is from, and how far that can be believed."""

    model_config = ConfigDict(frozen=True)

    kind: IdentifierKind
    value: str
    level: IdentityLevel
    name: str = ""


class TicketRequest(BaseModel):
    """What the customer chose when opening a ticket, and the reference and promise they were given for it.

    `promised_minutes` is None on channels that tell the customer no time.
    """

    model_config = ConfigDict(frozen=True)

    ref: str
    subject: str
    category: TicketCategory
    priority: Priority
    first_reply_due: datetime
    promised_minutes: int | None = None


class Attachment(BaseModel):
    """A file that came with a message. `content_type` is what the sender says, never what it is served as.

    `digest` is the SHA-256 of its content where that is at hand already. Otherwise `locator` is the vendor's name for
    it, and a worker fetches it; `problem` says why it will not be had.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    content_type: str
    size: int | None = None
    digest: str | None = None
    locator: str | None = None
    problem: str | None = None


class MailPath(BaseModel):
    """How a reply reaches a customer who writes mail, and how it becomes part of their thread.

    `in_reply_to` and `references` are Message-IDs with their angle brackets; `vendor_thread` is Gmail's threadId.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["mail"] = "mail"
    to: str
    name: str = ""
    subject: str
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    vendor_thread: str | None = None


class WhatsAppPath(BaseModel):
    """How a reply reaches a customer on WhatsApp.

    `phone` is E.164 with its plus; `user_id` is Meta's business-scoped id. One of them is there, and often both.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["whatsapp"] = "whatsapp"
    provider: WhatsAppProvider
    phone: str | None = None
    user_id: str | None = None


ReplyPath = Annotated[MailPath | WhatsAppPath, Field(discriminator="kind")]


class InboundMessage(BaseModel):
    """One message from a customer, as every channel hands it to the queue.

    `contact` names the thread within its inbox before anything is looked up; `external_id` makes redelivery a
    no-op; `fingerprint` tells a true redelivery from a different message that reuses the id. `sender` is None where
    the thread itself says who writes, as on a ticket page; `also` are further identifiers the channel vouches for.

    On mail the thread is found by what it is known as: `follows` are the keys of earlier messages, best first, and
    `known_as` those under which later ones will find this one. Where nothing is found, `contact` begins a thread.

    `text` is what the customer wrote now and `quoted` what stood below it. A message that starts no turn is kept for
    people: a reaction, an automatic reply. `problem` says why its source could not be read. `sent_at` is when the
    vendor took it, where that is said: a poll may bring what is older.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel
    inbox: Annotated[str, Field(max_length=320)]
    contact: Annotated[str, Field(max_length=500)]
    external_id: Annotated[str, Field(max_length=1000)]
    fingerprint: str
    sender: Identity | None
    text: str
    ticket: TicketRequest | None = None
    also: tuple[Identity, ...] = ()
    reply_path: ReplyPath | None = None
    follows: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    quoted: str = ""
    attachments: tuple[Attachment, ...] = ()
    starts_turn: bool = True
    problem: str | None = None
    source_id: UUID | None = None
    sent_at: AwareDatetime | None = None

    @property
    def thread_id(self) -> ThreadId:
        """The thread this message belongs to."""
        return derive_thread_id(self.channel, self.inbox, self.contact)
