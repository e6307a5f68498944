"""The heartbeat: leases stay held whatever the turns do, and lost ones stop their turn."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest

from core.background import run_in_background
from database import queue
from database.pool import DbConnection, connect
from database.queries import operations
from database.types import Lease, ThreadId, WorkerId
from tests.database.builders import claim_one, expire_lease, make_worker_id, publish_texts, read_thread
from workers.heartbeat import FROZEN_SECONDS, Heartbeat
from workers.leases import Leases


class Worker:
    """A heartbeat and the leases it looks after."""

    def __init__(self, url: str, *, lease_seconds: float = 60.0) -> None:
        self.id: WorkerId = make_worker_id()
        self.leases = Leases()
        self.tasks: list[asyncio.Task[None]] = []
        self.now = 0.0
        self.brain = "stub"
        self.heartbeat = Heartbeat(
            url,
            self.id,
            self.leases,
            brain=lambda: self.brain,
            concurrency=4,
            lease_seconds=lease_seconds,
            monotonic=lambda: self.now,
        )

    async def beat(self, conn: DbConnection) -> None:
        """One beat, and whatever it asks of the loop of the turns."""
        await self.heartbeat.beat(conn, asyncio.get_running_loop())
        await asyncio.sleep(0)

    async def take(self, conn: DbConnection, contact: str) -> tuple[ThreadId, asyncio.Task[None]]:
        """Lease a new thread and begin a turn on it that never ends by itself."""
        await publish_texts(conn, contact, "hello")
        lease = await claim_one(conn, self.id, lease_seconds=20)
        task = asyncio.ensure_future(self._think_for_ever())
        self.tasks.append(task)
        self.leases.hold(lease, task)
        return lease.thread_id, task

    async def _think_for_ever(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def beating(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Worker]:
    worker = Worker(database_url)
    yield worker
    for task in worker.tasks:
        task.cancel()
    await asyncio.gather(*worker.tasks, return_exceptions=True)


async def test_a_beat_renews_every_lease_held(worker: Worker, beating: DbConnection) -> None:
    threads = [await worker.take(beating, contact) for contact in ("alice", "bob")]
    await worker.beat(beating)
    for thread_id, task in threads:
        assert (await read_thread(beating, thread_id))["delay"] > 50
        assert not task.done()


async def test_a_beat_cancels_the_turn_of_a_lost_lease_and_no_other(worker: Worker, beating: DbConnection) -> None:
    lost_id, lost = await worker.take(beating, "alice")
    _, held = await worker.take(beating, "bob")
    await expire_lease(beating, lost_id)
    heir = await claim_one(beating)
    for _ in range(2):
        await worker.beat(beating)
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert not held.cancelling()
    assert (await read_thread(beating, lost_id))["lease_token"] == heir.token


async def test_a_lease_that_expired_is_lost_even_if_nobody_took_it(worker: Worker, beating: DbConnection) -> None:
    thread_id, task = await worker.take(beating, "alice")
    await expire_lease(beating, thread_id)
    for _ in range(2):
        await worker.beat(beating)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_turn_whose_own_commit_has_just_ended_its_lease_is_not_cancelled_at_once(
    worker: Worker, beating: DbConnection
) -> None:
    thread_id, task = await worker.take(beating, "alice")
    (lease,) = worker.leases.list()
    await queue.complete(beating, lease)  # whose answer has not reached the turn yet
    await worker.beat(beating)
    assert not task.cancelling()
    worker.leases.let_go(lease)
    await worker.beat(beating)
    assert not task.cancelling()
    assert (await read_thread(beating, thread_id))["lease_token"] is None


async def test_a_turn_settled_while_the_beat_was_asking_is_not_cancelled(
    worker: Worker, beating: DbConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, task = await worker.take(beating, "alice")

    async def settle_meanwhile(_conn: DbConnection, leases: Sequence[Lease], **_values: object) -> list[Lease]:
        for lease in leases:
            worker.leases.let_go(lease)
        return list(leases)

    monkeypatch.setattr(queue, "renew", settle_meanwhile)
    await worker.beat(beating)
    assert not task.cancelling()


async def test_a_worker_whose_loop_has_long_been_frozen_renews_nothing_any_more(
    worker: Worker, beating: DbConnection
) -> None:
    thread_id, _ = await worker.take(beating, "alice")
    worker.now = FROZEN_SECONDS + 1
    frozen = asyncio.new_event_loop()  # nobody runs it
    await worker.heartbeat.beat(beating, frozen)
    frozen.close()
    assert (await read_thread(beating, thread_id))["delay"] < 30


async def test_a_beat_says_who_is_working_and_on_how_much(worker: Worker, beating: DbConnection) -> None:
    await worker.take(beating, "alice")
    await worker.beat(beating)
    row = await beating.fetchrow("SELECT * FROM workers")
    assert row is not None
    assert (row["id"], row["brain"], row["concurrency"], row["in_flight"]) == (worker.id, "stub", 4, 1)
    assert row["is_elected"] is False


async def test_each_beat_says_who_thinks_at_the_moment(worker: Worker, beating: DbConnection) -> None:
    for name in ("openai (gpt-4o)", "offline, while openai (gpt-4o) is away"):
        worker.brain = name
        await worker.beat(beating)
        assert await beating.fetchval("SELECT brain FROM workers") == name


async def wait_for_beat(observer: DbConnection) -> None:
    await observer.execute("UPDATE workers SET in_flight = 99")
    async with asyncio.timeout(60):
        while await observer.fetchval("SELECT in_flight FROM workers") != 0:
            pass


async def test_the_heartbeat_beats_by_itself_survives_a_cut_connection_and_signs_off(
    beating: DbConnection, database_url: str
) -> None:
    worker = Worker(database_url, lease_seconds=0.01)
    async with run_in_background(worker.heartbeat.run()):
        await wait_for_beat(beating)
        await beating.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'nightdesk heartbeat' AND datname = current_database()"
        )
        await wait_for_beat(beating)
    assert await beating.fetchval("SELECT count(*) FROM workers") == 0


async def test_a_turn_that_blocks_the_event_loop_does_not_lose_the_leases(
    beating: DbConnection, database_url: str
) -> None:
    worker = Worker(database_url, lease_seconds=2.0)
    await publish_texts(beating, "alice", "hello")
    lease = await claim_one(beating, worker.id, lease_seconds=2)
    worker.leases.hold(lease, None)
    async with run_in_background(worker.heartbeat.run()):
        await wait_for_row(beating)
        end = (await read_thread(beating, lease.thread_id))["ready_at"] + timedelta(seconds=2)
        watching = threading.Thread(target=lambda: asyncio.run(wait_until_renewed(database_url, lease.thread_id, end)))
        watching.start()
        watching.join(60)  # this loop stands still meanwhile, for longer than the lease
        assert (await read_thread(beating, lease.thread_id))["ready_at"] > end


async def wait_until_renewed(url: str, thread_id: ThreadId, end: datetime) -> None:
    """From another thread: until the lease lasts for longer than that."""
    observer = await connect(url, application="test")
    async with asyncio.timeout(60):
        while (await read_thread(observer, thread_id))["ready_at"] <= end:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)
    await observer.close()


async def wait_for_row(observer: DbConnection) -> None:
    async with asyncio.timeout(60):
        while not await observer.fetchval("SELECT count(*) FROM workers"):
            pass


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
        asyncpg.InternalClientError("cannot switch to state 12"),  # what a cut connection sometimes looks like
    ],
)
async def test_no_failing_beat_is_the_last_one(
    error: Exception, beating: DbConnection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_beat, failures = operations.beat, [error]

    async def fail_once(conn: DbConnection, worker_id: WorkerId, **values: object) -> None:
        if failures:
            raise failures.pop()
        await real_beat(conn, worker_id, **values)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(operations, "beat", fail_once)
    async with run_in_background(Worker(database_url, lease_seconds=0.01).heartbeat.run()):
        async with asyncio.timeout(60):
            while failures:
                await beating.fetchval("SELECT 1")
        await wait_for_row(beating)
        await wait_for_beat(beating)
