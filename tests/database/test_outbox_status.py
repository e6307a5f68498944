"""What vendors report, in whatever order and however often: replies move forward, and nothing settled comes back."""

import asyncio
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import outbox
from database.pool import DbConnection, DbPool, connect
from database.types import MessageId, OutboundMessage, StatusUpdate
from tests.database.builders import open_conversation, queue_reply, wait_until_blocked
from tests.database.deliveries import (
    claim_replies,
    claim_reply,
    let_time_pass,
    open_chat,
    queue_chat_reply,
    read_problem,
    read_reply,
    read_state,
    refuse_outside_window,
    report,
    send_reply,
)

FORWARD = {
    "the vendor delivers or fails": ("sent", "failed", "delivered", "read"),
    "the vendor wants a template": ("sent", "needs_template", "delivered", "read"),
}


def say(state: str, reply_id: MessageId, vendor_id: str | None = "SM1") -> StatusUpdate:
    if state == "needs_template":
        return refuse_outside_window(reply_id, vendor_id)
    error = "unreachable" if state == "failed" else None
    return StatusUpdate(state, outbox_id=reply_id, vendor_id=vendor_id, error=error)  # type: ignore[arg-type]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls its examples synchronously, so they bring a loop of their own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def replay(conn: DbConnection, events: Sequence[str], order: Sequence[str]) -> None:
    """Let it all happen to one reply; `answer` is the vendor's answer to the send itself, which comes once."""
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    states, error = ["sending"], None
    for event in events:
        if event == "answer":
            await take_answer(conn, reply)
        else:
            await report(conn, say(event, reply.id))
        row = await read_reply(conn, reply.id)
        assert error is None or row["error"] is not None, "a stored error was erased"
        error = row["error"]
        states.append(row["state"])
    ranks = [["sending", *order].index(state) for state in states]
    assert ranks == sorted(ranks), f"moved back: {states}"
    assert ranks[-1] == max(["sending", *order].index("sent" if event == "answer" else event) for event in events)
    assert (await read_reply(conn, reply.id))["vendor_id"] == "SM1"


async def take_answer(conn: DbConnection, reply: OutboundMessage) -> None:
    """The worker records it, unless a refusal has taken the reply from it."""
    try:
        async with conn.transaction():
            await outbox.mark_sent(conn, reply, "SM1")
    except outbox.DeliveryLeaseLost:
        assert "outside the window" in (await read_reply(conn, reply.id))["error"]


async def replay_and_undo(conn: DbConnection, events: Sequence[str], order: Sequence[str]) -> None:
    transaction = conn.transaction()
    await transaction.start()
    try:
        await replay(conn, events, order)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("order", FORWARD.values(), ids=FORWARD.keys())
def test_statuses_in_every_order_and_number_end_in_the_same_highest_state(
    order: tuple[str, ...], loop: asyncio.AbstractEventLoop, database_url: str
) -> None:
    conn = loop.run_until_complete(connect(database_url, application="test"))

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        repeated=st.lists(st.sampled_from(order), min_size=1, max_size=6),
        place=st.none() | st.integers(0, 6),
    )
    def check(repeated: list[str], place: int | None) -> None:
        events = repeated if place is None else [*repeated[:place], "answer", *repeated[place:]]
        loop.run_until_complete(replay_and_undo(conn, events, order))

    try:
        check()
    finally:
        loop.run_until_complete(conn.close())


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        ("delivered", "sent", "delivered"),
        ("sent", "delivered", "delivered"),
        ("failed", "delivered", "delivered"),
        ("delivered", "failed", "delivered"),
        ("read", "delivered", "read"),
        ("needs_template", "sent", "needs_template"),
        ("sent", "needs_template", "needs_template"),
    ],
)
async def test_callbacks_that_race_on_two_connections_end_as_they_would_one_after_the_other(
    first: str, second: str, end: str, pool: DbPool
) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        await queue_chat_reply(one, await open_chat(one))
        reply = await claim_reply(one)
        winning = one.transaction()
        await winning.start()
        await report(one, say(first, reply.id))

        async def report_too() -> None:
            async with two.transaction():
                await report(two, say(second, reply.id))

        losing = asyncio.ensure_future(report_too())
        await wait_until_blocked(observer)
        await winning.commit()
        await losing
        assert await read_state(observer, reply.id) == end


