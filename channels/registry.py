"""The channels of this desk, one line each."""

from collections.abc import Mapping

from channels import gmail, mailbox, web, whatsapp
from channels.base import Channels, Receiver, Sender
from channels.web.send import WebSender
from core.settings import Settings

# Messages that the desk sends to itself, on any channel: the reply is only recorded, never sent out.
LOCAL_INBOXES = frozenset({"ask", "probe"})


def build_channels(settings: Settings) -> Channels:
    """Every channel by its name. One that is not configured can still be written for, and has nothing else."""
    kits = [
        gmail.build(settings),
        mailbox.build(settings),
        web.build(settings),
        whatsapp.build(settings),
    ]
    return {kit.name: kit for kit in kits}


def build_receivers(settings: Settings) -> Mapping[str, Receiver]:
    """Who takes the webhooks, by their address below /webhooks/."""
    return {
        address: receiver for kit in build_channels(settings).values() for address, receiver in kit.receivers.items()
    }


def find_sender(channels: Channels, channel: str, inbox: str) -> Sender | None:
    """Who delivers replies of this inbox."""
    return WebSender() if inbox in LOCAL_INBOXES else channels[channel].sender
