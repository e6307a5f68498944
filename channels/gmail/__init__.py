"""Mail: so far how replies are written there."""

from channels.base import ChannelKit
from channels.gmail.write import MailWriter


def build() -> ChannelKit:
    """The mail channel."""
    return ChannelKit("gmail", MailWriter())
