"""The small protocols of a channel. A channel bundles whichever of them it supports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from database.types import Citation, OutboundMessage


@dataclass(frozen=True, slots=True)
class Letter:
    """What every written reply needs to know about its conversation."""

    customer_name: str
    ticket_ref: str
    company: str
    signature: str

    @property
    def first_name(self) -> str:
        """How to greet, or an empty string where the customer gave no name."""
        return self.customer_name.split()[0] if self.customer_name.split() else ""


class Writer(Protocol):
    """Turns a draft into the words of one channel."""

    def write_answer(self, text: str, citations: list[Citation], letter: Letter) -> str:
        """An automatic answer with its sources."""
        ...

    def write_handover(self, team: str, letter: Letter) -> str:
        """What the customer is told when a person takes over."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel accepted the message. `vendor_id` is its name for it, where it has one."""

    vendor_id: str | None = None


class DeliveryFailed(Exception):
    """The channel surely did not accept the message.

    `permanent` means that trying again is pointless; `retry_after` is how many seconds the vendor asked us to wait.
    """

    def __init__(self, reason: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


class DeliveryUncertain(Exception):
    """The channel may or may not have accepted the message. It is never blindly repeated."""


class Sender(Protocol):
    """Delivers replies. `is_repeatable` says that sending the same reply twice does no harm."""

    @property
    def is_repeatable(self) -> bool:
        """Whether a send that died half-way may simply be done again."""
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Deliver one reply, or raise DeliveryFailed or DeliveryUncertain."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelKit:
    """What one channel can do. Without a sender, a reply to it is recorded as failed and a person must look."""

    name: str
    writer: Writer
    sender: Sender | None = None


Channels = Mapping[str, ChannelKit]