async def test_a_callback_that_is_faster_than_the_answer_is_not_taken_back(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    assert (await report(conn, say("delivered", reply.id))).has_moved
    await outbox.mark_sent(conn, reply, "SM1", hold_seconds=60)
    row = await read_reply(conn, reply.id)
    assert (row["state"], row["vendor_id"], row["lease_token"], row["hold_until"]) == ("delivered", "SM1", None, None)


async def test_a_failure_that_is_faster_than_the_answer_stays_a_failure_with_its_reason(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    await report(conn, say("failed", reply.id))
    await outbox.mark_sent(conn, reply, "SM1")
    row = await read_reply(conn, reply.id)
    assert (row["state"], row["error"]) == ("failed", "unreachable")
    assert await read_problem(conn, conversation_id) == "unreachable"


async def test_what_is_delivered_after_a_failure_settles_the_matter_and_keeps_the_error(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    await report(conn, say("failed", reply.id))
    assert await read_problem(conn, conversation_id) == "unreachable"
    await report(conn, say("delivered", reply.id))
    assert (await read_reply(conn, reply.id))["error"] == "unreachable"
    assert await read_problem(conn, conversation_id) is None


async def test_a_late_callback_saves_a_reply_in_doubt_from_being_sent_again(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    await outbox.mark_doubtful(conn, reply, "timed out", check_seconds=0)
    (doubtful,) = await outbox.claim_doubtful(conn, channels=["whatsapp"], max_replies=5, lease_seconds=60)
    assert await outbox.send_again(conn, reply.id, lease=doubtful.reply) is not None
    await report(conn, say("sent", reply.id))
    assert await read_state(conn, reply.id) == "sent"
    assert await claim_replies(conn) == []


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed", "needs_template"])
async def test_a_status_for_another_channels_reply_changes_nothing(state: str, conn: DbConnection) -> None:
    mail = await open_conversation(conn, "alice@example.com", channel="gmail", inbox="support")
    reply_id = await queue_reply(conn, mail, channel="gmail", inbox="support")
    await claim_reply(conn)
    before = dict(await read_reply(conn, reply_id))
    taken = await report(conn, say(state, reply_id), channel="whatsapp")
    assert (taken.has_moved, taken.unmatched) == (False, 1)
    after = dict(await read_reply(conn, reply_id))
    assert {**after, "delay": None} == {**before, "delay": None}


async def test_a_status_for_nobodys_reply_is_counted(conn: DbConnection) -> None:
    await send_reply(conn, await open_chat(conn))
    strange = [say("sent", MessageId(uuid4()), None), StatusUpdate("read", vendor_id="SM9"), StatusUpdate("read")]
    assert (await report(conn, *strange)).unmatched == 3


async def test_a_reply_is_found_by_the_vendors_name_and_by_its_message_id(conn: DbConnection) -> None:
    reply = await send_reply(conn, await open_chat(conn), "SM7")
    await report(conn, StatusUpdate("delivered", vendor_id="SM7"))
    assert await read_state(conn, reply.id) == "delivered"
    mail = await open_conversation(conn, "alice@example.com", channel="gmail", inbox="support")
    await queue_reply(conn, mail, channel="gmail", inbox="support")
    letter = await claim_reply(conn)
    await outbox.mark_sent(conn, letter, "g1", mail_id="<a@desk.example.com>")
    bounce = StatusUpdate("failed", mail_id="<a@desk.example.com>", error="no such mailbox")
    assert (await report(conn, bounce, channel="mailbox")).unmatched == 1
    await report(conn, bounce, channel="gmail")
    assert await read_state(conn, letter.id) == "failed"


async def test_the_next_reply_waits_for_the_vendors_word_on_the_last_one(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await queue_chat_reply(conn, conversation_id, "one")
    await queue_chat_reply(conn, conversation_id, "two")
    first = await claim_reply(conn)
    await outbox.mark_sent(conn, first, "SM1", hold_seconds=60)
    assert await claim_replies(conn) == []
    assert not (await report(conn, say("sent", first.id))).has_moved
    assert (await claim_reply(conn)).text == "two"


async def fail_and_queue_again(conn: DbConnection) -> OutboundMessage:
    """An attempt that the vendor took and then failed, and a person who wants another one."""
    reply = await send_reply(conn, await open_chat(conn))
    await report(conn, say("failed", reply.id))
    assert await outbox.send_again(conn, reply.id) is not None
    return reply


@pytest.mark.parametrize("state", ["sent", "failed", "needs_template"])
async def test_a_status_of_an_earlier_attempt_that_comes_once_more_says_nothing_of_the_next(
    state: str, conn: DbConnection
) -> None:
    reply = await fail_and_queue_again(conn)
    await report(conn, say(state, reply.id))
    assert await read_state(conn, reply.id) == "queued"
    again = await claim_reply(conn)
    await report(conn, say(state, reply.id))
    assert await read_state(conn, reply.id) == "sending"
    await outbox.mark_sent(conn, again, "SM2")
    await report(conn, say(state, reply.id))
    row = await read_reply(conn, reply.id)
    assert (row["state"], row["vendor_id"]) == ("sent", "SM2")


async def test_a_status_of_the_new_attempt_counts_though_it_is_faster_than_the_answer(conn: DbConnection) -> None:
    reply = await fail_and_queue_again(conn)
    again = await claim_reply(conn)
    await report(conn, say("sent", reply.id, "SM2"))
    assert (await read_reply(conn, reply.id))["vendor_id"] == "SM2"
    await report(conn, say("failed", reply.id, "SM2"))
    await outbox.mark_sent(conn, again, "SM2")
    assert await read_state(conn, reply.id) == "failed"


async def test_an_earlier_attempt_that_arrives_after_all_is_not_sent_again(conn: DbConnection) -> None:
    reply = await fail_and_queue_again(conn)
    await report(conn, say("delivered", reply.id))
    assert await read_state(conn, reply.id) == "delivered"
    assert await claim_replies(conn) == []


@pytest.mark.parametrize("state", ["failed", "needs_template"])
async def test_a_refusal_does_not_open_again_what_a_person_has_settled(state: str, conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    await report(conn, say("failed", reply.id))
    assert await outbox.confirm_sent(conn, reply.id) == conversation_id
    await conn.execute("UPDATE tickets SET delivery_problem = NULL")
    assert not (await report(conn, say(state, reply.id))).has_moved
    assert await read_state(conn, reply.id) == "sent"
    assert await read_problem(conn, conversation_id) is None
    await report(conn, say("read", reply.id))
    assert await read_state(conn, reply.id) == "read"


async def test_a_vendors_reason_with_characters_that_no_column_takes_is_kept_without_them(conn: DbConnection) -> None:
    reply = await send_reply(conn, await open_chat(conn))
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, error="un\x00reach\ud83dable " + "x" * 100_000))
    assert (await read_reply(conn, reply.id))["error"].startswith("unreach?able x")


async def test_an_answer_to_the_worker_with_such_characters_is_kept_too(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await queue_chat_reply(conn, conversation_id)
    await outbox.retry(conn, await claim_reply(conn), "bu\x00sy", delay_seconds=0)
    assert (await read_reply(conn, reply_id))["error"] == "busy"
    await let_time_pass(conn)
    await outbox.mark_doubtful(conn, await claim_reply(conn), "a\x00way", check_seconds=None)
    assert (await read_reply(conn, reply_id))["error"] == "away"


async def test_a_late_refusal_of_an_earlier_attempt_does_not_outlive_the_next_ones_success(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    first = await claim_reply(conn)
    await outbox.mark_doubtful(conn, first, "no answer", check_seconds=0)
    await conn.execute("UPDATE outbox SET state = 'queued', lease_token = NULL, ready_at = now()")
    second = await claim_reply(conn)
    await report(conn, say("failed", first.id, "SM1"))
    await outbox.mark_sent(conn, second, "SM2")
    assert await read_state(conn, second.id) == "sent"


async def test_what_the_vendor_could_not_deliver_for_now_is_sent_again_later(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    later = StatusUpdate("failed", outbox_id=reply.id, vendor_id="SM1", error="131056", retry_seconds=60)
    assert (await report(conn, later)).has_moved
    row = await read_reply(conn, reply.id)
    assert (row["state"], row["error"]) == ("queued", "131056")
    assert 50 < row["delay"] <= 60
    assert await read_problem(conn, conversation_id) is None


async def test_a_vendor_that_can_never_deliver_for_now_fails_in_the_end(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    await conn.execute("UPDATE outbox SET attempts = $1", outbox.MAX_ATTEMPTS)
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, vendor_id="SM1", error="131056", retry_seconds=60))
    assert await read_state(conn, reply.id) == "failed"
    assert await read_problem(conn, conversation_id) == "131056"


async def test_after_a_persons_word_the_reply_has_all_its_attempts_again(conn: DbConnection) -> None:
    reply = await send_reply(conn, await open_chat(conn))
    await report(conn, say("failed", reply.id))
    await conn.execute("UPDATE outbox SET attempts = $1", outbox.MAX_ATTEMPTS)
    assert await outbox.send_again(conn, reply.id) is not None
    assert (await read_reply(conn, reply.id))["attempts"] == 0


async def test_mail_that_comes_back_is_news_to_the_person_who_called_it_sent(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "thread", channel="mailbox", inbox="support")
    reply_id = await queue_reply(conn, conversation_id, channel="mailbox", inbox="support")
    reply = await claim_reply(conn)
    await outbox.mark_doubtful(conn, reply, "no answer", check_seconds=None)
    await outbox.confirm_sent(conn, reply_id)
    await report(conn, StatusUpdate("failed", outbox_id=reply_id, error="550 no such user"), channel="mailbox")
    assert await read_state(conn, reply_id) == "failed"
    assert await read_problem(conn, conversation_id) == "550 no such user"
