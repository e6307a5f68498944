"""Dead letters: kept with their history, tried again at the end of their thread, and settled once."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest

from database import queue
from database.pool import Conn, DbConnection, DbPool
from database.queries import conversations, tickets
from database.queue.dead_letters import (
    MessagesGone,
    NotOpen,
    count_dead_letters,
    discard_dead_letter,
    find_dead_letter,
    list_dead_letters,
    retry_dead_letter,
)
from database.types import MessageId
from tests.database.builders import (
    claim_one,
    expire_lease,
    make_failure,
    make_message,
    open_conversation,
    publish_texts,
    read_thread,
    wait_until_blocked,
)


async def bury(conn: Conn, contact: str, *texts: str, handed_over: bool = False) -> UUID:
    """A dead letter with these messages."""
    thread_id = await publish_texts(conn, contact, *texts)
    await queue.retry(conn, await claim_one(conn), make_failure("first try"), delay_seconds=0)
    await expire_lease(conn, thread_id)
    return await queue.fail(conn, await claim_one(conn), make_failure("last try"), handed_over=handed_over)


async def test_open_letters_are_listed_oldest_first_with_what_went_wrong(conn: DbConnection) -> None:
    assert await list_dead_letters(conn) == []
    first, second = await bury(conn, "alice", "one", "two"), await bury(conn, "bob", "three")
    listed = await list_dead_letters(conn)
    assert [row["id"] for row in listed] == [first, second]
    assert (listed[0]["contact"], listed[0]["messages"], listed[0]["attempts"]) == ("alice", 2, 2)
    assert (listed[0]["error_class"], listed[0]["reason"], listed[0]["ticket_ref"]) == (
        "ConnectionError",
        "last try",
        None,
    )
    assert len(await list_dead_letters(conn, max_rows=1)) == 1
    assert await count_dead_letters(conn) == 2


async def test_a_letter_shows_every_attempt_and_what_arrived(conn: DbConnection) -> None:
    letter = await find_dead_letter(conn, await bury(conn, "alice", "one", "two"))
    assert letter is not None
    assert [(error["attempt"], error["message"]) for error in letter["errors"]] == [(1, "first try"), (2, "last try")]
    assert [message["payload"]["text"] for message in letter["messages"]] == ["one", "two"]
    assert letter["state"] == "open"
    assert await find_dead_letter(conn, uuid4()) is None


async def test_a_retry_queues_the_messages_again_behind_what_has_arrived_meanwhile(conn: DbConnection) -> None:
    letter_id = await bury(conn, "alice", "one", "two")
    thread_id = await publish_texts(conn, "alice", "three")
    retried = await retry_dead_letter(conn, letter_id)
    lease = await claim_one(conn)
    assert [queued.message.text for queued in lease.messages] == ["three", "one", "two"]
    assert [queued.id for queued in lease.messages[1:]] == retried
    assert lease.attempt == 1
    assert await queue.complete(conn, lease) is False
    assert (await read_thread(conn, thread_id))["ready_at"] is None
    assert await list_dead_letters(conn) == []


async def test_a_retry_wakes_a_sleeping_thread_and_a_late_redelivery_stays_a_no_op(conn: DbConnection) -> None:
    message = make_message("alice", "id-1")
    await queue.publish(conn, message)
    letter_id = await queue.fail(conn, await claim_one(conn), make_failure())
    await retry_dead_letter(conn, letter_id)
    assert not (await queue.publish(conn, message)).is_new
    assert len((await claim_one(conn)).messages) == 1


async def test_a_retry_during_a_turn_of_the_thread_counts_as_newer(conn: DbConnection) -> None:
    letter_id = await bury(conn, "alice", "one")
    await publish_texts(conn, "alice", "two")
    lease = await claim_one(conn)
    await retry_dead_letter(conn, letter_id)
    assert await queue.fence(conn, lease) is True
    assert await queue.complete(conn, lease) is True
    assert [queued.message.text for queued in (await claim_one(conn)).messages] == ["one"]


SETTLEMENTS: list[Callable[[Conn, UUID], Awaitable[object]]] = [discard_dead_letter, retry_dead_letter]


@pytest.mark.parametrize("settle_first", SETTLEMENTS)
async def test_a_letter_is_settled_once(
    settle_first: Callable[[Conn, UUID], Awaitable[object]], conn: DbConnection
) -> None:
    letter_id = await bury(conn, "alice", "one")
    await settle_first(conn, letter_id)
    for settle in SETTLEMENTS:
        with pytest.raises(NotOpen, match=str(letter_id)):
            await settle(conn, letter_id)
    letter = await find_dead_letter(conn, letter_id)
    assert letter is not None
    assert letter["state"] == ("discarded" if settle_first is discard_dead_letter else "retried")
    assert letter["settled_at"] is not None


async def test_a_discarded_letter_wakes_nobody_and_keeps_its_messages(conn: DbConnection) -> None:
    await discard_dead_letter(conn, await bury(conn, "alice", "one"))
    assert await conn.fetchval("SELECT count(*) FROM queue_threads WHERE ready_at IS NOT NULL") == 0
    assert await conn.fetchval("SELECT count(*) FROM message_queue") == 1


async def bury_conversation(conn: DbConnection, *, handed_over: bool = True) -> tuple[UUID, object]:
    """A dead letter in a conversation that a person has, because of it or for another reason."""
    conversation_id = await open_conversation(conn, "alice")
    letter_id = await bury(conn, "alice", "one", handed_over=handed_over)
    letter = await find_dead_letter(conn, letter_id)
    assert letter is not None
    stored = MessageId(UUID(letter["messages"][0]["id"]))
    await conversations.add_message(conn, stored, conversation_id, "customer", "(unreadable)")
    await tickets.escalate_ticket(
        conn, conversation_id, route="general", reason="it failed", summary="", draft=None, confidence=0.0
    )
    await conversations.record_turn(conn, conversation_id, owner="person", sentiment=0.0, automatic_replies=0)
    return letter_id, conversation_id


async def test_a_retry_gives_the_conversation_back_to_the_agent_and_stores_its_messages_anew(
    conn: DbConnection,
) -> None:
    letter_id, conversation_id = await bury_conversation(conn)
    await retry_dead_letter(conn, letter_id)
    assert await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", conversation_id) == "agent"
    assert await conn.fetchval("SELECT status FROM tickets") == "open"
    assert await conn.fetchval("SELECT count(*) FROM messages WHERE text = '(unreadable)'") == 0


async def test_a_retry_takes_no_conversation_that_was_handed_over_for_another_reason(conn: DbConnection) -> None:
    letter_id, conversation_id = await bury_conversation(conn, handed_over=False)
    await retry_dead_letter(conn, letter_id)
    assert await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", conversation_id) == "person"
    (ticket,) = await conn.fetch("SELECT status, handover_reason FROM tickets")
    assert tuple(ticket) == ("escalated", "it failed")


async def test_what_the_customer_wrote_to_the_person_meanwhile_comes_back_with_the_retry(conn: DbConnection) -> None:
    letter_id, _ = await bury_conversation(conn)
    await publish_texts(conn, "alice", "two")
    await queue.complete(conn, await claim_one(conn))  # stored for the person, and not answered
    await publish_texts(conn, "alice", "three")
    await retry_dead_letter(conn, letter_id)
    lease = await claim_one(conn)
    assert sorted(queued.message.text for queued in lease.messages) == ["one", "three", "two"]
    (ticket,) = await conn.fetch("SELECT team, route, handover_reason FROM tickets")
    assert tuple(ticket) == (None, None, None)


async def test_a_letter_whose_messages_are_gone_cannot_be_retried(conn: DbConnection) -> None:
    letter_id = await bury(conn, "alice", "one")
    await conn.execute("DELETE FROM message_queue")
    with pytest.raises(MessagesGone, match=str(letter_id)):
        await retry_dead_letter(conn, letter_id)


async def test_a_retry_takes_no_conversation_from_a_person_who_has_written(conn: DbConnection) -> None:
    letter_id, conversation_id = await bury_conversation(conn)
    await conn.execute(
        "INSERT INTO messages (id, conversation_id, author, text) VALUES ($1, $2, 'person', 'I am on it.')",
        uuid4(),
        conversation_id,
    )
    await retry_dead_letter(conn, letter_id)
    assert await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", conversation_id) == "person"
    assert await conn.fetchval("SELECT status FROM tickets") == "escalated"


async def test_a_retry_that_races_a_publish_keeps_both_numbers_apart(pool: DbPool) -> None:
    async with pool.acquire() as publisher, pool.acquire() as operator, pool.acquire() as observer:
        letter_id = await bury(observer, "alice", "one")
        publishing = publisher.transaction()
        await publishing.start()
        await queue.publish(publisher, make_message("alice", text="two"))

        async def retry() -> None:
            async with operator.transaction():
                await retry_dead_letter(operator, letter_id)

        retrying = asyncio.ensure_future(retry())
        await wait_until_blocked(observer)
        await publishing.commit()
        await retrying
        lease = await claim_one(observer)
        assert [queued.message.text for queued in lease.messages] == ["two", "one"]
        assert await queue.complete(observer, lease) is False
