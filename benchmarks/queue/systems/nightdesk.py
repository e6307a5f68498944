"""Our own queue, through the product's own functions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import get_args

from benchmarks.queue.case import Load, Setting
from benchmarks.queue.jobs import build_message, build_payload
from benchmarks.queue.meter import Meter
from benchmarks.queue.systems.base import Publish
from core.background import run_in_background
from core.ids import new_id
from core.settings import WorkerSettings
from database import queue
from database.init_db import init_db
from database.notify import WAKE_CHANNEL, Notifier, listen
from database.pool import Conn, DbConnection, open_pool
from database.types import Channel, Lease, WorkerId
from workers.claims import Claims
from workers.pump import Pump

_SETTINGS = WorkerSettings()
_CHANNELS: tuple[Channel, ...] = get_args(Channel)

# Which thread job n belongs to. The golden ratio scatters skewed jobs over time as evenly as the others.
_THREAD_OF = {
    "uniform": "n % $2::int",
    "skewed": "floor($2::int * power(n * 0.618033988749895::float8 - floor(n * 0.618033988749895::float8), 4.04))::int",
    "hot": "CASE WHEN n % 2 = 0 THEN 0 ELSE 1 + n / 2 % ($2::int - 1) END",
}
_PLAN = """
CREATE TEMP TABLE plan AS
SELECT n, thread, row_number() OVER (PARTITION BY thread ORDER BY n) AS seq
  FROM (SELECT n, {thread_of} AS thread FROM generate_series(0, $1::int - 1) AS n) AS spread
"""
_ADD_THREADS = """
INSERT INTO queue_threads (id, channel, inbox, contact, last_seq, done_seq, ready_at)
SELECT gen_random_uuid(), ($2::text[])[1 + thread % cardinality($2::text[])], $1, thread::text, max(seq),
       CASE WHEN $3 THEN 0 ELSE max(seq) END,
       CASE WHEN $3 THEN now() - interval '1 hour' + make_interval(secs => thread * 0.001) END
  FROM plan GROUP BY thread ORDER BY thread
"""
_ADD_MESSAGES = """
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at)
SELECT t.id, p.seq, gen_random_uuid(), t.channel, t.inbox, p.n::text, $2::jsonb, now() - interval '1 hour'
  FROM plan p JOIN queue_threads t ON t.inbox = $1 AND t.contact = p.thread::text ORDER BY p.n
"""
_REWIND = """
UPDATE queue_threads
   SET done_seq = 0, attempts = 0, lease_token = NULL, leased_by = NULL,
       ready_at = now() - interval '1 hour' + make_interval(secs => contact::int * 0.001)
 WHERE inbox = 'waiting'
