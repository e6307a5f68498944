"""A message in the queue, and the right to work on its thread."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from pydantic import ValidationError

from core.errors import PermanentError
from database.types.inbound import InboundMessage
from database.types.names import Channel, MessageId, ThreadId


class UnreadableMessage(PermanentError):
    """What is stored is not a message as this version knows them."""


@dataclass(frozen=True)
class QueuedMessage:
    """A message as claimed: its place in the thread, what arrived, as JSON, and the trace that it continues."""

    id: MessageId
    seq: int
    received_at: datetime
    payload: str
    trace: str | None = None

    @cached_property
    def message(self) -> InboundMessage:
        """What arrived. Read at the first use, so that damaged JSON fails its own turn and no other thread's."""
        try:
            return InboundMessage.model_validate_json(self.payload)
        except ValidationError as error:
            # Where it is damaged, and not what stands there: this text goes into logs.
            places = ", ".join(".".join(map(str, detail["loc"])) or "the whole" for detail in error.errors())
            raise UnreadableMessage(f"message {self.id} cannot be read: {places}") from None

    @property
    def written_at(self) -> datetime:
        """When the customer wrote, as far as the vendor says it; never later than it arrived."""
        try:
            return min(self.message.sent_at or self.received_at, self.received_at)
        except UnreadableMessage:
            return self.received_at


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on one thread until `expires_at`, with the messages waiting in it.

    `last_seq` is the newest message at the claim; after a flood it may be beyond the last one that is leased.
    `ready_since` is when the thread became claimable. A suspect has cost three workers their leases already.
    `answered_before` is when this desk was restored from a backup, if the desk before it may have gone on until then.
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
    answered_before: datetime | None = None

    @property
    def key(self) -> tuple[ThreadId, UUID]:
        """What tells this lease from every other."""
        return self.thread_id, self.token

    @property
    def may_have_been_answered(self) -> bool:
        """Whether any of it was written before this desk was restored: the desk before it may have answered."""
        before = self.answered_before
        return before is not None and any(queued.written_at < before for queued in self.messages)

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
    """What publishing did. For a redelivery `is_new` is False and `message` is the one that came first.

    With `is_erased` that one was erased together with its customer, and nothing was written. `trace` is that of the
    message: of the first, therefore, where it is a redelivery.
    """

    thread_id: ThreadId
    message_id: MessageId
    message: InboundMessage
    is_new: bool
    is_erased: bool = False
    trace: str | None = None

    @property
    def contact(self) -> str:
        """The thread's contact; on the web, the ticket's reference."""
        return self.message.contact
