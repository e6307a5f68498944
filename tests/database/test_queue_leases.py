"""Leases: only their holder settles, attempts count crashes, and nothing is held for ever."""

import math
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database import queue
from database.pool import Conn, DbConnection
from database.types import Lease, ThreadId
from tests.database.builders import (
    claim_one,
    expire_lease,
    make_worker_id,
    publish_texts,
    read_thread,
    settle,
)


async def retry_later(conn: Conn, lease: Lease) -> None:
    await queue.retry(conn, lease, delay_seconds=1)


async def complete(conn: Conn, lease: Lease) -> None:
    await queue.complete(conn, lease)


Settlement = Callable[[Conn, Lease], Awaitable[object]]
SETTLEMENTS: list[Settlement] = [queue.fence, complete, retry_later, queue.release]


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
    before = await read_thread(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settlement(conn, zombie)
    assert await read_thread(conn, thread_id) == before
    await queue.fence(conn, heir)


@pytest.mark.parametrize("settlement", SETTLEMENTS)
async def test_a_settled_lease_cannot_be_settled_again(
    settlement: Settlement, conn: DbConnection, thread_id: ThreadId
) -> None:
    lease = await claim_one(conn)
    await settle(conn, lease)
    before = await read_thread(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settlement(conn, lease)
    assert await read_thread(conn, thread_id) == before


async def test_an_expired_lease_is_lost_even_before_anybody_else_claims(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    worker_id = make_worker_id()
    lease = await claim_one(conn, worker_id)
    await expire_lease(conn, thread_id)
    with pytest.raises(queue.LeaseLost):
        await settle(conn, lease)
    assert await queue.renew(conn, worker_id, [lease.token], lease_seconds=60) == set()
    assert (await read_thread(conn, thread_id))["done_seq"] == 0


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
    await queue.retry(conn, await claim_one(conn), delay_seconds=45)
    thread = await read_thread(conn, thread_id)
    assert thread["delay"] == pytest.approx(45, abs=0.01)
    assert (thread["lease_token"], thread["leased_by"]) == (None, None)
    assert await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60) == []
    await expire_lease(conn, thread_id)
    assert (await claim_one(conn)).attempt == 2


async def test_renewing_extends_all_leases_of_one_worker_and_only_its_own(conn: DbConnection) -> None:
    mine, other = make_worker_id(), make_worker_id()
    first = await publish_texts(conn, "alice", "hello")
    my_first = await claim_one(conn, mine)
    second = await publish_texts(conn, "bob", "hello")
    my_second = await claim_one(conn, mine)
    third = await publish_texts(conn, "carol", "hello")
    theirs = await claim_one(conn, other)
    tokens = [my_first.token, my_second.token, theirs.token]
    renewed = await queue.renew(conn, mine, tokens, lease_seconds=300)
    assert renewed == {my_first.token, my_second.token}
    delays = [(await read_thread(conn, thread_id))["delay"] for thread_id in (first, second, third)]
    assert delays == pytest.approx([300, 300, 60], abs=0.01)


async def test_a_token_that_was_taken_over_is_not_renewed_not_even_by_the_same_worker(
    conn: DbConnection, thread_id: ThreadId
) -> None:
    worker_id = make_worker_id()
    old = await claim_one(conn, worker_id)
    await expire_lease(conn, thread_id)
    new = await claim_one(conn, worker_id)
    assert await queue.renew(conn, worker_id, [old.token], lease_seconds=300) == set()
    assert await queue.renew(conn, worker_id, [old.token, new.token], lease_seconds=300) == {new.token}


async def test_a_renewed_lease_still_settles(conn: DbConnection, thread_id: ThreadId) -> None:
    worker_id = make_worker_id()
    lease = await claim_one(conn, worker_id, lease_seconds=5)
    await queue.renew(conn, worker_id, [lease.token], lease_seconds=300)
    assert await settle(conn, lease) is False


async def test_an_empty_lease_settles_and_leaves_the_thread_idle(conn: DbConnection, thread_id: ThreadId) -> None:
    await settle(conn, await claim_one(conn))
    await expire_lease(conn, thread_id)  # as a lost publishing race leaves it: awake, with nothing waiting
    lease = await claim_one(conn)
    assert (lease.messages, lease.through_seq) == ((), 1)
    assert await settle(conn, lease) is False
    thread = await read_thread(conn, thread_id)
    assert (thread["ready_at"], thread["done_seq"]) == (None, 1)


async def test_a_buried_lease_is_recorded_with_its_range_and_reason(conn: DbConnection) -> None:
    thread_id = await publish_texts(conn, "alice", "done before")
    await settle(conn, await claim_one(conn))
    await publish_texts(conn, "alice", "poison", "more poison")
    lease = await claim_one(conn)
    await queue.bury(conn, lease, "it kills every worker")
    await settle(conn, lease)
    rows = await conn.fetch("SELECT thread_id, first_seq, through_seq, attempts, reason FROM dead_letters")
    assert [tuple(row) for row in rows] == [(thread_id, 2, 3, 1, "it kills every worker")]
    assert (await read_thread(conn, thread_id))["ready_at"] is None


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
