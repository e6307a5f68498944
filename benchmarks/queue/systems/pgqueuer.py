"""PgQueuer, a queue on asyncpg: https://pypi.org/project/pgqueuer/."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from asyncpg import create_pool
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from benchmarks.queue.case import Load, Setting
from benchmarks.queue.jobs import build_payload, read_number
from benchmarks.queue.meter import Meter
from benchmarks.queue.systems.base import Publish, open_connections
from database.pool import DbConnection, connect

_ENTRYPOINT = "benchmark"
_ADD_WAITING = """
INSERT INTO pgqueuer (priority, status, entrypoint, payload, headers)
SELECT 0, 'queued', $1, $2, '{}' FROM generate_series(1, $3::int)
"""
# Finished jobs leave the queue; what stays of each is a line when it came and a line when it went.
_ADD_FINISHED = """
INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, aggregated)
SELECT -n / 2, CASE n % 2 WHEN 0 THEN 'queued' ELSE 'successful' END::pgqueuer_status, 0, $1, true
  FROM generate_series(1, 2 * $2::int) AS n
"""


class PgQueuer:
    """Its QueueManager with an entrypoint that does nothing; schema and durability as `pgq install` makes them."""

    stock = 60_000

    async def install(self, url: str) -> None:
        """Its own installer."""
        conn = await connect(url, application="benchmark")
        await Queries(AsyncpgDriver(conn)).install()
        await conn.close()

    async def fill(self, conn: DbConnection, load: Load) -> None:
        """Without its trigger, which would notify once per row."""
        await conn.execute("SET session_replication_role = replica")
        if load.finished:
            await conn.execute(_ADD_FINISHED, _ENTRYPOINT, load.finished)
        await conn.execute(_ADD_WAITING, _ENTRYPOINT, build_payload(0).encode(), load.count_jobs(self.stock))
        await conn.execute("RESET session_replication_role")
        await conn.execute("VACUUM (ANALYZE) pgqueuer, pgqueuer_log")

    async def rewind(self, conn: DbConnection, load: Load) -> None:
        """Add what was taken."""
        if load == Load():
            await conn.execute("TRUNCATE pgqueuer, pgqueuer_log")
        waiting = await conn.fetchval("SELECT count(*) FROM pgqueuer WHERE status = 'queued'")
        await conn.execute("SET session_replication_role = replica")
        missing = load.count_jobs(self.stock) - waiting
        await conn.execute(_ADD_WAITING, _ENTRYPOINT, build_payload(0).encode(), missing)
        await conn.execute("RESET session_replication_role")
        await conn.execute("VACUUM (ANALYZE) pgqueuer, pgqueuer_log")

    async def clear(self, conn: DbConnection) -> None:
        """Empty its tables."""
        await conn.execute("TRUNCATE pgqueuer, pgqueuer_log, pgqueuer_statistics")

    async def work(self, url: str, setting: Setting, meter: Meter) -> None:
        """Jobs count when they are settled: it starts far more at once than it has settled."""
        stop = asyncio.Event()
        running = asyncio.create_task(_run_manager(url, setting, _do_nothing, stop, meter.count))
        await meter.wait_until_over()
        stop.set()
        await running

    @asynccontextmanager
    async def open_publishers(self, url: str, count: int) -> AsyncIterator[list[Publish]]:
        """Without its dedupe_key, which would be slower: to its advantage, for ours always looks for redeliveries."""
        async with open_connections(url, count) as conns:
            yield [partial(_publish, Queries(AsyncpgDriver(conn))) for conn in conns]

    async def pick_up(self, url: str, on_start: Callable[[int], None], stop: asyncio.Event) -> None:
        """The same manager with its default batch."""

        async def tell(job: Job) -> None:
            on_start(read_number(job.payload))

        await _run_manager(url, Setting(batch=10, loops=3), tell, stop)


async def _do_nothing(_job: Job) -> None:
    """The entrypoint."""


async def _run_manager(
    url: str,
    setting: Setting,
    handle: Callable[[Job], Awaitable[None]],
    stop: asyncio.Event,
    on_settled: Callable[[int], None] = lambda _jobs: None,
) -> None:
    async with create_pool(url, min_size=setting.loops, max_size=setting.loops) as pool:
        queries = Queries(AsyncpgPoolDriver(pool))
        settle = queries.log_jobs

        async def settle_and_tell(jobs: list[Any]) -> None:
            await settle(jobs)
            on_settled(len(jobs))

        queries.log_jobs = settle_and_tell
        manager = QueueManager(queries)
        manager.shutdown = stop
        manager.entrypoint(_ENTRYPOINT)(handle)
        await manager.run(batch_size=setting.batch, dequeue_timeout=timedelta(seconds=5))


async def _publish(queries: Queries, numbers: Sequence[int]) -> None:
    payloads = [build_payload(number).encode() for number in numbers]
    if len(numbers) == 1:
        await queries.enqueue(_ENTRYPOINT, payloads[0])
    else:
        await queries.enqueue([_ENTRYPOINT] * len(numbers), payloads, [0] * len(numbers))


SYSTEM = PgQueuer()
