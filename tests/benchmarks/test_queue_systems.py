"""Our queue and the ceiling behind the benchmark's functions, on a few dozen jobs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.queue.case import Distribution, Load, Setting
from benchmarks.queue.claims import list_cases
from benchmarks.queue.meter import Meter, Window
from benchmarks.queue.scale import FULL
from benchmarks.queue.systems import nightdesk
from benchmarks.queue.systems.base import System, load_system
from benchmarks.queue.worker import publish
from database.pool import DbConnection, connect

_WAITING = {
    "nightdesk": "SELECT sum(last_seq - done_seq)::int FROM queue_threads",
    "ceiling": "SELECT count(*)::int FROM ceiling_jobs WHERE status = 'waiting'",
}
_PUBLISHED = {
    "nightdesk": "SELECT count(*) FROM message_queue",
    "ceiling": "SELECT count(*) FROM ceiling_jobs",
}
systems = pytest.mark.parametrize("name", ["nightdesk", "ceiling"])


@asynccontextmanager
async def filled(name: str, url: str, load: Load) -> AsyncIterator[tuple[System, DbConnection]]:
    system = load_system(name)
    await system.install(url)
    conn = await connect(url, application="test")
    try:
        await system.fill(conn, load)
        yield system, conn
    finally:
        await conn.close()


async def work_off(system: System, url: str, conn: DbConnection, waiting: str, setting: Setting) -> None:
    """Work until nothing waits; the meter itself would go on for a minute."""
    now = time.monotonic()
    working = asyncio.create_task(system.work(url, setting, Meter(Window(now, 60.0))))
    async with asyncio.timeout(60):
        while await conn.fetchval(waiting):
            assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


@systems
@pytest.mark.parametrize("batch", [1, 10])
async def test_every_job_is_completed_and_waits_again_after_a_rewind(name: str, batch: int, database_url: str) -> None:
    load = Load(waiting=60, finished=20, threads=12)
    async with filled(name, database_url, load) as (system, conn):
        assert await conn.fetchval(_WAITING[name]) == 60
        await work_off(system, database_url, conn, _WAITING[name], Setting(batch, 2))
        await system.rewind(conn, load)
        assert await conn.fetchval(_WAITING[name]) == 60


@pytest.mark.parametrize(("distribution", "largest"), [("uniform", 10), ("skewed", 57), ("hot", 50)])
async def test_jobs_are_spread_over_threads_as_named(
    distribution: Distribution, largest: int, database_url: str
) -> None:
    load = Load(waiting=100, distribution=distribution, threads=10)
    async with filled("nightdesk", database_url, load) as (_system, conn):
        sizes = [row["last_seq"] for row in await conn.fetch("SELECT last_seq FROM queue_threads")]
        assert sum(sizes) == 100
        assert max(sizes) == largest
        oldest = await conn.fetchval("SELECT last_seq FROM queue_threads ORDER BY ready_at LIMIT 1")
        assert oldest == max(sizes)


@systems
@pytest.mark.parametrize("batch", [1, 7])
async def test_what_publishers_send_is_there(name: str, batch: int, database_url: str) -> None:
    system = load_system(name)
    await system.install(database_url)
    window = Window(time.monotonic(), 0.2)
    result = await publish(name, database_url, 2, batch, {"start": window.start, "seconds": window.seconds})
    conn = await connect(database_url, application="test")
    published = await conn.fetchval(_PUBLISHED[name])
    assert published >= result["rate"] * window.seconds > 0
    await system.clear(conn)
    assert await conn.fetchval(_PUBLISHED[name]) == 0
    await conn.close()


async def test_our_pump_starts_what_is_published(database_url: str) -> None:
    system, stop, started = nightdesk.SYSTEM, asyncio.Event(), list[int]()
    await system.install(database_url)

    def note(number: int) -> None:
        started.append(number)
        if len(started) == 20:
            stop.set()

    working = asyncio.create_task(system.pick_up(database_url, note, stop))
    async with system.open_publishers(database_url, 1) as (send,):
        for number in range(20):
            await send([number])
    async with asyncio.timeout(60):
        await working
    assert sorted(started) == list(range(20))


def test_without_the_peers_ours_and_the_ceiling_are_still_measured() -> None:
    cases = list_cases(FULL, ["nightdesk", "ceiling"])
    assert {case.system for case in cases} == {"nightdesk", "ceiling"}
    assert {case.load.distribution for case in cases} == {"uniform", "skewed", "hot"}
