"""The vocabulary that channels, agent, workers and api share. Pure: no SQL, no I/O."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import PermanentError
from core.ids import derive_id

ThreadId = NewType("ThreadId", UUID)
MessageId = NewType("MessageId", UUID)
ConversationId = NewType("ConversationId", UUID)
CustomerId = NewType("CustomerId", UUID)
RunId = NewType("RunId", UUID)
WorkerId = NewType("WorkerId", UUID)
SourceId = NewType("SourceId", UUID)

Channel = Literal["gmail", "mailbox", "web", "whatsapp"]
IdentityLevel = Literal["proven", "channel_asserted", "self_reported"]
IdentifierKind = Literal["email", "phone", "whatsapp"]
Author = Literal["customer", "assistant", "person", "system"]
TicketStatus = Literal["open", "auto_resolved", "escalated", "closed"]
TicketCategory = Literal["general", "account", "billing", "technical", "security", "orders", "feedback"]
Priority = Literal["low", "medium", "high", "urgent"]
Owner = Literal["agent", "person"]
Outcome = Literal["answered", "escalated", "silent", "superseded", "person_owns"]
DeliveryState = Literal["queued", "sending", "sent", "delivered", "read", "failed", "unknown", "needs_template"]
# A template invites a customer back whom WhatsApp lets us write nothing else; a code proves an address.
DeliveryKind = Literal["reply", "template", "code"]
WhatsAppProvider = Literal["twilio", "meta"]
PassageKind = Literal["article", "resolution"]
Audience = Literal["public", "internal"]


def derive_thread_id(channel: str, inbox: str, contact: str) -> ThreadId:
    """The id of a thread, known before anything is looked up."""
    return ThreadId(derive_id(channel, inbox, contact))


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
    people: a reaction, an automatic reply. `problem` says why its source could not be read.
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

    @property
    def thread_id(self) -> ThreadId:
        """The thread this message belongs to."""
        return derive_thread_id(self.channel, self.inbox, self.contact)


class Citation(BaseModel):
    """The passage an automatic reply rests on."""

    model_config = ConfigDict(frozen=True)

    number: int
    passage_id: UUID
    source: str
    title: str
    excerpt: str


class UnreadableMessage(PermanentError):
    """What is stored is not a message as this version knows them."""


@dataclass(frozen=True)
class QueuedMessage:
    """A message as claimed: its place in the thread and what arrived, as JSON."""

    id: MessageId
    seq: int
    received_at: datetime
    payload: str

    @cached_property
    def message(self) -> InboundMessage:
        """What arrived. Read at the first use, so that damaged JSON fails its own turn and no other thread's."""
        try:
            return InboundMessage.model_validate_json(self.payload)
        except ValidationError as error:
            # Where it is damaged, and not what stands there: this text goes into logs.
            places = ", ".join(".".join(map(str, detail["loc"])) or "the whole" for detail in error.errors())
            raise UnreadableMessage(f"message {self.id} cannot be read: {places}") from None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one thread until `expires_at`, with the messages waiting in it.

    `last_seq` is the newest message at the claim; after a flood it may be beyond the last one that is leased.
    `ready_since` is when the thread became claimable. A suspect has cost three workers their leases already.
    """

    thread_id: ThreadId
    channel: Channel
    inbox: str
    contact: str
    token: UUID
    attempt: int
    last_seq: int
    done_seq: int
    ready_since: datetime
    is_suspect: bool
    expires_at: datetime
    messages: tuple[QueuedMessage, ...]

    @property
    def key(self) -> tuple[ThreadId, UUID]:
        """What tells this lease from every other."""
        return self.thread_id, self.token

    @property
    def through_seq(self) -> int:
        """The last message this turn has seen."""
        return self.messages[-1].seq if self.messages else self.done_seq


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, for the history that a dead letter keeps. `worker` is host and process."""

    worker: str
    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did. For a redelivery `is_new` is False and `message` is the one that came first."""

    thread_id: ThreadId
    message_id: MessageId
    message: InboundMessage
    is_new: bool

    @property
    def contact(self) -> str:
        """The thread's contact; on the web, the ticket's reference."""
        return self.message.contact


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation as the turn needs it: who, where, and what else has been said, oldest first.

    It is not reachable where a message named nobody who could be answered. `recent_replies` is how often the desk has
    written to this customer by mail, by itself and within an hour, in all their conversations; 0 on other channels.
    `summary` is what was said before `history`; `facts` are what a proven customer has said of themselves. `language`
    is None until a turn has recognised one; `sentiments` are those of the customer's messages, oldest first.
    `history_ids` are the messages of `history`.
    """

    id: ConversationId
    customer_id: CustomerId
    contact_name: str
    channel: Channel
    inbox: str
    identity_level: IdentityLevel
    owner: Owner
    automatic_replies: int
    ticket_ref: str
    ticket_subject: str
    ticket_category: TicketCategory
    ticket_priority: Priority
    history: tuple[tuple[Author, str], ...]
    is_reachable: bool = True
    recent_replies: int = 0
    summary: str = ""
    facts: tuple[str, ...] = ()
    language: str | None = None
    sentiments: tuple[float, ...] = ()
    history_ids: tuple[MessageId, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage found for a question.

    `similarity` is of cosines with passage and title, in [-1, 1], or None without an embedding model; `lexical` is
    BM25 scaled so that the best passage of the search has 1; `named` is above 0 where an identifier of the question
    stands in the passage, 1 where it stands nowhere else; `score` fuses them and orders the results. `rests_on` is the
    article that a resolution was taken from, with its title if
    customers may read it; `language` is None where it may be any.
    """

    id: UUID
    article_id: UUID
    source: str
    category: str
    title: str
    heading: str
    content: str
    similarity: float | None
    lexical: float
    score: float
    kind: PassageKind = "article"
    named: float = 0.0
    rests_on: UUID | None = None
    rests_on_title: str | None = None
    language: str | None = None

    @property
    def topic_id(self) -> UUID:
        """Passages of one topic say the same: those of an article and of the resolutions taken from it."""
        return self.rests_on or self.article_id

    @property
    def public_title(self) -> str:
        """What customers are shown as its source. The title of a resolution is what another customer wrote."""
        if self.kind == "resolution":
            return self.rests_on_title or self.category.capitalize()
        return self.title if self.heading in {"", self.title} else f"{self.title}: {self.heading}"


async def hand_over_nowhere() -> None:
    """For replies that no outbox keeps."""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A committed reply, ready for its channel. `id` is the key to pass where a vendor deduplicates or echoes one.

    `window_until` is when WhatsApp stops taking anything but templates for this customer. `tried_at` is the first
    attempt, and `known_vendor_ids` are the vendor's names for other replies of the conversation: with both, a reply
    whose fate is unknown can be told from its neighbours.
    """

    id: MessageId
    conversation_id: ConversationId
    thread_contact: str
    channel: Channel
    inbox: str
    text: str
    attempt: int
    lease_token: UUID
    in_reply_to: MessageId | None = None
    kind: DeliveryKind = "reply"
    path: ReplyPath | None = None
    ticket_ref: str = ""
    customer_name: str = ""
    window_until: datetime | None = None
    tried_at: datetime | None = None
    known_vendor_ids: frozenset[str] = frozenset()
    is_opted_out: bool = False
    code_id: UUID | None = None
    expires_at: datetime | None = None
    hand_over: Callable[[], Awaitable[None]] = field(default=hand_over_nowhere, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What a vendor says became of a reply. It names the reply by our id, or by the vendor's, or by its Message-ID.

    `is_window_closed` marks the refusal that a template can mend, and `retry_seconds` one that time can: the reply is
    then sent again after so long.
    """

    state: Literal["sent", "delivered", "read", "failed"]
    outbox_id: MessageId | None = None
    vendor_id: str | None = None
    mail_id: str | None = None
    error: str | None = None
    is_window_closed: bool = False
    retry_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A customer said STOP, or START again. `address` is that of their ReplyPath: phone, or else user_id."""

    channel: Channel
    inbox: str
    address: str
    is_given: bool


@dataclass(frozen=True, slots=True)
class Source:
    """What arrived, as it arrived: the body of a webhook, or a mail with all its headers.

    `external_id` is the vendor's name for it within its inbox. `facts` are what the vendor said beside the body, such
    as Gmail's thread and labels.
    """

    channel: Channel
    inbox: str
    external_id: str
    body: bytes
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source says. `contents` are the files found in it, named by the digests of the attachments.

    `wakes` are inboxes of the channel that have something new to be fetched. `revoked` are identifiers whose proof
    no longer holds. `ignored` has a reason for each event that is nothing to us; they are counted and logged.
    """

    messages: tuple[InboundMessage, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)
    statuses: tuple[StatusUpdate, ...] = ()
    consents: tuple[Consent, ...] = ()
    wakes: tuple[str, ...] = ()
    revoked: tuple[Identity, ...] = ()
    ignored: tuple[str, ...] = ()
