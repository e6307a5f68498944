"""The heartbeat: leases stay held, lost ones stop their turn, and dead workers' sends are taken back."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from core.background import run_in_background
from database import outbox, queue
from database.pool import DbConnection, connect
from database.types import ThreadId, WorkerId
from tests.database.builders import (
    claim_one,
    expire_lease,
    make_worker_id,
    open_conversation,
    publish_texts,
    queue_reply,
    read_thread,
)
from workers.heartbeat import Heartbeat


class Worker:
    """A heartbeat, the leases it looks after, and how often it said that sends were recovered."""

    def __init__(self, url: str, *, lease_seconds: float = 60.0) -> None:
        self.id: WorkerId = make_worker_id()
        self.leases: dict[UUID, asyncio.Task[None]] = {}
        self.recovered = 0
        self.heartbeat = Heartbeat(
            url,
            self.id,
            brain="stub",
            concurrency=4,
            lease_seconds=lease_seconds,
            leases=self.leases,
            repeatable_channels=["web"],
            on_recovered=self._count_recovered,
        )

    def _count_recovered(self) -> None:
        self.recovered += 1

    async def take(self, conn: DbConnection, contact: str) -> tuple[ThreadId, asyncio.Task[None]]:
        """Lease a new thread and begin a turn on it that never ends by itself."""
        await publish_texts(conn, contact, "hello")
        lease = await claim_one(conn, self.id, lease_seconds=20)
        task = asyncio.ensure_future(self._think_for_ever())
        self.leases[lease.token] = task
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
    for task in worker.leases.values():
        task.cancel()
    await asyncio.gather(*worker.leases.values(), return_exceptions=True)


async def test_a_beat_renews_every_lease_held(worker: Worker, beating: DbConnection) -> None:
    threads = [await worker.take(beating, contact) for contact in ("alice", "bob")]
    await worker.heartbeat.beat(beating)
    for thread_id, task in threads:
        assert (await read_thread(beating, thread_id))["delay"] > 50
        assert not task.done()


async def test_a_beat_cancels_the_turn_of_a_lost_lease_and_no_other(worker: Worker, beating: DbConnection) -> None:
    lost_id, lost = await worker.take(beating, "alice")
    _, held = await worker.take(beating, "bob")
    await expire_lease(beating, lost_id)
    heir = await claim_one(beating)
    await worker.heartbeat.beat(beating)
    with pytest.raises(asyncio.CancelledError):
        await lost
    assert not held.cancelling()
    assert (await read_thread(beating, lost_id))["lease_token"] == heir.token


async def test_a_lease_that_expired_is_lost_even_if_nobody_took_it(worker: Worker, beating: DbConnection) -> None:
    thread_id, task = await worker.take(beating, "alice")
    await expire_lease(beating, thread_id)
    await worker.heartbeat.beat(beating)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_turn_settled_while_the_beat_was_asking_is_not_cancelled(
    worker: Worker, beating: DbConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, task = await worker.take(beating, "alice")

    async def settle_meanwhile(*_arguments: object, **_values: object) -> set[UUID]:
        worker.leases.clear()
        return set()

    monkeypatch.setattr(queue, "renew", settle_meanwhile)
    await worker.heartbeat.beat(beating)
    assert not task.cancelling()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_beat_says_who_is_working_and_on_how_much(worker: Worker, beating: DbConnection) -> None:
    await worker.take(beating, "alice")
    await worker.heartbeat.beat(beating)
    row = await beating.fetchrow("SELECT * FROM workers")
    assert row is not None
    assert (row["id"], row["brain"], row["concurrency"], row["in_flight"]) == (worker.id, "stub", 4, 1)


async def test_a_beat_takes_back_the_sends_of_dead_workers(worker: Worker, beating: DbConnection) -> None:
    web = await queue_reply(beating, await open_conversation(beating, "TF-1"))
    mail_conversation = await open_conversation(beating, "a@example.com", channel="gmail", inbox="support")
    mail = await queue_reply(beating, mail_conversation, channel="gmail", inbox="support")
    await outbox.claim(beating, max_replies=5, lease_seconds=60)
    await worker.heartbeat.beat(beating)
    assert worker.recovered == 0
    await beating.execute("UPDATE outbox SET ready_at = now() - interval '1 second'")
    await worker.heartbeat.beat(beating)
    states = {row["id"]: row["state"] for row in await beating.fetch("SELECT id, state FROM outbox")}
    assert states == {web: "queued", mail: "unknown"}
    assert worker.recovered == 1


async def wait_for_beat(observer: DbConnection) -> None:
    await observer.execute("UPDATE workers SET in_flight = 99")
    async with asyncio.timeout(5):
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
    real_recover, failures = outbox.recover_expired, [error]

    async def fail_once(conn: DbConnection, channels: list[str]) -> tuple[int, int]:
        if failures:
            raise failures.pop()
        return await real_recover(conn, channels)

    monkeypatch.setattr(outbox, "recover_expired", fail_once)
    async with run_in_background(Worker(database_url, lease_seconds=0.01).heartbeat.run()):
        async with asyncio.timeout(5):
            while failures:
                await beating.fetchval("SELECT 1")
        await wait_for_beat(beating)
