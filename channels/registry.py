"""The channels of this desk, one line each."""

from collections.abc import Callable, Mapping

from channels import gmail, mailbox, web, whatsapp
from channels.base import ChannelKit, Channels, Receiver, Sender
from channels.web.parse import FORM_INBOX
from channels.web.send import WebSender
from channels.whatsapp.meta import is_configured as is_meta_configured
from channels.whatsapp.twilio import is_configured as is_twilio_configured
from core.settings import Settings
from database.types import Channel

BUILDERS: Mapping[Channel, Callable[[Settings], ChannelKit]] = {
    "gmail": gmail.build,
    "mailbox": mailbox.build,
    "web": web.build,
    "whatsapp": whatsapp.build,
}

# Messages that the desk sends to itself, on any channel: the reply is only recorded, never sent out.
LOCAL_INBOXES = frozenset({"ask", "probe"})


def build_channels(settings: Settings) -> Channels:
    """Every channel by its name. One that is not configured can still be written for, and has nothing else."""
    return {name: build(settings) for name, build in BUILDERS.items()}


def list_receivers(channels: Channels) -> Mapping[str, Receiver]:
    """Who takes the webhooks, by their address below /webhooks/."""
    return {address: receiver for kit in channels.values() for address, receiver in kit.receivers.items()}


def list_inboxes(settings: Settings) -> list[tuple[Channel, str]]:
    """Every inbox that the settings name, by channel."""
    found: list[tuple[Channel, str | None]] = [
        ("gmail", settings.gmail.address),
        ("mailbox", settings.mailbox.address),
        ("web", FORM_INBOX),
        ("whatsapp", settings.twilio.number if is_twilio_configured(settings.twilio) else None),
        ("whatsapp", settings.meta.phone_number_id if is_meta_configured(settings.meta) else None),
    ]
    return [(channel, inbox) for channel, inbox in found if inbox is not None]


def find_sender(channels: Channels, channel: str, inbox: str) -> Sender | None:
    """Who delivers replies of this inbox."""
    return WebSender() if inbox in LOCAL_INBOXES else channels[channel].sender
