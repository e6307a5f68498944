"""Publishing: durable, once, in order, and never leaving a thread stuck."""

import asyncio

import pytest

from database import queue
from database.pool import DbConnection, DbPool
from database.types import Published
from tests.database.builders import (
    claim_one,
    make_message,
    publish_texts,
    read_thread,
    settle,
    wait_until_blocked,
)


async def count_messages(conn: DbConnection) -> int:
    count: int = await conn.fetchval("SELECT count(*) FROM message_queue")
    return count


async def test_a_published_message_makes_its_thread_claimable(conn: DbConnection) -> None:
    message = make_message("alice", text="Hello")
    published = await queue.publish(conn, message)
    assert published.is_new
    assert published.contact == "alice"
    lease = await claim_one(conn)
    assert lease.thread_id == published.thread_id
    assert [(queued.id, queued.seq, queued.message) for queued in lease.messages] == [
        (published.message_id, 1, message)
    ]


async def test_a_redelivery_is_a_no_op_and_returns_the_first_message(conn: DbConnection) -> None:
    first = await queue.publish(conn, make_message("alice", "id-1", text="first"))
    thread = await conn.fetchrow("SELECT * FROM queue_threads")
    again = await queue.publish(conn, make_message("alice", "id-1", text="another text"))
    assert not again.is_new
    assert (again.thread_id, again.message_id) == (first.thread_id, first.message_id)
    assert await count_messages(conn) == 1
    assert await conn.fetchrow("SELECT * FROM queue_threads") == thread
    lease = await claim_one(conn)
    assert lease.messages[0].message.text == "first"


async def test_a_redelivery_after_completion_does_not_wake_the_thread(conn: DbConnection) -> None:
    first = await queue.publish(conn, make_message("alice", "id-1"))
    await settle(conn, await claim_one(conn))
    await queue.publish(conn, make_message("alice", "id-1"))
    assert (await read_thread(conn, first.thread_id))["ready_at"] is None


async def test_the_same_external_id_in_another_inbox_is_another_message(conn: DbConnection) -> None:
    for channel, inbox in [("web", "form"), ("web", "probe"), ("gmail", "form")]:
        message = make_message("alice", "id-1", inbox=inbox)
        published = await queue.publish(conn, message.model_copy(update={"channel": channel}))
        assert published.is_new
    assert await count_messages(conn) == 3


async def test_a_message_for_a_leased_thread_neither_ends_nor_extends_the_lease(conn: DbConnection) -> None:
    thread_id = await publish_texts(conn, "alice", "one")
    lease = await claim_one(conn)
    await publish_texts(conn, "alice", "two")
    thread = await read_thread(conn, thread_id)
    assert (thread["lease_token"], thread["ready_at"]) == (lease.token, lease.expires_at)


