"""Publish against completion, interleaved by locks: no order of events leaves a message that nobody will claim."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from database import queue
from database.pool import DbConnection, DbPool, connect
from tests.database.builders import (
    claim_one,
    make_message,
    make_worker_id,
    publish_texts,
    read_thread,
    settle,
    wait_until_blocked,
)


@dataclass
class Race:
    """Three connections to one database: somebody who publishes, a worker, and somebody who looks on."""

    publisher: DbConnection
    worker: DbConnection
    observer: DbConnection


@pytest.fixture
async def race(database_url: str) -> AsyncIterator[Race]:
    connections = [await connect(database_url, application="test") for _ in range(3)]
    yield Race(*connections)
    for connection in connections:
        await connection.close()


async def assert_claimable(race: Race, *texts: str) -> None:
    lease = await claim_one(race.observer)
    assert [queued.message.text for queued in lease.messages] == list(texts)
    assert await settle(race.observer, lease) is False


async def test_a_publish_that_is_uncommitted_at_completion_is_waited_for_and_seen(race: Race) -> None:
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    publishing = race.publisher.transaction()
    await publishing.start()
    await queue.publish(race.publisher, make_message("alice", text="second"))
    completing = asyncio.ensure_future(settle(race.worker, lease))
    await wait_until_blocked(race.observer)
    await publishing.commit()
    assert await completing is True
    await assert_claimable(race, "second")


async def test_a_lone_completion_also_waits_for_an_uncommitted_publish_and_sees_it(race: Race) -> None:
    """In one statement and without a fence: what it decides on is the row it updates, after the wait."""
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    publishing = race.publisher.transaction()
    await publishing.start()
    await queue.publish(race.publisher, make_message("alice", text="second"))
    completing = asyncio.ensure_future(queue.complete(race.worker, lease))
    await wait_until_blocked(race.observer)
    await publishing.commit()
    assert await completing is True
    await assert_claimable(race, "second")


async def test_a_batch_of_completions_also_waits_for_an_uncommitted_batch_of_publishes(race: Race) -> None:
    for contact in ("alice", "bob"):
        await publish_texts(race.observer, contact, "first")
    leases = await queue.claim(race.observer, make_worker_id(), max_threads=2, lease_seconds=60)
    publishing = race.publisher.transaction()
    await publishing.start()
    await queue.publish_many(race.publisher, [make_message(contact, text="second") for contact in ("bob", "alice")])
    completing = asyncio.ensure_future(queue.complete_many(race.worker, leases))
    await wait_until_blocked(race.observer)
    await publishing.commit()
    assert await completing == []
    following = await queue.claim(race.observer, make_worker_id(), max_threads=2, lease_seconds=60)
    assert sorted(lease.contact for lease in following) == ["alice", "bob"]
    assert {queued.message.text for lease in following for queued in lease.messages} == {"second"}


async def test_batches_that_publish_and_complete_the_same_threads_never_deadlock(pool: DbPool) -> None:
    contacts = [f"customer {number}" for number in range(30)]
    rounds, stop = 15, asyncio.Event()

    async def publish(order: int) -> None:
        for _ in range(rounds):
            async with pool.acquire() as conn:
                await queue.publish_many(conn, [make_message(contact) for contact in contacts[::order]])

    async def work() -> None:
        while not stop.is_set():
            async with pool.acquire() as conn:
                leases = await queue.claim(conn, make_worker_id(), max_threads=30, lease_seconds=60)
                random.shuffle(leases)
                assert await queue.complete_many(conn, leases) == []

    async with asyncio.timeout(60):
        workers = [asyncio.ensure_future(work()) for _ in range(3)]
        await asyncio.gather(*(publish(order) for order in (1, -1, 1, -1)))
        stop.set()
        await asyncio.gather(*workers)
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT sum(last_seq) FROM queue_threads") == 4 * rounds * len(contacts)
        assert await conn.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0


async def test_a_publish_that_is_rolled_back_during_completion_leaves_the_thread_idle(race: Race) -> None:
    thread_id = await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    publishing = race.publisher.transaction()
    await publishing.start()
    await queue.publish(race.publisher, make_message("alice", text="second"))
    completing = asyncio.ensure_future(settle(race.worker, lease))
    await wait_until_blocked(race.observer)
    await publishing.rollback()
    assert await completing is False
    assert (await read_thread(race.observer, thread_id))["ready_at"] is None


async def test_a_publish_during_an_uncommitted_completion_waits_and_wakes_the_thread_again(race: Race) -> None:
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    settling = race.worker.transaction()
    await settling.start()
    await queue.fence(race.worker, lease)
    assert await queue.complete(race.worker, lease) is False
    publishing = asyncio.ensure_future(queue.publish(race.publisher, make_message("alice", text="second")))
    await wait_until_blocked(race.observer)
    await settling.commit()
    assert (await publishing).is_new
    await assert_claimable(race, "second")


async def test_a_publish_between_fence_and_completion_waits_and_wakes_the_thread_again(race: Race) -> None:
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    settling = race.worker.transaction()
    await settling.start()
    assert await queue.fence(race.worker, lease) is False
    publishing = asyncio.ensure_future(queue.publish(race.publisher, make_message("alice", text="second")))
    await wait_until_blocked(race.observer)
    await queue.complete(race.worker, lease)
    await settling.commit()
    await publishing
    await assert_claimable(race, "second")


async def test_a_publish_during_a_completion_that_rolls_back_joins_the_first_message(race: Race) -> None:
    thread_id = await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    settling = race.worker.transaction()
    await settling.start()
    await queue.fence(race.worker, lease)
    await queue.complete(race.worker, lease)
    publishing = asyncio.ensure_future(queue.publish(race.publisher, make_message("alice", text="second")))
    await wait_until_blocked(race.observer)
    await settling.rollback()
    await publishing
    assert (await read_thread(race.observer, thread_id))["lease_token"] == lease.token
    await queue.release(race.worker, lease)
    await assert_claimable(race, "first", "second")


async def test_a_publish_committed_between_claim_and_completion_keeps_the_thread_claimable(race: Race) -> None:
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    await publish_texts(race.publisher, "alice", "second")
    async with race.worker.transaction():
        assert await queue.fence(race.worker, lease) is True
        assert await queue.complete(race.worker, lease) is True
    await assert_claimable(race, "second")


async def test_many_publishers_against_many_completions_never_strand_a_message(pool: DbPool) -> None:
    """The same without choreography: after the last publish, whatever is idle has nothing waiting."""
    total = 120
    worked = 0

    async def publish_all(contact: str) -> None:
        for _ in range(total // 4):
            async with pool.acquire() as conn:
                await queue.publish(conn, make_message(contact))
            async with pool.acquire() as conn:
                stranded = await conn.fetchval(
                    """SELECT count(*) FROM queue_threads t WHERE ready_at IS NULL
                        AND EXISTS (SELECT FROM message_queue q WHERE q.thread_id = t.id AND q.seq > t.done_seq)"""
                )
            assert stranded == 0

    async def work() -> None:
        nonlocal worked
        while worked < total:
            async with pool.acquire() as conn:
                for lease in await queue.claim(conn, make_worker_id(), max_threads=1, lease_seconds=60):
                    await settle(conn, lease)
                    worked += len(lease.messages)

    async with asyncio.timeout(60):
        await asyncio.gather(
            publish_all("alice"), publish_all("alice"), publish_all("bob"), publish_all("bob"), work(), work()
        )
    assert worked == total


HOLD_THE_CLAIM_AT_ALICE = """
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
CREATE TRIGGER hold_the_claim BEFORE UPDATE ON queue_threads FOR EACH ROW
    WHEN (NEW.lease_token IS NOT NULL AND NEW.contact = 'alice') EXECUTE FUNCTION wait_for_the_test();
