"""Publish: how many jobs a second, one by one and in batches."""

import asyncio
import time

from benchmarks.queue import databases
from benchmarks.queue.case import Load
from benchmarks.queue.figures import Figure, Params
from benchmarks.queue.goals import CONCURRENCIES
from benchmarks.queue.meter import Window
from benchmarks.queue.scale import count_rounds, shuffle
from benchmarks.queue.stage import Stage

_BATCHES = (100, 1000)
_CONNECT_SECONDS = 0.006  # for each connection, until it can publish
_SHARE_OF_ROUND = 0.6


def measure_publishing(stage: Stage, deadline: float) -> None:
    """Into empty tables, every system in turn."""
    ways = [*((concurrency, 1) for concurrency in CONCURRENCIES), *((1, batch) for batch in _BATCHES)]
    cells = [(system, *way) for way in ways for system in stage.systems]
    task = stage.progress.add_task("Publish", total=stage.scale.rounds * len(cells))
    for number in count_rounds(stage.scale.rounds, deadline):
        for system, concurrency, batch in shuffle(cells, number):
            figure = Figure("publish", system, "jobs/s", Params(batch=batch, concurrency=concurrency))
            stage.figures.add(figure, _publish(stage, system, concurrency, batch))
            stage.progress.advance(task)


def _publish(stage: Stage, system: str, concurrency: int, batch: int) -> float:
    asyncio.run(databases.clear(stage.server_url, system))
    warm_up = stage.scale.warm_up_seconds + concurrency * _CONNECT_SECONDS
    window = Window(time.monotonic() + warm_up, stage.scale.round_seconds * _SHARE_OF_ROUND)
    hand = stage.crew[0]
    hand.publish(system, databases.locate(stage.server_url, system, Load()), concurrency, batch, window)
    return hand.take_rate()
