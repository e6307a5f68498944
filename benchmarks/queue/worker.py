"""A process that does as it is told: `python -m benchmarks.queue.worker`, one order and one result per line of JSON."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import count, islice
from typing import Any

import uvloop

from benchmarks.queue.case import Setting
from benchmarks.queue.meter import Meter, Window
from benchmarks.queue.systems.base import Publish, load_system

Result = dict[str, Any]


async def work(system: str, url: str, setting: dict[str, int], window: dict[str, float]) -> Result:
    """Claim and complete."""
    meter = Meter(Window(**window))
    await load_system(system).work(url, Setting(**setting), meter)
    return {"rate": meter.rate}


async def publish(system: str, url: str, concurrency: int, batch: int, window: dict[str, float]) -> Result:
    """Publish, each publisher the next batch as soon as its last one is committed."""
    meter, numbers = Meter(Window(**window)), count()

    async def repeat(send: Publish) -> None:
        while not meter.is_over:
            await send(list(islice(numbers, batch)))
            meter.count(batch)

    async with load_system(system).open_publishers(url, concurrency) as publishers:
        await asyncio.gather(*(repeat(send) for send in publishers))
    return {"rate": meter.rate}


async def send(system: str, url: str, times: list[float]) -> Result:
    """Publish one job at each of these times; tells when each was committed."""
    committed = []
    async with load_system(system).open_publishers(url, 1) as (publish_one,):
        for number, at in enumerate(times):
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            await publish_one([number])
            committed.append(time.monotonic())
    return {"committed": committed}


async def pick_up(system: str, url: str, jobs: int, until: float) -> Result:
    """Wait for so many jobs; tells when each was started."""
    started: dict[int, float] = {}
    stop = asyncio.Event()

    def note(number: int) -> None:
        started.setdefault(number, time.monotonic())
        if len(started) == jobs:
            stop.set()

    asyncio.get_running_loop().call_later(until - time.monotonic(), stop.set)
    await load_system(system).pick_up(url, note, stop)
    return {"started": sorted(started.items())}


_TASKS: dict[str, Callable[..., Coroutine[Any, Any, Result]]] = {
    "work": work,
    "publish": publish,
    "send": send,
    "pick_up": pick_up,
}


def _read_orders() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Follow orders until nobody gives any."""
    logging.basicConfig(level=logging.WARNING)
    for order in _read_orders():
        result = uvloop.run(_TASKS[order.pop("task")](**order))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
