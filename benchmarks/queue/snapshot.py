"""Held snapshot: what an old transaction, left open somewhere in the database, does to a queue that is busy."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.queue import databases
from benchmarks.queue.case import Load, Setting
from benchmarks.queue.crew import Hand
from benchmarks.queue.figures import Figure, Params
from benchmarks.queue.meter import Window
from benchmarks.queue.scale import count_rounds
from benchmarks.queue.stage import Stage
from database.pool import connect

_SETTING = Setting(10, 4)
_WINDOW_SECONDS = 2.0


def measure_snapshot(stage: Stage, deadline: float) -> None:
    """The rate before the snapshot is taken, and again after so many seconds of load under it."""
    load = Load(waiting=stage.scale.many_waiting)
    params = Params(batch=_SETTING.batch, waiting=load.waiting)
    task = stage.progress.add_task("Held snapshot", total=2 * stage.scale.held_rounds)
    for _ in count_rounds(stage.scale.held_rounds, deadline):
        for system in ("nightdesk", "ceiling"):
            before, after = asyncio.run(_compare(stage, system, load))
            stage.figures.add(Figure("held_snapshot_before", system, "jobs/s", params), before)
            stage.figures.add(Figure("held_snapshot_after", system, "jobs/s", params), after)
            stage.figures.add(Figure("held_snapshot", system, "", params), after / before)
            stage.progress.advance(task)


async def _compare(stage: Stage, system: str, load: Load) -> tuple[float, float]:
    await databases.rewind(stage.server_url, system, load)
    url = databases.locate(stage.server_url, system, load)
    before = _work(stage.crew[0], system, url, stage.scale.free_seconds)
    async with _hold_snapshot(url):
        after = _work(stage.crew[0], system, url, stage.scale.held_seconds)
    return before, after


def _work(hand: Hand, system: str, url: str, seconds: float) -> float:
    """Load for so many seconds; the rate behind them."""
    hand.work(system, url, _SETTING, Window(time.monotonic() + seconds, _WINDOW_SECONDS))
    return hand.take_rate()


@asynccontextmanager
async def _hold_snapshot(url: str) -> AsyncIterator[None]:
    conn = await connect(url, application="benchmark")
    async with conn.transaction(isolation="repeatable_read"):
        await conn.fetchval("SELECT count(*) FROM pg_class")  # the snapshot is taken by the first query
        yield
    await conn.close()
