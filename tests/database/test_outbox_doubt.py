"""Sends that may have happened: the vendor is asked, a person decides, and neither overrules the other unheard."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from channels.base import Receipt
from database import outbox
from database.outbox import Doubtful
from database.pool import Conn, DbConnection, DbPool
from database.types import ConversationId, MessageId, OutboundMessage, StatusUpdate
from tests.database.builders import open_conversation, queue_reply, wait_until_blocked
from tests.database.deliveries import (
    INBOX,
    claim_replies,
    claim_reply,
    let_time_pass,
    open_chat,
    queue_chat_reply,
    read_reply,
    read_state,
    report,
    send_reply,
)
from workers.delivery import record_receipt

Verdict = Callable[[Conn, MessageId], Awaitable[ConversationId | None]]


async def doubt(conn: Conn, conversation_id: ConversationId, *, check_seconds: float | None = 0) -> OutboundMessage:
    """A reply that may or may not have been sent."""
    await queue_chat_reply(conn, conversation_id, "in doubt")
    reply = await claim_reply(conn)
    await outbox.mark_doubtful(conn, reply, "timed out", check_seconds=check_seconds)
    return reply


async def ask(conn: Conn, *, channels: tuple[str, ...] = ("whatsapp",)) -> list[Doubtful]:
    """Lease what the vendor is to be asked about now."""
    return await outbox.claim_doubtful(conn, channels=channels, max_replies=5, lease_seconds=60)


async def ask_about_one(conn: Conn) -> Doubtful:
    (doubtful,) = await ask(conn)
    return doubtful


async def test_a_reply_in_doubt_holds_up_the_later_ones_while_the_vendor_is_being_asked(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await doubt(conn, conversation_id, check_seconds=30)
    await queue_chat_reply(conn, conversation_id, "later")
    assert await claim_replies(conn) == []
    assert await ask(conn) == []  # not due yet
    await let_time_pass(conn)
    doubtful = await ask_about_one(conn)
    assert (doubtful.reply.id, doubtful.checks, doubtful.absences) == (reply.id, 1, 0)
    assert await claim_replies(conn) == []
    await outbox.ask_again(conn, doubtful.reply, is_absent=True, delay_seconds=0)
    assert await claim_replies(conn) == []
    doubtful = await ask_about_one(conn)
    assert (doubtful.checks, doubtful.absences) == (2, 1)
    await outbox.give_up(conn, doubtful.reply, "unknown", "the vendor is away")
    assert [later.text for later in await claim_replies(conn)] == ["later"]
    await let_time_pass(conn)
    assert await ask(conn) == []


async def test_a_reply_that_nobody_can_be_asked_about_holds_up_nothing(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await doubt(conn, conversation_id, check_seconds=None)
    await queue_chat_reply(conn, conversation_id, "later")
    assert [later.text for later in await claim_replies(conn)] == ["later"]
    await let_time_pass(conn)
    assert await ask(conn) == []


async def test_a_vendor_is_asked_by_one_worker_at_a_time_and_by_the_next_when_it_dies(conn: DbConnection) -> None:
    await doubt(conn, await open_chat(conn))
    zombie = await ask_about_one(conn)
    assert await ask(conn) == []
    await let_time_pass(conn)
    heir = await ask_about_one(conn)
    assert heir.checks == 2
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.ask_again(conn, zombie.reply, is_absent=True, delay_seconds=0)
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_sent(conn, zombie.reply, "SM1")
    assert await outbox.send_again(conn, zombie.reply.id, lease=zombie.reply) is None
    assert (await read_reply(conn, heir.reply.id))["absences"] == 0
    assert await outbox.send_again(conn, heir.reply.id, lease=heir.reply) is not None


async def test_only_channels_whose_vendor_can_be_asked_are(conn: DbConnection) -> None:
    await doubt(conn, await open_chat(conn))
    assert await ask(conn, channels=("gmail",)) == []
    assert await ask(conn, channels=()) == []


async def test_two_workers_never_ask_about_the_same_reply(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        for number in range(4):
            await doubt(first, await open_chat(first, f"+1555020{number}"))
        async with first.transaction():
            mine = await outbox.claim_doubtful(first, channels=["whatsapp"], max_replies=2, lease_seconds=60)
            theirs = await ask(second)
        assert len({each.reply.id for each in [*mine, *theirs]}) == len(mine) + len(theirs) == 4


async def test_sending_again_needs_the_lease_of_whoever_asks(conn: DbConnection) -> None:
    await doubt(conn, await open_chat(conn))
    doubtful = await ask_about_one(conn)
    stranger = replace(doubtful.reply, lease_token=uuid4())
    assert await outbox.send_again(conn, doubtful.reply.id, lease=stranger) is None
    assert await outbox.send_again(conn, doubtful.reply.id) is None  # a person waits while the vendor is being asked
    assert await read_state(conn, doubtful.reply.id) == "unknown"
    await let_time_pass(conn)  # whoever asked has died
    assert await outbox.send_again(conn, doubtful.reply.id) is not None
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.ask_again(conn, doubtful.reply, is_absent=True, delay_seconds=0)


async def test_a_failure_reported_while_the_vendor_is_asked_is_not_overruled_by_its_answer(conn: DbConnection) -> None:
    await doubt(conn, await open_chat(conn))
    doubtful = await ask_about_one(conn)
    await report(conn, StatusUpdate("failed", outbox_id=doubtful.reply.id, error="no such number"))
    assert await outbox.send_again(conn, doubtful.reply.id, lease=doubtful.reply) is None
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.ask_again(conn, doubtful.reply, is_absent=True, delay_seconds=0)
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.give_up(conn, doubtful.reply, "unknown", "the vendor is away")
    row = await read_reply(conn, doubtful.reply.id)
    assert (row["state"], row["error"]) == ("failed", "no such number")
    assert await outbox.send_again(conn, doubtful.reply.id) is not None  # a person may, whatever lease was left


@pytest.mark.parametrize("verdict", [outbox.confirm_sent, outbox.send_again])
async def test_a_person_settles_what_failed_while_its_worker_was_still_sending(
    verdict: Verdict, conn: DbConnection
) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, error="no such number"))
    assert await verdict(conn, reply.id) == reply.conversation_id
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_sent(conn, reply, "SM1")


async def test_a_persons_word_wins_over_the_answer_that_comes_after_it(pool: DbPool) -> None:
    async with pool.acquire() as person, pool.acquire() as worker, pool.acquire() as observer:
        await doubt(person, await open_chat(person))
        doubtful = await ask_about_one(worker)
        deciding = person.transaction()
        await deciding.start()
        assert await outbox.confirm_sent(person, doubtful.reply.id) is not None
        answering = asyncio.ensure_future(outbox.send_again(worker, doubtful.reply.id, lease=doubtful.reply))
        await wait_until_blocked(observer)
        await deciding.commit()
        assert await answering is None
        assert await read_state(observer, doubtful.reply.id) == "sent"
        assert await claim_replies(observer) == []


async def test_an_answer_wins_over_the_persons_word_that_comes_after_it(pool: DbPool) -> None:
    async with pool.acquire() as person, pool.acquire() as worker, pool.acquire() as observer:
        await doubt(person, await open_chat(person))
        doubtful = await ask_about_one(worker)
        answering = worker.transaction()
        await answering.start()
        await record_receipt(worker, doubtful.reply, Receipt("SM1"))
        deciding = asyncio.ensure_future(outbox.confirm_sent(person, doubtful.reply.id))
        await wait_until_blocked(observer)
        await answering.commit()
        assert await deciding is None
        row = await read_reply(observer, doubtful.reply.id)
        assert (row["state"], row["vendor_id"], row["settled_at"]) == ("sent", "SM1", None)


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (outbox.confirm_sent, outbox.send_again, "sent"),
        (outbox.send_again, outbox.confirm_sent, "queued"),
        (outbox.send_again, outbox.send_again, "queued"),
    ],
)
async def test_of_two_people_who_decide_at_once_one_is_told_to_look_again(
    first: Verdict, second: Verdict, state: str, pool: DbPool
) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        reply = await doubt(one, await open_chat(one), check_seconds=None)
        deciding = one.transaction()
        await deciding.start()
        assert await first(one, reply.id) is not None
        other = asyncio.ensure_future(second(two, reply.id))
        await wait_until_blocked(observer)
        await deciding.commit()
        assert await other is None
        assert await read_state(observer, reply.id) == state


@pytest.mark.parametrize("state", ["queued", "sending", "sent", "delivered", "read"])
@pytest.mark.parametrize("verdict", [outbox.confirm_sent, outbox.send_again])
async def test_a_person_settles_nothing_that_does_not_wait_for_it(
    verdict: Verdict, state: str, conn: DbConnection
) -> None:
    reply = await send_reply(conn, await open_chat(conn))
    await conn.execute("UPDATE outbox SET state = $1", state)
    assert await verdict(conn, reply.id) is None
    assert await read_state(conn, reply.id) == state


async def test_the_worker_that_hears_of_a_timeout_after_the_vendors_report_doubts_nothing(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    await report(conn, StatusUpdate("sent", outbox_id=reply.id, vendor_id="SM1"))
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_doubtful(conn, reply, "timed out", check_seconds=30)
    assert await read_state(conn, reply.id) == "sent"


async def test_a_reply_queued_again_waits_for_the_later_one_that_is_on_its_way_and_stops_nobody_else(
    conn: DbConnection,
) -> None:
    conversation_id, other = await open_chat(conn), await open_chat(conn, "+15550122")
    earlier = await doubt(conn, conversation_id, check_seconds=None)
    await queue_chat_reply(conn, conversation_id, "later")
    later = await claim_reply(conn)
    await outbox.send_again(conn, earlier.id)
    await queue_chat_reply(conn, other, "to Bob")
    assert [reply.text for reply in await claim_replies(conn)] == ["to Bob"]
    await outbox.mark_sent(conn, later, "SM2")
    assert [reply.text for reply in await claim_replies(conn)] == ["in doubt"]


async def test_a_reply_queued_again_at_the_moment_a_later_one_is_claimed_breaks_no_claim(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        conversation_id = await open_chat(one)
        earlier = await doubt(one, conversation_id, check_seconds=None)
        await queue_chat_reply(one, conversation_id, "later")
        claiming = one.transaction()
        await claiming.start()
        later = await claim_reply(one)
        await outbox.send_again(observer, earlier.id)
        losing = asyncio.ensure_future(claim_replies(two))
        await wait_until_blocked(observer)
        await claiming.commit()
        assert await losing == []
        await outbox.mark_sent(one, later, None)
        assert [reply.text for reply in await claim_replies(two)] == ["in doubt"]


async def test_whoever_asks_knows_the_names_of_every_other_message_in_the_conversation(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await send_reply(conn, conversation_id, "SM1")
    stranger = await open_chat(conn, "+15550122")
    await send_reply(conn, stranger, "SM-of-Bob")
    reply = await send_reply(conn, conversation_id, "SM2")
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, vendor_id="SM2"))
    await outbox.send_again(conn, reply.id)
    await outbox.mark_doubtful(conn, await claim_reply(conn), "timed out", check_seconds=0)
    doubtful = await ask_about_one(conn)
    assert doubtful.reply.known_vendor_ids == {"SM1", "SM2"}


async def test_the_vendor_is_asked_from_the_first_attempt_on_that_no_person_has_settled(conn: DbConnection) -> None:
    reply = await doubt(conn, await open_chat(conn))
    await conn.execute("UPDATE outbox SET tried_at = now() - interval '1 hour'")
    doubtful = await ask_about_one(conn)
    assert doubtful.reply.tried_at is not None
    assert reply.tried_at is not None
    assert doubtful.reply.tried_at < reply.tried_at
    await outbox.send_again(conn, reply.id, lease=doubtful.reply)
    again = await claim_reply(conn)
    assert again.tried_at == doubtful.reply.tried_at
    await outbox.mark_doubtful(conn, again, "timed out", check_seconds=None)
    await outbox.send_again(conn, reply.id)
    afresh = await claim_reply(conn)
    assert afresh.tried_at is not None
    assert afresh.tried_at > doubtful.reply.tried_at


async def test_a_second_doubt_counts_from_nothing(conn: DbConnection) -> None:
    await doubt(conn, await open_chat(conn))
    doubtful = await ask_about_one(conn)
    await outbox.ask_again(conn, doubtful.reply, is_absent=True, delay_seconds=0)
    doubtful = await ask_about_one(conn)
    await outbox.send_again(conn, doubtful.reply.id, lease=doubtful.reply)
    await outbox.mark_doubtful(conn, await claim_reply(conn), "timed out", check_seconds=0)
    doubtful = await ask_about_one(conn)
    assert (doubtful.checks, doubtful.absences) == (1, 0)


async def test_a_dead_workers_send_is_asked_about_where_there_is_somebody_to_ask(conn: DbConnection) -> None:
    reply_id = await queue_chat_reply(conn, await open_chat(conn))
    mail = await open_conversation(conn, "alice@example.com", channel="mailbox", inbox="support")
    mail_id = await queue_reply(conn, mail, channel="mailbox", inbox="support")
    for reply in await claim_replies(conn):
        await outbox.mark_handed(conn, reply)
    await let_time_pass(conn)
    recovered = await outbox.recover_expired(conn, ["web"], ["whatsapp"], check_seconds=0)
    assert (recovered.requeued, recovered.doubted) == (0, 2)
    assert recovered.given_up == [(mail_id, "the worker died while sending")]
    assert (await ask_about_one(conn)).reply.id == reply_id
    again = await outbox.recover_expired(conn, ["web"], ["whatsapp"], check_seconds=0)
    assert (again.requeued, again.doubted, again.given_up) == (0, 0, [])


async def test_a_send_whose_worker_died_before_the_vendor_could_hear_of_it_is_simply_sent(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    zombie = await claim_reply(conn)
    await let_time_pass(conn)
    recovered = await outbox.recover_expired(conn, ["web"], ["whatsapp"], check_seconds=0)
    assert (recovered.requeued, recovered.doubted) == (1, 0)
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_handed(conn, zombie)
    # The next attempt is a new one: what an earlier one handed over is settled.
    await outbox.mark_handed(conn, await claim_reply(conn))
    await let_time_pass(conn)
    assert (await outbox.recover_expired(conn, ["web"], ["whatsapp"], check_seconds=0)).doubted == 1


async def test_what_people_must_look_at_is_listed_and_counted(conn: DbConnection) -> None:
    asked = await doubt(conn, await open_chat(conn), check_seconds=30)
    given_up = await doubt(conn, await open_chat(conn, "+15550122"), check_seconds=None)
    failed = await send_reply(conn, await open_chat(conn, "+15550133"), "SM3")
    await report(conn, StatusUpdate("failed", outbox_id=failed.id, error="blocked"))
    await send_reply(conn, await open_chat(conn, "+15550144"), "SM4")
    listed = await outbox.list_undelivered(conn, None, max_rows=10)
    assert {(row["id"], row["state"], row["is_being_asked"]) for row in listed} == {
        (asked.id, "unknown", True),
        (given_up.id, "unknown", False),
        (failed.id, "failed", False),
    }
    assert {row["inbox"] for row in listed} == {INBOX}
    (only,) = await outbox.list_undelivered(conn, "failed", max_rows=10)
    assert (only["id"], only["error"], only["ticket_ref"]) == (failed.id, "blocked", "+15550133")
    assert len(await outbox.list_undelivered(conn, None, max_rows=1)) == 1
    assert await outbox.measure_undelivered(conn) == {"unknown": 2, "failed": 1}