"""


async def test_a_message_that_a_claim_has_just_missed_counts_as_newer_at_its_commit(race: Race) -> None:
    """A publish may commit after the claim has begun to look and before it locks the thread: the claim then gets the
    thread's newest row and not its newest message. The trigger stops a claim of two threads at the first of them.
    """
    await publish_texts(race.observer, "alice", "hello")
    await publish_texts(race.observer, "bob", "first")
    await race.observer.execute(HOLD_THE_CLAIM_AT_ALICE)
    await race.observer.execute("SELECT pg_advisory_lock(7)")
    await race.worker.execute("SET enable_hashjoin = off; SET enable_mergejoin = off")  # one thread after the other
    claiming = asyncio.ensure_future(queue.claim(race.worker, make_worker_id(), max_threads=2, lease_seconds=60))
    await wait_until_blocked(race.observer)
    async with asyncio.timeout(60):
        await publish_texts(race.publisher, "bob", "second")
    await race.observer.execute("SELECT pg_advisory_unlock(7)")
    (lease,) = [lease for lease in await claiming if lease.contact == "bob"]
    assert [queued.message.text for queued in lease.messages] == ["first"]
    async with race.worker.transaction():
        assert await queue.fence(race.worker, lease) is True
        assert await queue.complete(race.worker, lease) is True
    await assert_claimable(race, "second")


async def test_a_claim_that_races_a_completion_never_brings_settled_messages(race: Race) -> None:
    await publish_texts(race.observer, "alice", "first")
    lease = await claim_one(race.observer)
    await publish_texts(race.publisher, "alice", "second")
    settling = race.worker.transaction()
    await settling.start()
    await queue.fence(race.worker, lease)
    await queue.complete(race.worker, lease)
    assert await queue.claim(race.publisher, make_worker_id(), max_threads=1, lease_seconds=60) == []
    await settling.commit()
    await assert_claimable(race, "second")
