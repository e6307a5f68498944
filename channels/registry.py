"""The channels of this desk, one line each."""

from channels import gmail, mailbox, web, whatsapp
from channels.base import Channels, Sender
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


def find_sender(channels: Channels, channel: str, inbox: str) -> Sender | None:
    """Who delivers replies of this inbox."""
    return WebSender() if inbox in LOCAL_INBOXES else channels[channel].sender
