"""A committed reply, and what became of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from database.types.inbound import ReplyPath
from database.types.names import Channel, ConversationId, DeliveryKind, MessageId


async def hand_over_nowhere() -> None:
    """For replies that no outbox keeps."""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A committed reply, ready for its channel. `id` is the key to pass where a vendor deduplicates or echoes one.

    `window_until` is when WhatsApp stops taking anything but templates for this customer. `tried_at` is the first
    attempt, and `known_vendor_ids` are the vendor's names for other replies of the conversation: with both, a reply
    whose fate is unknown can be told from its neighbours. `trace` is what its delivery continues.
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
    trace: str | None = None
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
