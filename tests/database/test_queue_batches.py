"""Publishing many messages at once: one statement, the same promises as one by one."""

import asyncio

import pytest

from database import queue
from database.pool import Conn, DbConnection, DbPool
from tests.database.builders import claim_one, make_message, make_worker_id, publish_texts, wait_until_blocked


async def claim_texts(conn: Conn) -> dict[str, list[str]]:
    leases = await queue.claim(conn, make_worker_id(), max_threads=100, lease_seconds=60)
    return {lease.contact: [queued.message.text for queued in lease.messages] for lease in leases}


async def test_a_batch_keeps_the_order_within_each_thread(conn: DbConnection) -> None:
    await publish_texts(conn, "alice", "zero")
    messages = [make_message(contact, text=text) for contact, text in [("bob", "a"), ("alice", "one"), ("bob", "b")]]
    published = await queue.publish_many(conn, messages)
    assert [(one.is_new, one.message) for one in published] == [(True, message) for message in messages]
    assert await claim_texts(conn) == {"alice": ["zero", "one"], "bob": ["a", "b"]}


async def test_an_empty_batch_does_nothing(conn: DbConnection) -> None:
    assert await queue.publish_many(conn, []) == []
    assert await claim_texts(conn) == {}


async def test_redeliveries_in_a_batch_are_no_ops_and_answer_with_the_first_message(conn: DbConnection) -> None:
    first = await queue.publish(conn, make_message("alice", "id-1", text="first"))
    published = await queue.publish_many(
        conn,
        [
            make_message("alice", "id-1", text="again"),
            make_message("alice", "id-2", text="new"),
            make_message("alice", "id-2", text="twice in one batch"),
        ],
    )
    assert [one.is_new for one in published] == [False, True, False]
    assert published[0].message_id == first.message_id
    assert published[1].message_id == published[2].message_id
    assert published[2].message.text == "new"
    assert await claim_texts(conn) == {"alice": ["first", "new"]}


async def test_a_batch_of_redeliveries_alone_wakes_nobody(conn: DbConnection) -> None:
    message = make_message("alice", "id-1")
    await queue.publish(conn, message)
    await queue.complete(conn, await claim_one(conn))
    assert [one.is_new for one in await queue.publish_many(conn, [message, message])] == [False, False]
    assert await claim_texts(conn) == {}


async def test_a_batch_that_loses_a_race_for_one_message_still_publishes_the_others(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        winning = first.transaction()
        await winning.start()
        winner = await queue.publish(first, make_message("alice", "id-1", text="won"))
        batch = [make_message("alice", "id-1", text="lost"), make_message("bob", "id-2", text="other")]
        losing = asyncio.ensure_future(queue.publish_many(second, batch))
        await wait_until_blocked(observer)
        await winning.commit()
        published = await losing
        assert [one.is_new for one in published] == [False, True]
        assert published[0].message_id == winner.message_id
        assert await claim_texts(observer) == {"alice": ["won"], "bob": ["other"]}


async def test_a_batch_is_all_or_nothing_with_its_transaction(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await queue.publish_many(conn, [make_message("alice"), make_message("bob")])
        await transaction.rollback()
        assert await conn.fetchval("SELECT count(*) FROM queue_threads") == 0


async def test_batches_in_opposite_orders_do_not_deadlock(pool: DbPool) -> None:
    contacts = [f"customer {number}" for number in range(40)]

    async def publish(order: int) -> None:
        for _ in range(10):
            async with pool.acquire() as conn:
                await queue.publish_many(conn, [make_message(contact) for contact in contacts[::order]])

    async with asyncio.timeout(60):
        await asyncio.gather(*(publish(order) for order in (1, -1, 1, -1)))
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT array_agg(DISTINCT last_seq) FROM queue_threads") == [40]
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 40 * len(contacts)


@pytest.mark.parametrize("is_batch", [False, True])
async def test_a_message_beyond_the_bound_is_refused_and_nothing_is_queued(is_batch: bool, conn: DbConnection) -> None:
    huge = make_message("alice", text="ü" * (queue.MAX_PAYLOAD_BYTES // 2))
    with pytest.raises(queue.MessageTooLarge, match="262,144 bytes"):
        await (queue.publish_many(conn, [make_message("bob"), huge]) if is_batch else queue.publish(conn, huge))
    assert await claim_texts(conn) == {}
