"""The web form and its ticket page."""

from channels.base import ChannelKit
from channels.web.send import WebSender
from channels.web.write import WebWriter


def build() -> ChannelKit:
    """The web channel."""
    return ChannelKit("web", WebWriter(), WebSender())
