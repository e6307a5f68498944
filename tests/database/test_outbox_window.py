"""WhatsApp's 24 hours: what may not be sent waits, one template asks the customer back, and STOP is heard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.ids import new_id
from database import intake, outbox, undelivered
from database.pool import Conn, DbConnection, DbPool
from database.queries import conversations
from database.queries.notices import list_notices
from database.types import (
    Consent,
    ConversationId,
    MailPath,
    MessageId,
    Parsed,
    StatusUpdate,
    WhatsAppPath,
)
from tests.database.builders import wait_until_blocked
from tests.database.deliveries import (
    ALICES_PHONE,
    INBOX,
    claim_replies,
    claim_reply,
    open_chat,
    queue_chat_reply,
    queue_template,
    read_reply,
    read_state,
    refuse_outside_window,
    report,
    send_reply,
    write_again,
)


async def refuse(conn: Conn, conversation_id: ConversationId) -> MessageId:
    """A reply that the vendor refused at once, outside the window."""
    reply_id = await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    assert await undelivered.wait_for_customer(conn, reply_id, "outside the window", lease=reply)
    return reply_id


async def list_templates(conn: Conn) -> list[MessageId]:
    rows = await conn.fetch("SELECT id FROM outbox WHERE kind = 'template' ORDER BY created_at, id")
    return [MessageId(row["id"]) for row in rows]


async def come_back(conn: Conn, conversation_id: ConversationId) -> int:
    """The customer writes again, as a worker takes it in."""
    await write_again(conn, conversation_id, ago=-timedelta(seconds=1))
    return await outbox.reopen_window(conn, conversation_id)


async def test_a_reply_refused_at_once_waits_and_a_template_invites_the_customer(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await refuse(conn, conversation_id)
    row = await read_reply(conn, reply_id)
    assert (row["state"], row["error"], row["lease_token"]) == ("needs_template", "outside the window", None)
    invitation = await claim_reply(conn)
    assert (invitation.kind, invitation.text) == ("template", undelivered.INVITATION)
    assert (invitation.channel, invitation.inbox) == ("whatsapp", INBOX)
    assert invitation.path == WhatsAppPath(provider="twilio", phone=ALICES_PHONE)
    await outbox.mark_sent(conn, invitation, "SM1")
    assert await claim_replies(conn) == []
    assert await outbox.measure_undelivered(conn) == {"needs_template": 1}


async def test_a_reply_refused_later_by_a_status_waits_likewise(conn: DbConnection) -> None:
    reply = await send_reply(conn, await open_chat(conn))
    assert (await report(conn, refuse_outside_window(reply.id))).has_moved
    assert not (await report(conn, refuse_outside_window(reply.id))).has_moved
    assert await read_state(conn, reply.id) == "needs_template"
    assert len(await list_templates(conn)) == 1


async def test_a_refusal_that_is_faster_than_the_answer_to_the_send_stands(conn: DbConnection) -> None:
    await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    await report(conn, refuse_outside_window(reply.id))
    with pytest.raises(outbox.DeliveryLeaseLost):
        await outbox.mark_sent(conn, reply, "SM1")
    assert await read_state(conn, reply.id) == "needs_template"


async def test_a_lost_lease_closes_no_window(conn: DbConnection) -> None:
    reply_id = await queue_chat_reply(conn, await open_chat(conn))
    reply = await claim_reply(conn)
    await conn.execute("UPDATE outbox SET lease_token = gen_random_uuid()")
    assert not await undelivered.wait_for_customer(conn, reply_id, "outside the window", lease=reply)
    assert await read_state(conn, reply_id) == "sending"
    assert await list_templates(conn) == []


async def test_however_many_replies_are_refused_the_customer_is_invited_once(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await refuse(conn, conversation_id)
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    for _ in range(3):
        await refuse(conn, conversation_id)
    assert len(await list_templates(conn)) == 1
    assert await outbox.measure_undelivered(conn) == {"needs_template": 4}


async def test_two_refusals_at_once_invite_once(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        conversation_id = await open_chat(one)
        first = await send_reply(one, conversation_id, "SM1")
        second = await send_reply(one, conversation_id, "SM2")
        winning = one.transaction()
        await winning.start()
        await report(one, refuse_outside_window(first.id, "SM1"))

        async def refuse_too() -> None:
            async with two.transaction():
                await report(two, refuse_outside_window(second.id, "SM2"))

        losing = asyncio.ensure_future(refuse_too())
        await wait_until_blocked(observer)
        await winning.commit()
        await losing
        assert await outbox.measure_undelivered(observer) == {"needs_template": 2}
        assert len(await list_templates(observer)) == 1


async def test_everything_that_waited_goes_out_in_order_when_the_customer_writes_again(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    waiting = [await refuse(conn, conversation_id)]
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    waiting += [await refuse(conn, conversation_id) for _ in range(2)]
    stranger = await open_chat(conn, "+15550122")
    other = await refuse(conn, stranger)
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template-2")
    assert await come_back(conn, conversation_id) == 3
    sent = []
    for number in range(3):
        reply = await claim_reply(conn)
        assert reply.attempt == 1
        await outbox.mark_sent(conn, reply, f"SM{number}")
        sent.append(reply.id)
    assert sent == waiting
    assert await read_state(conn, other) == "needs_template"
    assert await come_back(conn, conversation_id) == 0


async def test_a_template_still_on_its_way_when_the_customer_writes_does_not_stop_the_outbox(
    conn: DbConnection,
) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await refuse(conn, conversation_id)
    invitation = await claim_reply(conn)
    await come_back(conn, conversation_id)
    assert await claim_replies(conn) == []
    await outbox.mark_sent(conn, invitation, "SM1")
    assert (await claim_reply(conn)).id == reply_id


async def test_a_refusal_that_comes_after_the_customer_wrote_again_is_tried_again_without_a_template(
    conn: DbConnection,
) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    assert await come_back(conn, conversation_id) == 0
    assert (await report(conn, refuse_outside_window(reply.id))).has_moved
    assert await list_templates(conn) == []
    again = await claim_reply(conn)
    assert again.id == reply.id


async def test_what_is_refused_again_after_the_customers_message_waits_and_does_not_go_round_in_circles(
    conn: DbConnection,
) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await refuse(conn, conversation_id)
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    await conn.execute("UPDATE outbox SET tried_at = now() - interval '2 days'")
    await write_again(conn, conversation_id, ago=timedelta(seconds=30))
    await outbox.reopen_window(conn, conversation_id)
    again = await claim_reply(conn)
    assert await undelivered.wait_for_customer(conn, reply_id, "outside the window", lease=again)
    assert await read_state(conn, reply_id) == "needs_template"


async def test_after_the_customers_next_message_a_closed_window_invites_anew(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await refuse(conn, conversation_id)
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    await conn.execute("UPDATE outbox SET created_at = created_at - interval '2 days'")
    await write_again(conn, conversation_id, ago=timedelta(days=1, minutes=1))
    await outbox.reopen_window(conn, conversation_id)
    await outbox.mark_sent(conn, await claim_reply(conn), "SM1")
    await refuse(conn, conversation_id)
    assert len(await list_templates(conn)) == 2


async def test_a_late_refusal_of_the_first_attempt_does_not_hold_back_the_second(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id, "SM1")
    await report(conn, refuse_outside_window(reply.id, "SM1"))
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    await come_back(conn, conversation_id)
    again = await claim_reply(conn)
    await report(
        conn, refuse_outside_window(reply.id, "SM1"), StatusUpdate("sent", outbox_id=reply.id, vendor_id="SM1")
    )
    assert await read_state(conn, reply.id) == "sending"
    await outbox.mark_sent(conn, again, "SM2")
    await report(conn, refuse_outside_window(reply.id, "SM1"))
    assert await read_state(conn, reply.id) == "sent"


async def test_a_template_that_is_refused_itself_fails_and_a_person_is_told(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    template_id = await queue_template(conn, conversation_id)
    template = await claim_reply(conn)
    assert not await undelivered.wait_for_customer(conn, template_id, "outside the window", lease=template)
    await outbox.mark_sent(conn, template, "SM1")
    assert (await report(conn, refuse_outside_window(template_id))).has_moved
    assert await read_state(conn, template_id) == "failed"
    assert [notice["message_id"] for notice in await list_notices(conn, None, max_rows=5)] == [template_id]
    assert await list_templates(conn) == [template_id]


async def test_after_a_failed_template_the_next_refusal_sends_another_one(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await refuse(conn, conversation_id)
    await undelivered.fail(conn, await claim_reply(conn), "the template is not approved")
    await refuse(conn, conversation_id)
    assert len(await list_templates(conn)) == 2


async def test_a_person_may_try_a_waiting_reply_without_the_customer(conn: DbConnection) -> None:
    reply_id = await refuse(conn, await open_chat(conn))
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    assert await outbox.confirm_sent(conn, reply_id) is None
    assert await outbox.send_again(conn, reply_id) is not None
    assert (await claim_reply(conn)).id == reply_id


async def test_a_waiting_reply_that_was_delivered_after_all_is_not_sent_again(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply = await send_reply(conn, conversation_id)
    await report(conn, refuse_outside_window(reply.id))
    await outbox.mark_sent(conn, await claim_reply(conn), "SM-template")
    await report(conn, StatusUpdate("delivered", outbox_id=reply.id, vendor_id="SM1"))
    assert await come_back(conn, conversation_id) == 0
    assert await read_state(conn, reply.id) == "delivered"


async def test_the_window_ends_24_hours_after_the_customers_newest_message_whatever_order_they_are_stored_in(
    conn: DbConnection,
) -> None:
    conversation_id = await open_chat(conn)
    await write_again(conn, conversation_id, ago=timedelta(hours=2))  # an older one, stored late
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    assert reply.window_until is not None
    left = reply.window_until - datetime.now(UTC)
    assert timedelta(hours=23, minutes=58) < left < timedelta(hours=24)


async def consent(conn: Conn, *, is_given: bool, address: str = ALICES_PHONE, inbox: str = INBOX) -> None:
    said = Consent("whatsapp", inbox, address, is_given)
    await intake.take_in(conn, "whatsapp", None, Parsed(consents=(said,)))


async def is_silenced(conn: Conn, conversation_id: ConversationId) -> bool:
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    await outbox.mark_sent(conn, reply, None)
    return reply.is_opted_out


async def test_after_stop_every_reply_says_so_until_start(conn: DbConnection) -> None:
    alice, bob = await open_chat(conn), await open_chat(conn, "+15550122")
    await consent(conn, is_given=True)
    assert not await is_silenced(conn, alice)
    for _ in range(2):
        await consent(conn, is_given=False)
    assert await is_silenced(conn, alice)
    assert not await is_silenced(conn, bob)
    await consent(conn, is_given=True)
    assert not await is_silenced(conn, alice)


async def test_stop_holds_for_the_inbox_it_was_said_to(conn: DbConnection) -> None:
    alice = await open_chat(conn)
    await consent(conn, is_given=False, inbox="+15550999")
    assert not await is_silenced(conn, alice)


async def test_a_customer_without_a_number_is_heard_by_their_id(conn: DbConnection) -> None:
    alice = await open_chat(conn)
    path = '{"kind": "whatsapp", "provider": "meta", "user_id": "US.13"}'
    await conn.execute("UPDATE conversations SET reply_path = $1", path)
    await consent(conn, is_given=False, address="US.13")
    assert await is_silenced(conn, alice)


async def test_a_code_by_mail_reaches_a_customer_who_wants_no_more_chat(conn: DbConnection) -> None:
    alice = await open_chat(conn)
    await consent(conn, is_given=False)
    message_id, path = MessageId(new_id()), MailPath(to="alice@example.com", subject="Your code")
    await conversations.add_message(conn, message_id, alice, "system", "(code)")
    await outbox.add(conn, message_id, alice, "gmail", "support", kind="code", path=path, code_id=new_id())
    code = await claim_reply(conn)
    assert (code.is_opted_out, code.path, code.kind) == (False, path, "code")
