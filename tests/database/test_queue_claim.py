"""Claiming: whole bursts, in order, the longest waiting first, and no thread waits for another."""

import asyncio
from collections import defaultdict

import pytest

from database import queue
from database.pool import DbConnection, DbPool
from database.types import Lease
from tests.database.builders import (
    claim_one,
    make_failure,
    make_message,
    make_worker_id,
    publish_texts,
    read_thread,
    settle,
    wait_until_blocked,
)


def read_texts(lease: Lease) -> list[str]:
    return [queued.message.text for queued in lease.messages]


async def test_a_burst_is_one_lease_with_all_its_messages_in_order(conn: DbConnection) -> None:
    await publish_texts(conn, "alice", "one", "two", "three")
    lease = await claim_one(conn)
    assert read_texts(lease) == ["one", "two", "three"]
    assert lease.through_seq == 3
    assert await settle(conn, lease) is False
    assert await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60) == []


async def test_a_burst_beyond_the_cap_is_cut_and_its_rest_is_claimable_at_once(conn: DbConnection) -> None:
    texts = [str(number) for number in range(queue.MAX_MESSAGES_PER_TURN + 5)]
    await publish_texts(conn, "alice", *texts)
    lease = await claim_one(conn)
    assert read_texts(lease) == texts[: queue.MAX_MESSAGES_PER_TURN]
    assert await settle(conn, lease) is True
    rest = await claim_one(conn)
    assert read_texts(rest) == texts[queue.MAX_MESSAGES_PER_TURN :]
    assert await settle(conn, rest) is False


async def test_a_leased_thread_does_not_hold_up_another(conn: DbConnection) -> None:
    await publish_texts(conn, "alice", "one")
    held = await claim_one(conn)
    await publish_texts(conn, "alice", "two")
    await publish_texts(conn, "bob", "hello")
    lease = await claim_one(conn)
    assert (lease.contact, held.contact) == ("bob", "alice")


async def test_a_locked_thread_is_skipped_and_not_waited_for(pool: DbPool) -> None:
    async with pool.acquire() as settling, pool.acquire() as claiming:
        await publish_texts(claiming, "alice", "one")
        await publish_texts(claiming, "bob", "two")
        async with settling.transaction():
            await settling.execute("SELECT FROM queue_threads WHERE contact = 'alice' FOR UPDATE")
            async with asyncio.timeout(60):
                assert (await claim_one(claiming)).contact == "bob"
        assert (await claim_one(claiming)).contact == "alice"


async def test_the_longest_waiting_thread_comes_first(conn: DbConnection) -> None:
    for contact, minutes in [("alice", 1), ("bob", 3), ("carol", 2)]:
        thread_id = await publish_texts(conn, contact, "hello")
        await conn.execute(
            "UPDATE queue_threads SET ready_at = now() - make_interval(mins => $2) WHERE id = $1", thread_id, minutes
        )
    order = []
    for _ in range(3):
        (lease,) = await queue.claim(conn, make_worker_id(), max_threads=1, lease_seconds=60)
        order.append(lease.contact)
    assert order == ["bob", "carol", "alice"]


async def test_no_more_threads_are_claimed_than_asked_for(conn: DbConnection) -> None:
    for contact in ("alice", "bob", "carol"):
        await publish_texts(conn, contact, "one", "two")
    leases = await queue.claim(conn, make_worker_id(), max_threads=2, lease_seconds=60)
    assert [len(lease.messages) for lease in leases] == [2, 2]
    assert len(await queue.claim(conn, make_worker_id(), max_threads=2, lease_seconds=60)) == 1


async def test_claiming_one_thread_takes_no_other(conn: DbConnection) -> None:
    alice = await publish_texts(conn, "alice", "one", "two")
    bob = await publish_texts(conn, "bob", "three")
    lease = await queue.claim_thread(conn, make_worker_id(), bob, lease_seconds=60)
    assert lease is not None
    assert read_texts(lease) == ["three"]
    assert await queue.claim_thread(conn, make_worker_id(), bob, lease_seconds=60) is None
    assert (await read_thread(conn, alice))["lease_token"] is None


async def test_two_claims_at_the_same_moment_never_share_a_thread(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        for number in range(10):
            await publish_texts(first, f"customer {number}", "hello")
        async with first.transaction():
            mine = await queue.claim(first, make_worker_id(), max_threads=6, lease_seconds=60)
            theirs = await queue.claim(second, make_worker_id(), max_threads=6, lease_seconds=60)
        assert (len(mine), len(theirs)) == (6, 4)
        assert {lease.thread_id for lease in mine}.isdisjoint(lease.thread_id for lease in theirs)


async def test_messages_of_a_thread_are_worked_on_one_turn_at_a_time_and_in_order(pool: DbPool) -> None:
    contacts = [f"customer {number}" for number in range(6)]
    per_contact = 25
    seen: dict[str, list[str]] = defaultdict(list)
    in_work: set[str] = set()
    finished = asyncio.Event()

    async def publish(contact: str) -> None:
        for number in range(per_contact):
            async with pool.acquire() as conn:
                await queue.publish(conn, make_message(contact, text=str(number)))

    async def work() -> None:
        worker_id = make_worker_id()
        while not finished.is_set():
            async with pool.acquire() as conn:
                leases = await queue.claim(conn, worker_id, max_threads=2, lease_seconds=60)
            for lease in leases:
                assert lease.contact not in in_work
                in_work.add(lease.contact)
                seen[lease.contact] += read_texts(lease)
            for lease in leases:
                async with pool.acquire() as conn:
                    in_work.discard(lease.contact)
                    await settle(conn, lease)
            if all(len(seen[contact]) >= per_contact for contact in contacts):
                finished.set()

    async with asyncio.timeout(60):
        await asyncio.gather(*map(publish, contacts), *(work() for _ in range(4)))
    assert dict(seen) == {contact: [str(number) for number in range(per_contact)] for contact in contacts}
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM queue_threads WHERE ready_at IS NOT NULL") == 0


async def test_sequence_numbers_rise_in_the_order_of_commits(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        transaction = first.transaction()
        await transaction.start()
        await queue.publish(first, make_message("alice", text="began first"))
        late = asyncio.ensure_future(queue.publish(second, make_message("alice", text="committed second")))
        await wait_until_blocked(observer)
        await transaction.commit()
        await late
        assert read_texts(await claim_one(observer)) == ["began first", "committed second"]


async def test_depth_counts_threads_in_work_and_waiting_and_the_oldest_wait(conn: DbConnection) -> None:
    assert await queue.measure_depth(conn) == {"threads": 0, "claimable": 0, "oldest_seconds": 0, "dead_letters": 0}
    await publish_texts(conn, "dora", "buried")
    lease = await claim_one(conn)
    await queue.fail(conn, lease, make_failure())
    await publish_texts(conn, "alice", "leased")
    await claim_one(conn)
    waiting = await publish_texts(conn, "bob", "waiting")
    await conn.execute("UPDATE queue_threads SET ready_at = now() - interval '90 seconds' WHERE id = $1", waiting)
    await queue.publish(conn, make_message("carol", channel="whatsapp"))
    done = await publish_texts(conn, "dave", "done")
    finished = await queue.claim_thread(conn, make_worker_id(), done, lease_seconds=60)
    assert finished is not None
    await settle(conn, finished)
    depth = await queue.measure_depth(conn)
    assert depth == {
        "threads": 3,
        "claimable": 1,
        "oldest_seconds": pytest.approx(90, abs=5),
        "dead_letters": 1,
    }
