"""The least a queue of messages on Postgres can do: one table, no order, no lease, no retry."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from benchmarks.queue.case import Load, Setting
from benchmarks.queue.jobs import build_payload
from benchmarks.queue.meter import Meter
from benchmarks.queue.systems.base import Publish, open_connections
from database.pool import DbConnection, connect

# One table for both, with the key that makes a redelivery a no-op: a queue of messages cannot do without.
_TABLES = """
CREATE TABLE ceiling_jobs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedupe_key text NOT NULL UNIQUE,
    status     text NOT NULL DEFAULT 'waiting',
    payload    jsonb NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ceiling_jobs_waiting ON ceiling_jobs (id) WHERE status = 'waiting';
"""
_FILL = """
INSERT INTO ceiling_jobs (dedupe_key, status, payload)
SELECT $1 || n, $1, $2::jsonb FROM generate_series(1, $3::int) AS n
"""
_CLAIM = """
UPDATE ceiling_jobs SET status = 'taken'
 WHERE id IN (SELECT id FROM ceiling_jobs WHERE status = 'waiting' LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id, payload
"""
_COMPLETE = "UPDATE ceiling_jobs SET status = 'done' WHERE id = $1"
_COMPLETE_MANY = "UPDATE ceiling_jobs SET status = 'done' WHERE id = ANY ($1::bigint[])"
_PUBLISH = "INSERT INTO ceiling_jobs (dedupe_key, payload) VALUES ($1, $2) ON CONFLICT (dedupe_key) DO NOTHING"
_PUBLISH_MANY = """
INSERT INTO ceiling_jobs (dedupe_key, payload) SELECT * FROM unnest($1::text[], $2::jsonb[])
ON CONFLICT (dedupe_key) DO NOTHING
"""


class Ceiling:
    """A hand-written loop, as fast as it can be and with nothing that makes a queue safe."""

    stock = 100_000

    async def install(self, url: str) -> None:
        """Create the table."""
        conn = await connect(url, application="benchmark")
        await conn.execute(_TABLES)
        await conn.close()

    async def fill(self, conn: DbConnection, load: Load) -> None:
        """Finished rows first, as time would have left them."""
        await conn.execute(_FILL, "done", build_payload(0), load.finished)
        await conn.execute(_FILL, "waiting", build_payload(0), load.count_jobs(self.stock))
        await conn.execute("VACUUM (ANALYZE) ceiling_jobs")

    async def rewind(self, conn: DbConnection, load: Load) -> None:
        """Let wait again what was done, except what is kept."""
        if load == Load():
            await conn.execute("TRUNCATE ceiling_jobs")
            await self.fill(conn, load)
            return
        await conn.execute(
            "UPDATE ceiling_jobs SET status = 'waiting' WHERE status <> 'waiting' AND id > $1", load.finished
        )
        await conn.execute("VACUUM (ANALYZE) ceiling_jobs")

    async def clear(self, conn: DbConnection) -> None:
        """Empty the table."""
        await conn.execute("TRUNCATE ceiling_jobs")

    async def work(self, url: str, setting: Setting, meter: Meter) -> None:
        """Each loop on a connection of its own."""
        async with open_connections(url, setting.loops) as conns:
            await asyncio.gather(*(_work_off(conn, setting.batch, meter) for conn in conns))

    @asynccontextmanager
    async def open_publishers(self, url: str, count: int) -> AsyncIterator[list[Publish]]:
        """Plain inserts."""
        async with open_connections(url, count) as conns:
            yield [partial(_publish, conn) for conn in conns]

    async def pick_up(self, url: str, on_start: Callable[[int], None], stop: asyncio.Event) -> None:
        """A loop without notifications would only show how often it polls."""
        raise NotImplementedError


async def _work_off(conn: DbConnection, batch: int, meter: Meter) -> None:
    # For a few rows in no order the planner may scan the table, and walk over the finished rows: 300 jobs/s.
    await conn.execute("SET enable_seqscan = off")
    while not meter.is_over:
        rows = await conn.fetch(_CLAIM, batch)
        if not rows:
            await meter.wait_for_more()
            continue
        if len(rows) == 1:
            await conn.execute(_COMPLETE, rows[0]["id"])
        else:
            await conn.execute(_COMPLETE_MANY, [row["id"] for row in rows])
        meter.count(len(rows))


async def _publish(conn: DbConnection, numbers: Sequence[int]) -> None:
    if len(numbers) == 1:
        await conn.execute(_PUBLISH, str(numbers[0]), build_payload(numbers[0]))
    else:
        await conn.execute(_PUBLISH_MANY, [str(number) for number in numbers], [build_payload(n) for n in numbers])


SYSTEM = Ceiling()
