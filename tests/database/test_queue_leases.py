"""Leases: only their holder settles, attempts count crashes, and nothing is held for ever."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from asyncpg import Record
from hypothesis import given
from hypothesis import strategies as st

from database import queue
from database.pool import Conn, DbConnection, DbPool
from database.queries import operations
from database.types import Lease, ThreadId
from tests.database.builders import (
    claim_one,
    expire_lease,
    make_failure,
    make_worker_id,
    publish_texts,
    read_thread,
    settle,
)

Settlement = Callable[[Conn, Lease], Awaitable[object]]


async def retry_later(conn: Conn, lease: Lease) -> None:
    await queue.retry(conn, lease, make_failure(), delay_seconds=1)


async def complete(conn: Conn, lease: Lease) -> None:
    await queue.complete(conn, lease)


async def bury(conn: Conn, lease: Lease) -> None:
    await queue.fail(conn, lease, make_failure())


async def snooze(conn: Conn, lease: Lease) -> None:
    await queue.snooze(conn, lease, delay_seconds=5)


SETTLEMENTS: list[Settlement] = [queue.fence, complete, retry_later, bury, snooze, queue.release]


async def read_row(conn: Conn, thread_id: ThreadId) -> Record | None:
    return await conn.fetchrow("SELECT * FROM queue_threads WHERE id = $1", thread_id)


@pytest.fixture
async def thread_id(conn: DbConnection) -> ThreadId:
    return await publish_texts(conn, "alice", "hello")


async def test_a_leased_thread_is_not_claimed_again_before_its_lease_expires(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    await claim_one(conn)
    assert await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60) == []
    assert await queue.claim_thread(conn, make_worker_id(), thread_id, lease_seconds=60) is None


@pytest.mark.parametrize("settlement", SETTLEMENTS)
async def test_a_worker_whose_lease_was_taken_over_can_settle_nothing(
    settlement: Settlement, conn: DbConnection, thread_id: ThreadId
) -> None:
    zombie = await claim_one(conn)
    await expire_lease(conn, thread_id)
    heir = await claim_one(conn)
    assert heir.token != zombie.token
    assert [queued.id for queued in heir.messages] == [queued.id for queued in zombie.messages]
    before = await read_row(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settlement(conn, zombie)
    assert await read_row(conn, thread_id) == before
    await queue.fence(conn, heir)


@pytest.mark.parametrize("settlement", SETTLEMENTS)
async def test_a_settled_lease_cannot_be_settled_again(
    settlement: Settlement, conn: DbConnection, thread_id: ThreadId
) -> None:
    lease = await claim_one(conn)
    await settle(conn, lease)
    before = await read_row(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settlement(conn, lease)
    assert await read_row(conn, thread_id) == before


async def test_an_expired_lease_is_lost_even_before_anybody_else_claims(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    worker_id = make_worker_id()
    lease = await claim_one(conn, worker_id)
    await expire_lease(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settle(conn, lease)
    assert await queue.renew(conn, [lease], lease_seconds=60) == [lease]
    assert (await read_thread(conn, thread_id))["done_seq"] == 0


@pytest.mark.parametrize("settlement", SETTLEMENTS)
async def test_whose_lease_has_run_out_can_settle_nothing_even_if_nobody_took_it(
    settlement: Settlement, conn: DbConnection, thread_id: ThreadId
) -> None:
    lease = await claim_one(conn)
    await expire_lease(conn, thread_id)
    before = await read_row(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settlement(conn, lease)
    assert await queue.complete_many(conn, [lease]) == [lease]
    assert await read_row(conn, thread_id) == before


async def test_attempts_rise_at_each_claim_and_start_anew_after_completion(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    for attempt in (1, 2, 3):
        lease = await claim_one(conn)
        assert lease.attempt == attempt
        await expire_lease(conn, thread_id)  # the worker was killed
    await settle(conn, await claim_one(conn))
    await publish_texts(conn, "alice", "again")
    assert (await claim_one(conn)).attempt == 1


async def test_a_released_thread_is_claimable_at_once_and_its_attempt_does_not_count(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    for _ in range(3):
        lease = await claim_one(conn)
        assert lease.attempt == 1
        await queue.release(conn, lease)
    thread = await read_thread(conn, thread_id)
    assert (thread["attempts"], thread["lease_token"], thread["leased_by"]) == (0, None, None)


async def test_a_retry_waits_for_its_delay_and_counts(conn: DbConnection, thread_id: ThreadId) -> None:
    await queue.retry(conn, await claim_one(conn), make_failure(), delay_seconds=45)
    thread = await read_thread(conn, thread_id)
    assert thread["delay"] == pytest.approx(45, abs=1)
    assert (thread["lease_token"], thread["leased_by"]) == (None, None)
    assert await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60) == []
    await expire_lease(conn, thread_id)
    assert (await claim_one(conn)).attempt == 2


async def test_renewing_extends_the_leases_it_is_given_and_no_other(conn: DbConnection) -> None:
    mine, other = make_worker_id(), make_worker_id()
    first = await publish_texts(conn, "alice", "hello")
    my_first = await claim_one(conn, mine)
    second = await publish_texts(conn, "bob", "hello")
    my_second = await claim_one(conn, mine)
    third = await publish_texts(conn, "carol", "hello")
    await claim_one(conn, other)
    assert await queue.renew(conn, [my_first, my_second], lease_seconds=300) == []
    delays = [(await read_thread(conn, thread_id))["delay"] for thread_id in (first, second, third)]
    assert delays == pytest.approx([300, 300, 60], abs=1)


async def test_a_lease_that_was_taken_over_is_not_renewed_not_even_by_the_same_worker(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    worker_id = make_worker_id()
    old = await claim_one(conn, worker_id)
    await expire_lease(conn, thread_id)
    new = await claim_one(conn, worker_id)
    assert await queue.renew(conn, [old], lease_seconds=300) == [old]
    assert await queue.renew(conn, [old, new], lease_seconds=300) == [old]


async def test_renewing_does_not_wait_for_a_thread_that_somebody_has_locked_and_does_not_call_it_lost(
    pool: DbPool,
) -> None:
    async with pool.acquire() as conn, pool.acquire() as locking:
        worker_id = make_worker_id()
        locked_id = await publish_texts(conn, "alice", "hello")
        locked = await claim_one(conn, worker_id)
        free_id = await publish_texts(conn, "bob", "hello")
        free = await claim_one(conn, worker_id)
        async with locking.transaction(), asyncio.timeout(60):
            await queue.fence(locking, locked)
            assert await queue.renew(conn, [locked, free], lease_seconds=300) == []
        assert (await read_thread(conn, free_id))["delay"] > 200
        assert (await read_thread(conn, locked_id))["delay"] < 100


async def test_a_renewed_lease_still_settles(conn: DbConnection, thread_id: ThreadId) -> None:
    lease = await claim_one(conn, lease_seconds=5)
    await queue.renew(conn, [lease], lease_seconds=300)
    assert await settle(conn, lease) is False


async def test_a_snoozed_thread_comes_back_later_and_its_attempt_does_not_count(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    await queue.snooze(conn, await claim_one(conn), delay_seconds=45)
    thread = await read_thread(conn, thread_id)
    assert thread["delay"] == pytest.approx(45, abs=1)
    assert (thread["attempts"], thread["lease_token"], thread["leased_by"]) == (0, None, None)


async def test_many_leases_are_completed_at_once_and_the_lost_ones_come_back(conn: DbConnection) -> None:
    for contact in ("alice", "bob", "carol"):
        await publish_texts(conn, contact, "hello")
    leases = await queue.claim(conn, make_worker_id(), max_threads=3, lease_seconds=60)
    lost = next(lease for lease in leases if lease.contact == "bob")
    await expire_lease(conn, lost.thread_id)
    heir = await claim_one(conn)
    await publish_texts(conn, "carol", "one more")
    assert await queue.complete_many(conn, leases) == [lost]
    awake = await conn.fetch(
        "SELECT contact, lease_token FROM queue_threads WHERE ready_at IS NOT NULL ORDER BY contact"
    )
    assert [tuple(row) for row in awake] == [("bob", heir.token), ("carol", None)]


async def test_an_empty_lease_settles_and_leaves_the_thread_idle(conn: DbConnection, thread_id: ThreadId) -> None:
    await settle(conn, await claim_one(conn))
    await expire_lease(conn, thread_id)  # as a lost publishing race leaves it: awake, with nothing waiting
    lease = await claim_one(conn)
    assert (lease.messages, lease.through_seq) == ((), 1)
    assert await settle(conn, lease) is False
    thread = await read_thread(conn, thread_id)
    assert (thread["ready_at"], thread["done_seq"]) == (None, 1)


async def test_a_failed_lease_is_a_dead_letter_with_the_history_of_every_attempt(conn: DbConnection) -> None:
    thread_id = await publish_texts(conn, "alice", "done before")
    await settle(conn, await claim_one(conn))
    await publish_texts(conn, "alice", "poison", "more poison")
    await queue.retry(conn, await claim_one(conn), make_failure("it hurts"), delay_seconds=0)
    await claim_one(conn)
    await expire_lease(conn, thread_id)  # the worker was killed
    lease = await claim_one(conn)
    letter_id = await queue.fail(conn, lease, make_failure("it kills"))
    (row,) = await conn.fetch("SELECT * FROM dead_letters")
    assert (row["id"], row["thread_id"], row["first_seq"], row["through_seq"]) == (letter_id, thread_id, 2, 3)
    assert (row["attempts"], row["reason"], row["state"]) == (3, "it kills", "open")
    errors = json.loads(row["errors"])
    assert [(error["attempt"], error["error_class"], error["message"]) for error in errors] == [
        (1, "ConnectionError", "it hurts"),
        (2, "LeaseExpired", "the worker was killed, stalled or cut off before it could settle the turn"),
        (3, "ConnectionError", "it kills"),
    ]
    assert [error["worker"] for error in errors[::2]] == ["desk:7", "desk:7"]
    assert await conn.fetchval("SELECT count(*) FROM queue_failures") == 0
    assert (await read_thread(conn, thread_id))["ready_at"] is None


async def test_a_dead_letter_does_not_hold_up_what_arrived_behind_it(conn: DbConnection) -> None:
    await publish_texts(conn, "alice", "poison")
    lease = await claim_one(conn)
    await publish_texts(conn, "alice", "a question")
    await queue.fail(conn, lease, make_failure())
    following = await claim_one(conn)
    assert [queued.message.text for queued in following.messages] == ["a question"]
    assert following.attempt == 1


async def test_the_lease_of_a_known_worker_that_died_is_noted_with_its_name(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    dead = make_worker_id()
    await operations.beat(conn, dead, host="desk", pid=9, brain="b", concurrency=1, in_flight=1, is_elected=False)
    await claim_one(conn, dead)
    await expire_lease(conn, thread_id)
    await claim_one(conn)
    (row,) = await conn.fetch("SELECT * FROM queue_failures")
    assert (row["worker"], row["error_class"], row["attempt"], row["first_seq"]) == ("desk:9", "LeaseExpired", 1, 1)


async def test_the_database_refuses_a_thread_that_would_never_be_claimed(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="queue_threads_awake"):
        await conn.execute("UPDATE queue_threads SET ready_at = NULL")


@given(attempt=st.integers(1, 20), retry_after=st.floats(0, 1e9))
def test_a_retry_after_is_respected_and_bounded(attempt: int, retry_after: float) -> None:
    delay = queue.delay_before_retry(attempt, 0.5, retry_after)
    assert min(retry_after, 3600.0) <= delay <= 3600.0
    assert delay >= queue.delay_before_retry(attempt, 0.5)


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_the_delay_before_a_retry_stays_within_its_bounds(attempt: int, jitter: float) -> None:
    delay = queue.delay_before_retry(attempt, jitter)
    assert 0.5 <= delay <= min(300.0, 2.0 ** min(attempt, 20))
    assert math.isfinite(delay)


@given(attempt=st.integers(1, 100), low=st.floats(0, 0.5), high=st.floats(0.5, 1, exclude_max=True))
def test_the_delay_before_a_retry_grows_with_attempts_and_spreads_with_jitter(
    attempt: int, low: float, high: float
) -> None:
    assert queue.delay_before_retry(attempt, low) <= queue.delay_before_retry(attempt, high)
    assert queue.delay_before_retry(attempt, low) <= queue.delay_before_retry(attempt + 1, low)
