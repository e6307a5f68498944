"""Any mailbox: read over IMAP, answered over SMTP."""

from channels.base import ChannelKit
from channels.mail.write import MailWriter
from core.settings import Settings


def build(settings: Settings) -> ChannelKit:
    """The mailbox channel; without MAILBOX_ADDRESS it neither reads nor sends."""
    del settings
    return ChannelKit("mailbox", MailWriter())