async def test_publishing_rolls_back_with_its_transaction(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await queue.publish(conn, make_message("alice"))
        await transaction.rollback()
        assert await conn.fetchval("SELECT count(*) FROM queue_threads") == 0


@pytest.mark.parametrize("ending", ["commits", "rolls back"])
async def test_twenty_racing_deliveries_of_one_message_leave_one_row_and_nothing_stuck(
    ending: str, pool: DbPool
) -> None:
    message = make_message("alice", "id-1")
    async with pool.acquire() as holder, pool.acquire() as observer:
        transaction = holder.transaction()
        await transaction.start()
        held = await queue.publish(holder, message)

        async def deliver() -> Published:
            async with pool.acquire() as conn:
                return await queue.publish(conn, message)

        racing = [asyncio.ensure_future(deliver()) for _ in range(18)]
        await wait_until_blocked(observer, 18)
        await (transaction.commit() if ending == "commits" else transaction.rollback())
        published = [*await asyncio.gather(*racing), *([held] if ending == "commits" else [])]
        assert [one.is_new for one in published].count(True) == 1
        assert len({(one.thread_id, one.message_id) for one in published}) == 1
        assert await observer.fetchval("SELECT count(*) FROM message_queue") == 1

        lease = await claim_one(observer)
        assert len(lease.messages) == 1
        assert await settle(observer, lease) is False
        assert (await read_thread(observer, lease.thread_id))["ready_at"] is None


async def test_a_lost_race_takes_no_number_and_loses_no_later_message(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        transaction = first.transaction()
        await transaction.start()
        published = await queue.publish(first, make_message("alice", "id-1"))
        loser = asyncio.ensure_future(queue.publish(second, make_message("alice", "id-1")))
        await wait_until_blocked(observer)
        await transaction.commit()
        await loser
        assert (await read_thread(observer, published.thread_id))["last_seq"] == 1
        await publish_texts(observer, "alice", "later")
        lease = await claim_one(observer)
        assert [queued.seq for queued in lease.messages] == [1, 2]
        assert await settle(observer, lease) is False
        assert (await read_thread(observer, lease.thread_id))["ready_at"] is None


async def test_a_gap_in_the_numbers_of_a_thread_loses_no_message_and_strands_nothing(conn: DbConnection) -> None:
    thread_id = await publish_texts(conn, "alice", "one")
    await conn.execute("UPDATE queue_threads SET last_seq = last_seq + 3")
    await publish_texts(conn, "alice", "two")
    lease = await claim_one(conn)
    assert [queued.seq for queued in lease.messages] == [1, 5]
    assert await queue.fence(conn, lease) is False
    await conn.execute("UPDATE queue_threads SET last_seq = last_seq + 1")
    assert await settle(conn, lease) is True
    empty = await claim_one(conn)
    assert empty.messages == ()
    assert await settle(conn, empty) is False
    assert (await read_thread(conn, thread_id))["ready_at"] is None


async def test_a_race_lost_inside_a_transaction_does_not_spoil_the_rest_of_it(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        winning = first.transaction()
        await winning.start()
        published = await queue.publish(first, make_message("alice", "id-1"))

        async def lose_and_go_on() -> Published:
            async with second.transaction():
                lost = await queue.publish(second, make_message("alice", "id-1"))
                await queue.publish(second, make_message("bob"))
                return lost

        losing = asyncio.ensure_future(lose_and_go_on())
        await wait_until_blocked(observer)
        await winning.commit()
        lost = await losing
        assert (lost.is_new, lost.message_id) == (False, published.message_id)
        contacts = await observer.fetchval("SELECT array_agg(contact ORDER BY contact) FROM queue_threads")
        assert contacts == ["alice", "bob"]


async def test_a_race_lost_to_another_contact_leaves_no_trace_of_the_losers_thread(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        transaction = first.transaction()
        await transaction.start()
        await queue.publish(first, make_message("alice", "id-1"))
        loser = asyncio.ensure_future(queue.publish(second, make_message("bob", "id-1")))
        await wait_until_blocked(observer)
        await transaction.commit()
        assert (await loser).contact == "alice"
        assert await observer.fetchval("SELECT array_agg(contact) FROM queue_threads") == ["alice"]


async def test_a_racing_delivery_waits_no_longer_than_the_first_one_takes(pool: DbPool) -> None:
    """A message of another thread is not held up by a publish that has not committed."""
    async with pool.acquire() as holder, pool.acquire() as other:
        transaction = holder.transaction()
        await transaction.start()
        await queue.publish(holder, make_message("alice"))
        async with asyncio.timeout(60):
            assert (await queue.publish(other, make_message("bob"))).is_new
        await transaction.rollback()


async def test_a_published_message_can_be_found_by_its_external_id(conn: DbConnection) -> None:
    message = make_message("alice", "id-1")
    published = await queue.publish(conn, message)
    found = await queue.find_published(conn, "web", "form", "id-1")
    assert found is not None
    assert (found.message_id, found.message, found.is_new) == (published.message_id, message, False)
    assert await queue.find_published(conn, "web", "form", "id-2") is None
    assert await queue.find_published(conn, "web", "probe", "id-1") is None
