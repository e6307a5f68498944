"""Pickup: from a job's commit in one process to the start of its handler in another."""

import asyncio
import math
import random
import time
from collections.abc import Sequence

from benchmarks.queue import databases
from benchmarks.queue.case import Load
from benchmarks.queue.figures import Figure, Params
from benchmarks.queue.goals import IDLE_RATE
from benchmarks.queue.scale import count_rounds, shuffle
from benchmarks.queue.stage import Stage

_BUSY_RATE = 200
_START_SECONDS = 0.6
_PATIENCE_SECONDS = 3.0


def measure_pickup(stage: Stage, deadline: float) -> None:
    """On an idle queue and under a steady load, every system in turn."""
    systems = [system for system in stage.systems if system != "ceiling"]
    cells = [(system, rate) for rate in (IDLE_RATE, _BUSY_RATE) for system in systems]
    task = stage.progress.add_task("Pickup", total=stage.scale.rounds * len(cells))
    for number in count_rounds(stage.scale.rounds, deadline):
        for system, rate in shuffle(cells, number):
            delays = _take_delays(stage, system, _draw_arrivals(rate, stage.scale.pickup_seconds, seed=number))
            for name, share in (("pickup_p50", 0.5), ("pickup_p99", 0.99)):
                stage.figures.add(Figure(name, system, "ms", Params(rate=rate)), find_quantile(delays, share))
            stage.progress.advance(task)


def find_quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _draw_arrivals(rate: int, seconds: float, *, seed: int) -> list[float]:
    """Random, as customers are: even steps would fall into one rhythm with a system's own timers."""
    chance = random.Random(seed)
    arrivals, at = [], 0.0
    while (at := at + chance.expovariate(rate)) < seconds:
        arrivals.append(at)
    return arrivals


def _take_delays(stage: Stage, system: str, arrivals: list[float]) -> list[float]:
    """Milliseconds for each job. One that was never picked up counts as long as was waited for it."""
    asyncio.run(databases.clear(stage.server_url, system))
    url = databases.locate(stage.server_url, system, Load())
    consumer, producer = stage.crew
    start = time.monotonic() + _START_SECONDS
    until = start + arrivals[-1] + _PATIENCE_SECONDS
    consumer.pick_up(system, url, len(arrivals), until)
    producer.send(system, url, [start + at for at in arrivals])
    committed = producer.take_result()["committed"]
    started = dict(consumer.take_result()["started"])
    # The notification may be faster than the answer to the publisher.
    return [max(0.0, started.get(number, until) - at) * 1000 for number, at in enumerate(committed)]
