"""Deliveries of another kind: outside WhatsApp's window, codes that prove an address, and what replies are known as."""

import re
from datetime import timedelta

from channels.base import DeliveryFailed, DeliveryUncertain, Receipt, WindowClosed
from database import outbox
from database.pool import DbPool
from database.queries.sources import find_thread
from database.types import Identity, MailPath
from tests.database.builders import make_message, open_conversation, queue_reply
from tests.workers.outgoing import Desk, open_desk
from tests.workers.test_delivery import StubSender


async def test_outside_the_window_replies_wait_and_one_template_invites(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, WindowClosed("24 hours"), Receipt("template-1"))
    await desk.deliver()
    assert await desk.count_states() == {"needs_template": 1, "queued": 1}
    await desk.deliver()
    assert await desk.count_states() == {"needs_template": 1, "sent": 1}
    assert [message.kind for message in sender.sent] == ["reply", "template"]
    (conversation,) = await desk.fetch("SELECT id FROM conversations")
    await desk.queue(conversation["id"], "And another thing.")
    sender.results.append(WindowClosed("24 hours"))
    await desk.deliver()
    assert await desk.deliver() == 0  # nobody is invited twice
    async with pool.acquire() as conn:
        await conn.execute("UPDATE conversations SET last_inbound_at = now()")
        await outbox.reopen_window(conn, conversation["id"])
    sender.results.extend([Receipt(), Receipt()])
    for _ in range(2):
        await desk.deliver()
    assert await desk.count_states() == {"sent": 3}
    assert [message.text for message in sender.sent[-2:]] == ["Here is how.", "And another thing."]


async def test_a_template_that_is_refused_goes_to_a_person(pool: DbPool) -> None:
    desk, _ = await open_desk(pool, WindowClosed("24 hours"), WindowClosed("the template is paused"))
    await desk.deliver()
    await desk.deliver()
    assert await desk.count_states() == {"needs_template": 1, "failed": 1}
    assert len(await desk.fetch("SELECT 1 FROM notices")) == 1
    assert (await desk.fetch("SELECT status FROM tickets"))[0]["status"] == "escalated"
    assert await desk.deliver() == 0


async def test_a_sender_knows_until_when_the_window_is_open(pool: DbPool) -> None:
    desk, sender = await open_desk(pool, Receipt())
    await desk.deliver()
    (row,) = await desk.fetch("SELECT last_inbound_at FROM conversations")
    assert sender.sent[0].window_until == row["last_inbound_at"] + timedelta(hours=24)


async def test_a_code_is_made_when_it_is_sent_and_stored_nowhere(pool: DbPool) -> None:
    sender = StubSender([Receipt("vendor-1", known_as=("<code@example.com>",))])
    desk = Desk(pool, sender)
    code = await desk.queue_code(await desk.open_chat())
    await desk.deliver()
    (sent,) = sender.sent
    assert re.findall(r"\b\d{6}\b", sent.text) == [code]
    assert isinstance(sent.path, MailPath)
    for table in ("messages", "outbox"):
        rows = await desk.fetch(f"SELECT t::text AS row FROM {table} t")
        assert not any(re.search(rf"(?<![\w-]){code}(?![\w-])", row["row"]) for row in rows)
    # Whoever answers the code's mail is not led into the conversation of whoever claimed the address.
    assert await desk.fetch("SELECT 1 FROM thread_keys") == []


async def test_a_code_that_is_refused_leaves_the_customers_ticket_alone(pool: DbPool) -> None:
    sender = StubSender([DeliveryFailed("no such mailbox", permanent=True)])
    desk = Desk(pool, sender)
    await desk.queue_code(await desk.open_chat())
    await desk.deliver()
    assert (await desk.read())["state"] == "failed"
    assert await desk.fetch("SELECT 1 FROM notices") == []
    assert (await desk.fetch("SELECT status FROM tickets"))[0]["status"] == "open"


async def test_a_code_whose_fate_is_unknown_is_not_sent_again(pool: DbPool) -> None:
    sender = StubSender([DeliveryUncertain("no answer")])
    desk = Desk(pool, sender)
    await desk.queue_code(await desk.open_chat())
    await desk.deliver()
    assert await desk.deliver() == 0
    assert (await desk.read())["state"] == "unknown"


async def test_a_reply_is_known_by_the_names_that_the_channel_gave_it(pool: DbPool) -> None:
    sender = StubSender([Receipt("gmail-1", mail_id="<theirs@example.com>", known_as=("<ours@x>", "<theirs@x>"))])
    desk = Desk(pool, sender)
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn, "thread-1", channel="gmail", inbox="support@example.com")
        path = MailPath(to="alice@example.com", subject="Hello").model_dump_json()
        await conn.execute("UPDATE conversations SET reply_path = $1", path)
        await queue_reply(conn, conversation_id, channel="gmail", inbox="support@example.com")
    await desk.deliver()
    assert (await desk.read())["mail_id"] == "<theirs@example.com>"
    for name in ("<ours@x>", "<theirs@x>"):
        for writer, contact in (("alice@example.com", "thread-1"), ("mallory@example.com", "new")):
            sender_identity = Identity(kind="email", value=writer, level="proven")
            answer = make_message("new", channel="gmail", inbox="support@example.com", sender=sender_identity)
            async with pool.acquire() as conn:
                found = await find_thread(conn, answer.model_copy(update={"follows": (name,)}))
            assert found.contact == contact
