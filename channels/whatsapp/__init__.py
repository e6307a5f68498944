"""WhatsApp, through Twilio or straight from Meta."""

from channels.base import ChannelKit
from channels.whatsapp.write import WhatsAppWriter
from core.settings import Settings


def build(settings: Settings) -> ChannelKit:
    """The WhatsApp channel; without a provider it neither receives nor sends."""
    del settings
    return ChannelKit("whatsapp", WhatsAppWriter())
