"""How much of the queue is measured, and until when."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueScale:
    """Counts and times of one run. Each `…_until` is when that measure adds no more rounds, in seconds of the run."""

    rounds: int
    some_waiting: int
    many_waiting: int
    warm_up_seconds: float
    round_seconds: float
    pickup_seconds: float
    free_seconds: float
    held_seconds: float
    held_rounds: int
    claims_until: float
    publish_until: float
    pickup_until: float
    held_until: float


FULL = QueueScale(
    rounds=5,
    some_waiting=100_000,
    many_waiting=1_000_000,
    warm_up_seconds=0.25,
    round_seconds=1.0,
    pickup_seconds=3.0,
    free_seconds=4.0,
    held_seconds=20.0,
    held_rounds=3,
    claims_until=540.0,
    publish_until=650.0,
    pickup_until=770.0,
    held_until=930.0,
)
QUICK = QueueScale(
    rounds=1,
    some_waiting=20_000,
    many_waiting=100_000,
    warm_up_seconds=0.2,
    round_seconds=0.4,
    pickup_seconds=1.0,
    free_seconds=0.5,
    held_seconds=2.0,
    held_rounds=1,
    claims_until=60.0,
    publish_until=80.0,
    pickup_until=90.0,
    held_until=100.0,
)


def count_rounds(rounds: int, deadline: float) -> Iterator[int]:
    """Numbers from 0: one round in any case, and no further one that would end after the deadline."""
    longest = 0.0
    for number in range(rounds):
        started = time.monotonic()
        if number and started + longest > deadline:
            return
        yield number
        longest = max(longest, time.monotonic() - started)


def shuffle(cells: Sequence[T], number: int) -> list[T]:
    """Another order in every round: what disturbs the machine for a while hits different cells each time."""
    return random.Random(number).sample(cells, len(cells))
