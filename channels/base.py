"""The small protocols of a channel. A channel bundles whichever of them it supports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs

from core.findings import Finding
from database.types import (
    Attachment,
    Channel,
    Citation,
    OutboundMessage,
    Parsed,
    Source,
)

# What comes in ---------------------------------------------------------------------------------------------


class MalformedSource(Exception):
    """A source cannot be read. It is kept, and the next one is processed; for a mail a person gets a ticket."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it came. Header names are lower case.

    `url` is the configured public address with the raw path and query: what a vendor signed, whatever a proxy did.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the URL; blank ones are kept."""
        return parse_qs(self.url.partition("?")[2], keep_blank_values=True)


class BadSignature(Exception):
    """The request does not prove that the vendor sent it. Nothing of it is stored. `status` is 401 or 403."""

    def __init__(self, reason: str, *, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


class VendorAway(Exception):
    """The vendor cannot be asked at the moment; later it may."""


class Receiver(Protocol):
    """Takes the webhooks of one vendor, at one address."""

    @property
    def channel(self) -> Channel:
        """The channel its messages belong to."""
        ...

    @property
    def answer(self) -> tuple[str, str]:
        """Media type and body of the answer to a request that was taken."""
        ...

    async def verify(self, request: WebhookRequest) -> None:
        """Raise BadSignature unless the vendor sent this, or VendorAway if that cannot be told now."""
        ...

    def parse(self, source: Source) -> Parsed:
        """Read what was verified. Raises nothing but MalformedSource."""
        ...

    def confirm(self, request: WebhookRequest) -> str | None:
        """The text that a vendor's GET wants back before it sends anything, or None where it is not to be had."""
        ...


class SignInNeeded(Exception):
    """The vendor refuses our credentials for this inbox: somebody must sign in again. Nothing is lost meanwhile."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that is new after a cursor, oldest first, and the cursor behind it."""

    external_ids: tuple[str, ...]
    cursor: str


class Poller(Protocol):
    """Fetches from one inbox what no webhook brings. Its caller makes sure that only one runs for an inbox.

    Every method raises SignInNeeded or VendorAway, and nothing else, where the vendor does not answer as it should.
    """

    @property
    def channel(self) -> Channel:
        """The channel of its messages."""
        ...

    @property
    def inbox(self) -> str:
        """The inbox it looks into."""
        ...

    @property
    def poll_seconds(self) -> float:
        """How often to look where nothing tells us of news."""
        ...

    async def list_new(self, cursor: str | None, synced_at: datetime | None) -> Listing:
        """All pages of what is new. Without a cursor: nothing, and the cursor of this moment.

        A cursor that the vendor no longer knows is made good by everything since `synced_at`, with a margin.
        """
        ...

    async def fetch(self, external_id: str) -> Source | None:
        """One of them whole, or None if it is gone."""
        ...

    def parse(self, source: Source) -> Parsed:
        """Read what was fetched. Raises nothing but MalformedSource."""
        ...

    async def watch(self) -> datetime | None:
        """Ask the vendor to tell us of news, and return until when it will; None where there is no such thing."""
        ...

    async def wait_for_news(self, seconds: float) -> None:
        """Return when there may be news, at the latest after so many seconds."""
        ...

    async def aclose(self) -> None:
        """Hang up."""
        ...


class MediaFetcher(Protocol):
    """Fetches files that a message only names."""

    async def fetch(self, inbox: str, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content. Raises MediaRefused where it is not to be had, or VendorAway where it may be later."""
        ...


class MediaRefused(Exception):
    """The vendor does not have the file any more, or it is larger than what is taken."""


# What goes out ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """What every written reply needs to know about its conversation.

    `known_languages` are those of the automatic help where the customer's is none of them, and it has to say so.
    """

    customer_name: str
    ticket_ref: str
    company: str
    signature: str
    language: str = "en"
    known_languages: tuple[str, ...] = ()

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

    def split(self, text: str) -> list[str]:
        """The messages that a text must be sent as, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel accepted the message. `vendor_id` is its name for it, where it has one.

    `mail_id` is the Message-ID under which the customer has it, and `known_as` the keys by which replies to it find
    its thread. `hold_seconds` is how long the next message to this customer waits unless the vendor reports earlier.
    """

    vendor_id: str | None = None
    mail_id: str | None = None
    known_as: tuple[str, ...] = ()
    hold_seconds: float = 0.0


class DeliveryFailed(Exception):
    """The channel surely did not accept the message.

    `permanent` means that trying again is pointless; `retry_after` is how many seconds the vendor asked this reply to
    wait. What concerns the whole inbox is RateLimited or InboxBlocked.
    """

    def __init__(self, reason: str, *, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.retry_after = retry_after


class RateLimited(DeliveryFailed):
    """The vendor wants fewer sends from this inbox: nobody sends from it for `retry_after` seconds."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason, permanent=False, retry_after=retry_after)


class WindowClosed(DeliveryFailed):
    """The customer last wrote so long ago that only a template may be sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class InboxBlocked(DeliveryFailed):
    """The vendor refuses everything from this inbox for now: a limit, a lock, a bill. Operators are told."""

    def __init__(self, reason: str, *, retry_after: float = 900.0) -> None:
        super().__init__(reason, permanent=False, retry_after=retry_after)


class DeliveryUncertain(Exception):
    """The channel may or may not have accepted the message. It is never blindly repeated."""


class Sender(Protocol):
    """Delivers replies. `is_repeatable` says that sending the same reply twice does no harm."""

    @property
    def is_repeatable(self) -> bool:
        """Whether a send that died half-way may simply be done again."""
        ...

    async def send(self, message: OutboundMessage) -> Receipt:
        """Deliver one reply, or raise DeliveryFailed, DeliveryUncertain or SignInNeeded.

        Awaits `message.hand_over()` right before the vendor might accept it, and lets through what that raises.
        """
        ...


class Reconciler(Protocol):
    """Asks the vendor what became of a reply that may or may not have been sent."""

    async def find(self, message: OutboundMessage) -> Receipt | None:
        """The receipt of a reply that the vendor has, or None if it surely does not have it now.

        Raises VendorAway or SignInNeeded where the vendor cannot say.
        """
        ...


# How it stands ---------------------------------------------------------------------------------------------


class Examiner(Protocol):
    """Asks a vendor whether our account there works. Its questions change nothing and send nothing."""

    @property
    def name(self) -> str:
        """Which vendor, for operators."""
        ...

    @property
    def reached_by(self) -> str:
        """What may be wrong where the vendor does not answer: settings, or the way to it."""
        ...

    async def examine(self) -> Sequence[Finding]:
        """What the vendor says. Raises nothing but VendorAway, where it does not say anything."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelKit:
    """What one channel can do. Without a sender, a reply to it is recorded as failed and a person must look.

    `receivers` are by their address below /webhooks/. `sends_per_minute` holds for each inbox, over all workers.
    `examiners` say whether its accounts work.
    """

    name: Channel
    writer: Writer
    sender: Sender | None = None
    reconciler: Reconciler | None = None
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    pollers: Sequence[Poller] = ()
    media: MediaFetcher | None = None
    sends_per_minute: float | None = None
    examiners: Sequence[Examiner] = ()


Channels = Mapping[str, ChannelKit]
