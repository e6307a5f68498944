"""From messages to a conversation: whose it is comes from its own thread, and twice is the same as once."""

from datetime import timedelta

import pytest

from database import queue
from database.pool import DbPool
from database.types import Identity, InboundMessage, Lease
from tests.database.builders import DUE, claim_one, expire_lease, make_message, make_request
from tests.workers.stubs import Desk
from workers.resolve import UnknownSender

MAIL_SENDER = Identity(kind="email", value="carol@example.com", level="channel_asserted", name="Carol")


def make_mail(text: str = "Hello,\n\nhow do I  export my data?", contact: str = "carol@example.com") -> InboundMessage:
    return make_message(contact, text=text, channel="gmail", inbox="support", sender=MAIL_SENDER)


async def publish_and_claim(pool: DbPool, *messages: InboundMessage) -> Lease:
    async with pool.acquire() as conn:
        for message in messages:
            await queue.publish(conn, message)
        return await claim_one(conn)


async def test_a_form_ticket_keeps_its_reference_and_what_its_customer_chose(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_message("TF-1", ticket=make_request("TF-1")))
    conversation = await desk.resolve(lease)
    assert (conversation.ticket_ref, conversation.ticket_subject) == ("TF-1", "Exporting my data")
    assert (conversation.contact_name, conversation.identity_level) == ("Alice Abbott", "self_reported")
    assert (conversation.owner, conversation.automatic_replies) == ("agent", 0)
    assert conversation.history == ()
    assert await desk.fetch_value("SELECT first_reply_due FROM tickets") == DUE
    assert await desk.count("ticket_days") == 0


async def test_the_contact_name_is_the_threads_own_and_not_an_earlier_users_of_the_address(desk: Desk) -> None:
    mallory = Identity(kind="email", value="alice@example.com", level="self_reported", name="Mallory")
    first = make_message("TF-1", sender=mallory, ticket=make_request("TF-1"))
    await desk.resolve(await publish_and_claim(desk.pool, first))
    second = make_message("TF-2", ticket=make_request("TF-2"))
    conversation = await desk.resolve(await publish_and_claim(desk.pool, second))
    assert conversation.contact_name == "Alice Abbott"
    assert await desk.count("customers") == 1
    assert await desk.fetch_value("SELECT name FROM customers") == "Mallory"


async def test_a_thread_that_begins_without_a_sender_is_refused_and_leaves_nothing(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_message("TF-1", sender=None))
    with pytest.raises(UnknownSender):
        await desk.resolve(lease)
    assert await desk.count("customers") == await desk.count("conversations") == await desk.count("messages") == 0


async def test_a_mail_gets_a_reference_and_the_promise_of_the_free_plan(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_mail())
    conversation = await desk.resolve(lease)
    received = lease.messages[0].received_at
    assert conversation.ticket_ref == f"TF-{received:%Y%m%d}-0001"
    assert conversation.ticket_subject == "Hello, how do I export my data?"
    assert (conversation.ticket_category, conversation.ticket_priority) == ("general", "medium")
    assert (conversation.channel, conversation.inbox, conversation.identity_level) == (
        "gmail",
        "support",
        "channel_asserted",
    )
    due = await desk.fetch_value("SELECT first_reply_due FROM tickets")
    assert due - received == timedelta(minutes=desk.settings.ticket.sla_minutes["free"])


async def test_a_mail_of_a_paying_customer_gets_the_promise_of_their_plan(desk: Desk) -> None:
    await desk.resolve(await publish_and_claim(desk.pool, make_mail()))
    await desk.execute("UPDATE customers SET plan = 'enterprise'")
    lease = await publish_and_claim(desk.pool, make_mail(contact="carol@example.com/2"))
    conversation = await desk.resolve(lease)
    assert conversation.ticket_ref.endswith("-0002")
    due = await desk.fetch_value("SELECT first_reply_due FROM tickets WHERE ref = $1", conversation.ticket_ref)
    assert due - lease.messages[0].received_at == timedelta(minutes=60)


async def test_a_mail_without_text_has_a_subject_all_the_same(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_mail(" \n "))
    assert (await desk.resolve(lease)).ticket_subject == "(no text)"


async def test_resolving_again_stores_nothing_again_and_takes_no_second_reference(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_mail("one"), make_mail("two"))
    first = await desk.resolve(lease)
    again = await desk.resolve(lease)
    assert again == first
    assert again.history == ()  # what waits is not what was said before
    assert await desk.count("messages") == 2
    assert await desk.fetch_value("SELECT last FROM ticket_days") == 1


async def test_stored_messages_keep_the_id_and_the_time_of_their_arrival(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_mail())
    await desk.resolve(lease)
    (row,) = await desk.fetch("SELECT id, created_at FROM messages")
    assert (row["id"], row["created_at"]) == (lease.messages[0].id, lease.messages[0].received_at)


async def test_a_lost_lease_stores_nothing(desk: Desk) -> None:
    lease = await publish_and_claim(desk.pool, make_mail())
    async with desk.pool.acquire() as conn:
        await expire_lease(conn, lease.thread_id)
    with pytest.raises(queue.LeaseLost):
        await desk.resolve(lease)
    assert await desk.count("messages") == await desk.count("customers") == 0


async def test_a_message_on_a_ticket_that_a_person_has_is_a_change_of_it(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await desk.execute(
        "UPDATE tickets SET status = 'escalated', route = 'general', handover_reason = '', updated_at = '2026-11-01'"
    )
    await desk.reply("Is anybody there?")
    lease = await desk.claim()
    await desk.resolve(lease)
    assert await desk.fetch_value("SELECT updated_at > '2026-11-02' FROM tickets")
