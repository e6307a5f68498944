"""The job that every system carries: the same message, so the same number of bytes."""

import json

from benchmarks.queue.case import THREADS
from database.types import Channel, InboundMessage

INBOX = "benchmark"
_TEXT = "How do I export the board of my team as a file?"


def build_message(number: int, channel: Channel = "web") -> InboundMessage:
    """Job `number`. Its thread is told by its contact, which up to THREADS is the number itself."""
    return InboundMessage(
        channel=channel,
        inbox=INBOX,
        contact=str(number % THREADS),
        external_id=str(number),
        fingerprint="",
        sender=None,
        text=_TEXT,
    )


def build_payload(number: int) -> str:
    """The same as JSON, for systems that take anything."""
    return build_message(number).model_dump_json()


def read_number(payload: str | bytes) -> int:
    """Which job it is."""
    return int(json.loads(payload)["external_id"])
