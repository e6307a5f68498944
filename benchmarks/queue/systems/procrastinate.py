"""Procrastinate, a task queue on psycopg: https://pypi.org/project/procrastinate/."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task
from psycopg_pool import AsyncConnectionPool

from benchmarks.queue.case import Load, Setting
from benchmarks.queue.jobs import build_payload
from benchmarks.queue.meter import Meter
from benchmarks.queue.systems.base import Publish
from database.pool import DbConnection

_TASK = "benchmark"
_ADD = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, lock)
SELECT 'default', $1, jsonb_build_object('message', $2::jsonb), $3, CASE WHEN $5 THEN (n % $6::int)::text END
  FROM generate_series(1, $4::int) AS n
"""


class Procrastinate:
    """Its App with a task that does nothing. Finished jobs are kept, as it does by default and as ours are."""

    stock = 3_000

    async def install(self, url: str) -> None:
        """Its own schema."""
        async with _open_app(url, 1) as app:
            await app.schema_manager.apply_schema_async()

    async def fill(self, conn: DbConnection, load: Load) -> None:
        """Without its triggers, which would notify and log once per row."""
        await conn.execute("SET session_replication_role = replica")
        await _add(conn, load, "succeeded", load.finished)
        await _add(conn, load, "todo", load.count_jobs(self.stock))
        await conn.execute("RESET session_replication_role")
        await conn.execute("VACUUM (ANALYZE) procrastinate_jobs, procrastinate_events")

    async def rewind(self, conn: DbConnection, load: Load) -> None:
        """Add what was taken."""
        if load == Load():
            await self.clear(conn)
        waiting = await conn.fetchval("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        await conn.execute("SET session_replication_role = replica")
        await _add(conn, load, "todo", load.count_jobs(self.stock) - waiting)
        await conn.execute("RESET session_replication_role")
        await conn.execute("VACUUM (ANALYZE) procrastinate_jobs, procrastinate_events")

    async def clear(self, conn: DbConnection) -> None:
        """Empty its tables."""
        await conn.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")

    async def work(self, url: str, setting: Setting, meter: Meter) -> None:
        """One worker that runs so many jobs at once."""

        async def count(message: object) -> None:  # noqa: ARG001
            meter.count(1)

        async with _open_app(url, setting.loops) as app:
            app.task(name=_TASK)(count)
            async with _run_worker(app, setting.loops):
                await meter.wait_until_over()

    @asynccontextmanager
    async def open_publishers(self, url: str, count: int) -> AsyncIterator[list[Publish]]:
        """One task on a pool with a connection for each publisher."""
        async with _open_app(url, count) as app:
            task = app.task(name=_TASK)(_do_nothing)
            yield [partial(_publish, task)] * count

    async def pick_up(self, url: str, on_start: Callable[[int], None], stop: asyncio.Event) -> None:
        """The same worker, woken by its notifications."""

        async def tell(message: dict[str, Any]) -> None:
            on_start(int(message["external_id"]))

        async with _open_app(url, 10) as app:
            app.task(name=_TASK)(tell)
            async with _run_worker(app, 10):
                await stop.wait()


async def _do_nothing(message: object) -> None:
    """What publishers know of the task."""


def _open_app(url: str, connections: int) -> App:
    connector = PsycopgConnector(
        conninfo=url, min_size=connections, max_size=connections, pool_factory=_open_pool_without_check
    )
    return App(connector=connector).open_async()


def _open_pool_without_check(*, check: object, **arguments: object) -> AsyncConnectionPool:  # noqa: ARG001
    # Its pool asks every connection for a sign of life before every query: 940 instead of 1,050 jobs/s.
    return AsyncConnectionPool(**arguments)


@asynccontextmanager
async def _run_worker(app: App, concurrency: int) -> AsyncIterator[None]:
    running = asyncio.create_task(
        app.run_worker_async(concurrency=concurrency, install_signal_handlers=False, delete_jobs="never")
    )
    yield
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _add(conn: DbConnection, load: Load, status: str, jobs: int) -> None:
    await conn.execute(_ADD, _TASK, build_payload(0), status, jobs, load.keeps_order, load.threads)


async def _publish(task: Task, numbers: Sequence[int]) -> None:
    arguments = [{"message": json.loads(build_payload(number))} for number in numbers]
    if len(numbers) == 1:
        await task.defer_async(**arguments[0])
    else:
        await task.batch_defer_async(*arguments)


SYSTEM = Procrastinate()