"""
_MESSAGES_PER_FINISHED_THREAD = 10
_LAST_NOTIFICATION_SECONDS = 0.05  # an API process lives on and sends it


class Nightdesk:
    """Claims with fairness and a moving floor, one message per lease unless the setting says otherwise."""

    stock = 60_000

    async def install(self, url: str) -> None:
        """The product's migrations."""
        await init_db(url)

    async def fill(self, conn: DbConnection, load: Load) -> None:
        """Threads that wait, and threads whose messages are all done."""
        # A million look-ups of a foreign key that is right by construction.
        await conn.execute("SET session_replication_role = replica")
        if load.finished:
            threads = -(-load.finished // _MESSAGES_PER_FINISHED_THREAD)
            await _add(conn, "finished", load.finished, threads, _THREAD_OF["uniform"])
        await _add(conn, "waiting", load.count_jobs(self.stock), load.threads, _THREAD_OF[load.distribution])
        await conn.execute("RESET session_replication_role")
        await conn.execute("VACUUM (ANALYZE) queue_threads, message_queue")

    async def rewind(self, conn: DbConnection, load: Load) -> None:  # noqa: ARG002
        """Set the cursors back: the messages themselves never change."""
        await conn.execute(_REWIND)
        await conn.execute("VACUUM (FULL, ANALYZE) queue_threads")

    async def clear(self, conn: DbConnection) -> None:
        """Empty the queue's tables."""
        await conn.execute("TRUNCATE queue_threads, message_queue CASCADE")

    async def work(self, url: str, setting: Setting, meter: Meter) -> None:
        """Loops that share what one worker knows of its claims."""
        claims = Claims(
            WorkerId(new_id()),
            channels=_CHANNELS,
            lease_seconds=_SETTINGS.lease_seconds,
            max_messages=setting.max_messages,
        )
        async with _open_connections(url, setting.loops) as conns:
            await asyncio.gather(*(_work_off(conn, claims, setting.batch, meter) for conn in conns))

    @asynccontextmanager
    async def open_publishers(self, url: str, count: int) -> AsyncIterator[list[Publish]]:
        """As in the API: publish, and ask for a wake-up after the commit."""
        notifier = Notifier(url)
        async with _open_connections(url, count) as conns, run_in_background(notifier.run()):
            yield [partial(_publish, conn, notifier) for conn in conns]
            await asyncio.sleep(_LAST_NOTIFICATION_SECONDS)

    async def pick_up(self, url: str, on_start: Callable[[int], None], stop: asyncio.Event) -> None:
        """As in a worker: its pump, woken by notifications, with its default settings."""
        claims = Claims(WorkerId(new_id()), channels=_CHANNELS, lease_seconds=_SETTINGS.lease_seconds)
        async with open_pool(url, application="benchmark", max_size=10) as pool:

            async def claim(free: int) -> list[Lease]:
                async with pool.acquire() as conn:
                    return await claims.claim(conn, free)

            async def handle(lease: Lease) -> None:
                on_start(int(lease.contact))
                async with pool.acquire() as conn:
                    await queue.complete(conn, lease)
                claims.settled(lease)

            pump = Pump(
                "benchmark",
                claim=claim,
                handle=handle,
                concurrency=_SETTINGS.concurrency,
                poll_seconds=_SETTINGS.poll_seconds,
            )
            async with run_in_background(listen(url, {WAKE_CHANNEL: pump.wake}, pump.wake)):
                running = asyncio.create_task(pump.run())
                await stop.wait()
                pump.stop()
                await running
                await pump.drain(5.0)


@asynccontextmanager
async def _open_connections(url: str, count: int) -> AsyncIterator[list[Conn]]:
    """So many of the product's own pool, because its settings are part of how fast it is."""
    async with open_pool(url, application="benchmark", max_size=count) as pool, AsyncExitStack() as stack:
        yield list(await asyncio.gather(*(stack.enter_async_context(pool.acquire()) for _ in range(count))))


async def _add(conn: DbConnection, inbox: str, jobs: int, threads: int, thread_of: str) -> None:
    await conn.execute(_PLAN.format(thread_of=thread_of), jobs, threads)
    await conn.execute(_ADD_THREADS, inbox, list(_CHANNELS), inbox == "waiting")
    await conn.execute(_ADD_MESSAGES, inbox, build_payload(0))
    await conn.execute("DROP TABLE plan")


async def _work_off(conn: Conn, claims: Claims, batch: int, meter: Meter) -> None:
    while not meter.is_over:
        leases = await claims.claim(conn, batch)
        if not leases:
            await meter.wait_for_more()
            continue
        if len(leases) == 1:
            await queue.complete(conn, leases[0])
        else:
            await queue.complete_many(conn, leases)
        for lease in leases:
            claims.settled(lease)
        meter.count(sum(len(lease.messages) for lease in leases))


async def _publish(conn: Conn, notifier: Notifier, numbers: Sequence[int]) -> None:
    if len(numbers) == 1:
        await queue.publish(conn, build_message(numbers[0]))
    else:
        await queue.publish_many(conn, [build_message(number) for number in numbers])
    notifier.notify(WAKE_CHANNEL)


SYSTEM = Nightdesk()
