"""`message_queue`: an append-only log of messages with one cursor row per thread (docs/queue.md).

Functions take a connection and never begin or commit.
"""

from database.queue.claim import (
    MAX_MESSAGES_PER_TURN,
    NO_FLOOR,
    Share,
    claim,
    claim_thread,
    find_next_due,
    renew,
)
from database.queue.depth import measure_channels, measure_depth
from database.queue.publish import (
    MAX_PAYLOAD_BYTES,
    MessageTooLarge,
    find_published,
    publish,
    publish_many,
)
from database.queue.settle import (
    LeaseLost,
    complete,
    complete_empty,
    complete_many,
    delay_before_retry,
    fail,
    fence,
    release,
    retry,
    snooze,
)

__all__ = [
    "MAX_MESSAGES_PER_TURN",
    "MAX_PAYLOAD_BYTES",
    "NO_FLOOR",
    "LeaseLost",
    "MessageTooLarge",
    "Share",
    "claim",
    "claim_thread",
    "complete",
    "complete_empty",
    "complete_many",
    "delay_before_retry",
    "fail",
    "fence",
    "find_next_due",
    "find_published",
    "measure_channels",
    "measure_depth",
    "publish",
    "publish_many",
    "release",
    "renew",
    "retry",
    "snooze",
]
