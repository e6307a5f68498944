"""The steps of a message through a worker. Each is announced, so that a test can end the process right there."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """In order. What is written in a step that ends in `-ing` is not committed yet."""

    CLAIMED = "claimed"
    RESOLVING = "resolving"
    RESOLVED = "resolved"
    THOUGHT = "thought"
    COMMITTING = "committing"
    COMMITTED = "committed"
    SENDING = "sending"
    HANDED = "handed"
    SENT = "sent"
    RECORDED = "recorded"


Announce = Callable[[Step], None]


def announce_nothing(_step: Step) -> None:
    """Production listens to no step."""
