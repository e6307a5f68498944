"""The outbox: in order, one at a time per conversation, and never sent twice on a guess."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from database import outbox
from database.pool import Conn, DbConnection, DbPool
from database.types import MessageId, OutboundMessage, ThreadId
from tests.database.builders import open_conversation, queue_reply

Settlement = Callable[[Conn, OutboundMessage], Awaitable[None]]


async def claim_all(conn: Conn) -> list[OutboundMessage]:
    return await outbox.claim(conn, max_replies=10, lease_seconds=60)


async def read_state(conn: Conn, message_id: MessageId) -> str:
    state: str = await conn.fetchval("SELECT state FROM outbox WHERE id = $1", message_id)
    return state


async def expire_sends(conn: Conn, *, were_handed: bool = True) -> None:
    """Let the leases run out of workers that died after, or before, they handed their replies over."""
    await conn.execute(
        "UPDATE outbox SET ready_at = now() - interval '1 second', handed_at = CASE WHEN $1 THEN now() END"
        " WHERE state = 'sending'",
        were_handed,
    )


async def test_a_claimed_reply_carries_what_its_channel_needs(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-20261121-0007")
    reply_id = await queue_reply(conn, conversation_id, "Here is how.")
    (reply,) = await claim_all(conn)
    assert (reply.id, reply.conversation_id, reply.text, reply.attempt) == (
        reply_id,
        conversation_id,
        "Here is how.",
        1,
    )
    assert (reply.channel, reply.inbox, reply.thread_contact) == ("web", "form", "TF-20261121-0007")
    assert await read_state(conn, reply_id) == "sending"


async def test_replies_of_one_conversation_go_out_in_order_and_one_at_a_time(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    for text in ("one", "two", "three"):
        await queue_reply(conn, conversation_id, text)
    sent = []
    for _ in range(3):
        (reply,) = await claim_all(conn)
        assert await claim_all(conn) == []
        await outbox.mark_sent(conn, reply, None)
        sent.append(reply.text)
    assert sent == ["one", "two", "three"]
    assert await claim_all(conn) == []


async def test_a_reply_waiting_for_its_retry_holds_back_the_later_ones_of_its_conversation_only(
    conn: DbConnection,
) -> None:
    slow, quick = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    await queue_reply(conn, slow, "first")
    await queue_reply(conn, slow, "second")
    (reply,) = await claim_all(conn)
    await outbox.retry(conn, reply, "busy", delay_seconds=60)
    await queue_reply(conn, quick, "other")
    assert [claimed.text for claimed in await claim_all(conn)] == ["other"]


async def test_a_reply_given_up_lets_the_next_one_go(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await queue_reply(conn, conversation_id, "one")
    await queue_reply(conn, conversation_id, "two")
    (reply,) = await claim_all(conn)
    await outbox.give_up(conn, reply, "failed", "no such mailbox")
    assert [claimed.text for claimed in await claim_all(conn)] == ["two"]


async def test_two_workers_never_claim_replies_of_one_conversation_at_the_same_moment(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        for ref in ("TF-1", "TF-2", "TF-3"):
            conversation_id = await open_conversation(first, ref)
            await queue_reply(first, conversation_id, "one")
            await queue_reply(first, conversation_id, "two")
        async with first.transaction():
            mine = await outbox.claim(first, max_replies=2, lease_seconds=60)
            theirs = await outbox.claim(second, max_replies=10, lease_seconds=60)
        assert [reply.text for reply in [*mine, *theirs]] == ["one"] * 3
        assert len({reply.conversation_id for reply in [*mine, *theirs]}) == 3
        assert await outbox.claim(second, max_replies=10, lease_seconds=60) == []


async def mark_sent(conn: Conn, reply: OutboundMessage) -> None:
    await outbox.mark_sent(conn, reply, None)


async def retry_later(conn: Conn, reply: OutboundMessage) -> None:
    await outbox.retry(conn, reply, "busy", delay_seconds=1)


async def give_up(conn: Conn, reply: OutboundMessage) -> None:
    await outbox.give_up(conn, reply, "failed", "refused")


@pytest.mark.parametrize("settlement", [mark_sent, retry_later, give_up])
async def test_only_the_holder_of_the_token_records_a_delivery(settlement: Settlement, conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await queue_reply(conn, conversation_id)
    (zombie,) = await claim_all(conn)
    await expire_sends(conn)
    await outbox.recover_expired(conn, ["web"])
    (heir,) = await claim_all(conn)
    assert (heir.id, heir.attempt) == (zombie.id, 2)
    assert heir.lease_token != zombie.lease_token
    with pytest.raises(outbox.DeliveryLeaseLost):
        await settlement(conn, zombie)
    assert await read_state(conn, heir.id) == "sending"
    await outbox.mark_sent(conn, heir, "vendor-1")
    assert await read_state(conn, heir.id) == "sent"
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_sent(conn, heir, "vendor-2")


async def test_a_sent_reply_keeps_the_vendors_id_and_the_time(conn: DbConnection) -> None:
    await queue_reply(conn, await open_conversation(conn))
    (reply,) = await claim_all(conn)
    await outbox.mark_sent(conn, reply, "vendor-1")
    row = await conn.fetchrow("SELECT * FROM outbox WHERE id = $1", reply.id)
    assert row is not None
    assert (row["vendor_id"], row["lease_token"], row["error"]) == ("vendor-1", None, None)
    assert row["sent_at"] is not None


async def test_an_expired_send_is_repeated_only_where_that_is_harmless_and_doubted_elsewhere(
    conn: DbConnection,
) -> None:
    web = await queue_reply(conn, await open_conversation(conn, "TF-1"))
    mail_conversation = await open_conversation(conn, "a@example.com", channel="gmail", inbox="support")
    mail = await queue_reply(conn, mail_conversation, channel="gmail", inbox="support")
    assert len(await claim_all(conn)) == 2
    assert (await outbox.recover_expired(conn, ["web"])).doubted == 0  # still under way
    await expire_sends(conn)
    recovered = await outbox.recover_expired(conn, ["web"])
    assert (recovered.requeued, recovered.doubted) == (1, 1)
    assert recovered.given_up == [(mail, "the worker died while sending")]
    assert (await read_state(conn, web), await read_state(conn, mail)) == ("queued", "unknown")
    assert await conn.fetchval("SELECT error FROM outbox WHERE id = $1", mail) == "the worker died while sending"


async def test_a_send_that_died_before_it_was_handed_over_is_simply_sent_again(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "a@example.com", channel="gmail", inbox="support")
    mail = await queue_reply(conn, conversation_id, channel="gmail", inbox="support")
    (first,) = await claim_all(conn)
    await outbox.mark_handed(conn, first)
    await outbox.retry(conn, first, "busy", delay_seconds=0)
    (second,) = await claim_all(conn)
    await expire_sends(conn, were_handed=False)
    recovered = await outbox.recover_expired(conn, ["web"], ["gmail"])
    assert (recovered.requeued, recovered.doubted) == (1, 0)
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_handed(conn, second)  # it comes back to life, and must not send
    assert await read_state(conn, mail) == "queued"


async def test_an_earlier_attempt_that_was_handed_over_does_not_cast_doubt_on_a_later_one(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "a@example.com", channel="gmail", inbox="support")
    await queue_reply(conn, conversation_id, channel="gmail", inbox="support")
    (first,) = await claim_all(conn)
    await outbox.mark_handed(conn, first)
    await outbox.retry(conn, first, "busy", delay_seconds=0)
    await claim_all(conn)
    assert await conn.fetchval("SELECT handed_at FROM outbox") is None


async def test_a_send_in_doubt_is_never_sent_again_and_does_not_block_its_conversation(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "a@example.com", channel="gmail", inbox="support")
    await queue_reply(conn, conversation_id, "one", channel="gmail", inbox="support")
    await claim_all(conn)
    await expire_sends(conn)
    await outbox.recover_expired(conn, ["web"])
    assert await claim_all(conn) == []
    assert (await outbox.recover_expired(conn, ["web", "gmail"])).requeued == 0
    await queue_reply(conn, conversation_id, "two", channel="gmail", inbox="support")
    assert [reply.text for reply in await claim_all(conn)] == ["two"]


async def test_claiming_for_one_thread_leaves_the_others_alone(conn: DbConnection) -> None:
    mine, theirs = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    await queue_reply(conn, theirs, "theirs")
    await queue_reply(conn, mine, "mine")
    thread_id = ThreadId(await conn.fetchval("SELECT thread_id FROM conversations WHERE id = $1", mine))
    claimed = await outbox.claim(conn, max_replies=10, lease_seconds=60, only_thread=thread_id)
    assert [reply.text for reply in claimed] == ["mine"]
    unknown = ThreadId(uuid4())
    assert await outbox.claim(conn, max_replies=10, lease_seconds=60, only_thread=unknown) == []
    assert [reply.text for reply in await claim_all(conn)] == ["theirs"]


async def test_no_more_replies_are_claimed_than_asked_for(conn: DbConnection) -> None:
    for ref in ("TF-1", "TF-2", "TF-3"):
        await queue_reply(conn, await open_conversation(conn, ref))
    assert len(await outbox.claim(conn, max_replies=2, lease_seconds=60)) == 2
    assert len(await claim_all(conn)) == 1
