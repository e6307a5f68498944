"""What arrived from a vendor, as it arrived, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from database.types.inbound import Identity, InboundMessage
from database.types.names import Channel
from database.types.outbound import StatusUpdate


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
class Consent:
    """A customer said STOP, or START again. `address` is that of their ReplyPath: phone, or else user_id."""

    channel: Channel
    inbox: str
    address: str
    is_given: bool


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
