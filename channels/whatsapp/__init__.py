"""WhatsApp: so far how replies are written there."""

from channels.base import ChannelKit
from channels.whatsapp.write import WhatsAppWriter


def build() -> ChannelKit:
    """The WhatsApp channel."""
    return ChannelKit("whatsapp", WhatsAppWriter())
