"""The web form and its ticket page."""

from channels.base import ChannelKit
from channels.web.send import WebSender
from channels.web.write import WebWriter
from core.settings import Settings


def build(_settings: Settings) -> ChannelKit:
    """The web channel."""
    return ChannelKit("web", WebWriter(), WebSender())
