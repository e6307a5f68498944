"""Gmail: pushes from Pub/Sub, the mailbox's history, and replies in the customer's thread."""

from channels.base import ChannelKit
from channels.mail.write import MailWriter
from core.settings import Settings


def build(settings: Settings) -> ChannelKit:
    """The Gmail channel; without GMAIL_ADDRESS it neither reads nor sends."""
    del settings
    return ChannelKit("gmail", MailWriter())
