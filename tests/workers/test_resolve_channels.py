"""What channels bring beside words: quotes, files, ways to reply, and messages that nobody answers."""

import pytest

from database import intake, outbox, queue
from database.types import Attachment, Identity, InboundMessage, MailPath, Source, ThreadId
from tests.database.builders import claim_one, make_message, make_worker_id
from tests.workers.chats import ALICE, PATH, list_replies, make_chat, write
from tests.workers.stubs import Desk
from workers.resolve import UNREADABLE_TEXT, resolve_anyway

CAROL = Identity(kind="email", value="carol@example.com", level="proven", name="Carol")
FILE = Attachment(name="invoice.pdf", content_type="application/pdf", locator="media-1")


def make_mail(text: str = "How do I export my data?", *, sender: Identity = CAROL, to: str = "") -> InboundMessage:
    message = make_message("carol's thread", text=text, channel="gmail", inbox="support", sender=sender)
    path = MailPath(to=to or sender.value, subject="Exports", in_reply_to="<1@example.com>", vendor_thread="18c")
    return message.model_copy(update={"reply_path": path})


async def read_level(desk: Desk) -> str:
    level: str = await desk.fetch_value("SELECT identity_level FROM conversations")
    return level


async def test_the_agent_reads_what_is_new_and_people_read_the_quote_too(desk: Desk) -> None:
    await write(desk, make_chat("And now?", quoted="> what I wrote last week"))
    await desk.work()
    (turn,) = desk.agent.turns
    assert turn.messages == ("And now?",)
    (row,) = await desk.fetch("SELECT text, quoted FROM messages WHERE author = 'customer'")
    assert tuple(row) == ("And now?", "> what I wrote last week")
    await write(desk, make_chat("Hello?"))
    await desk.work()
    assert not any("last week" in text for _, text in desk.agent.turns[1].conversation.history)


async def test_a_message_leads_to_its_source(desk: Desk) -> None:
    source_id = await desk.fetch_value("SELECT gen_random_uuid()")
    await write(desk, make_chat(source_id=source_id))
    await desk.work()
    assert await desk.fetch_value("SELECT source_id FROM messages WHERE author = 'customer'") == source_id


async def test_files_are_noted_once_however_often_the_turn_is_tried(desk: Desk) -> None:
    await write(desk, make_chat(attachments=(FILE, FILE)))
    lease = await desk.claim()
    for _ in range(2):
        await desk.resolve(lease)
    rows = await desk.fetch("SELECT message_id, position, locator FROM message_attachments ORDER BY position")
    assert [tuple(row) for row in rows] == [(lease.messages[0].id, position, "media-1") for position in (0, 1)]


async def test_a_file_whose_content_is_gone_does_not_cost_its_message(desk: Desk) -> None:
    await write(desk, make_chat(attachments=(FILE.model_copy(update={"locator": None, "digest": "0" * 64}),)))
    await desk.work()
    assert len(await list_replies(desk)) == 1
    assert await desk.fetch_value("SELECT problem FROM message_attachments") == "its content is not kept any more"


async def test_a_reply_goes_where_the_customer_last_wrote_from(desk: Desk) -> None:
    await write(desk, make_mail())
    await desk.work()
    newer = MailPath(
        to=CAROL.value, subject="Re: Exports", in_reply_to="<2@example.com>", references=("<1@example.com>",)
    )
    await write(desk, make_mail("Please.").model_copy(update={"reply_path": newer}))
    await desk.work()
    async with desk.pool.acquire() as conn:
        (first,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
    assert first.path == newer
    assert (first.customer_name, first.thread_contact) == ("Carol", "carol's thread")
    assert first.ticket_ref


async def test_a_message_without_a_way_back_keeps_the_one_that_is_known(desk: Desk) -> None:
    await write(desk, make_chat())
    await desk.work()
    await write(desk, make_chat("More.", reply_path=None))
    await desk.work()
    async with desk.pool.acquire() as conn:
        (first,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
    assert first.path == PATH


async def test_a_conversation_is_worth_what_its_least_proven_message_is(desk: Desk) -> None:
    await write(desk, make_mail())
    await desk.work()
    assert await read_level(desk) == "proven"
    await write(desk, make_mail(sender=CAROL.model_copy(update={"level": "channel_asserted"})))
    await desk.work()
    assert await read_level(desk) == "channel_asserted"
    assert desk.agent.turns[-1].conversation.identity_level == "channel_asserted"
    await write(desk, make_mail())
    await desk.work()
    assert await read_level(desk) == "channel_asserted"


async def test_a_forged_mail_in_a_burst_with_a_true_one_is_seen_by_the_turn_that_reads_both(desk: Desk) -> None:
    await write(desk, make_mail(), make_mail(sender=CAROL.model_copy(update={"level": "channel_asserted"})))
    await desk.work()
    (turn,) = desk.agent.turns
    assert turn.conversation.identity_level == "channel_asserted"


async def test_what_the_channel_vouches_for_beside_the_sender_is_the_same_customer(desk: Desk) -> None:
    user = ALICE.model_copy(update={"value": "US.13"})
    await write(desk, make_chat(also=(user,)))
    await desk.work()
    # The same person hides their number, so that their thread is another one.
    await write(desk, make_chat(contact="US.13", sender=user))
    await desk.work()
    assert await desk.count("conversations") == 2
    assert await desk.fetch_value("SELECT count(DISTINCT customer_id) FROM conversations") == 1


async def test_what_starts_no_turn_is_kept_for_people_and_answered_by_nobody(desk: Desk) -> None:
    await write(desk, make_chat())
    await desk.work()
    replies, ticket = len(await list_replies(desk)), await desk.read_status()
    thread_id = await write(desk, make_chat("(reacted with 👍)", starts_turn=False, attachments=(FILE,)))
    await desk.work()
    assert len(desk.agent.turns) == 1
    assert len(await list_replies(desk)) == replies
    assert await desk.read_status() == ticket
    assert ("customer", "(reacted with 👍)") in await desk.list_messages()
    assert await desk.count("message_attachments") == 1
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_what_starts_no_turn_begins_no_conversation(desk: Desk) -> None:
    thread_id = await write(desk, make_chat("👍", starts_turn=False))
    await desk.work()
    assert await desk.count("conversations") == await desk.count("customers") == await desk.count("outbox") == 0
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_a_real_message_beside_one_that_starts_no_turn_is_answered(desk: Desk) -> None:
    await write(desk, make_chat("(reacted with 👍)", starts_turn=False), make_chat("One more question"))
    await desk.work()
    (turn,) = desk.agent.turns
    assert turn.messages[-1] == "One more question"
    assert len(await list_replies(desk)) == 1


async def take_in_unreadable(desk: Desk, name: str = "m1") -> ThreadId:
    parsed = intake.describe_unreadable(Source("gmail", "support", name, b"?"), "it has no sender")
    async with desk.pool.acquire() as conn:
        (published,) = (await intake.take_in(conn, "gmail", None, parsed)).published
    return published.thread_id


async def test_a_source_that_cannot_be_read_is_a_dead_letter_and_a_ticket_and_no_reply_into_the_void(
    desk: Desk,
) -> None:
    thread_id = await take_in_unreadable(desk)
    await desk.work()
    assert desk.agent.turns == []
    (letter,) = await desk.fetch("SELECT state, reason FROM dead_letters")
    assert letter["state"] == "open"
    assert "it has no sender" in letter["reason"]
    assert await desk.read_status() == "escalated"
    assert await desk.fetch_value("SELECT owner FROM conversations") == "person"
    assert await desk.list_messages() == [("customer", f"{UNREADABLE_TEXT}\nit has no sender")]
    assert await desk.count("outbox") == 0
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_the_next_source_after_an_unreadable_one_is_processed(desk: Desk) -> None:
    await take_in_unreadable(desk, "m1")
    await take_in_unreadable(desk, "m2")
    await write(desk, make_mail())
    async with desk.pool.acquire() as conn:
        leases = await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)
    assert len(leases) == 3
    for lease in leases:
        await desk.processor.process(lease)
    assert len(desk.agent.turns) == 1
    assert await desk.count("dead_letters") == await desk.count("outbox") + 1 == 2
    assert await desk.fetch_value("SELECT count(DISTINCT customer_id) FROM conversations") == 3


@pytest.mark.parametrize("starts_turn", [True, False], ids=["a question", "a reaction"])
async def test_a_waiting_reply_is_sent_when_the_customer_says_anything_again(starts_turn: bool, desk: Desk) -> None:
    await write(desk, make_chat())
    await desk.work()
    await desk.execute("UPDATE outbox SET state = 'needs_template', ready_at = 'infinity', attempts = 3")
    await write(desk, make_chat("Hello?", starts_turn=starts_turn))
    await desk.work()
    async with desk.pool.acquire() as conn:
        (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
    assert reply.attempt == 1
    assert reply.window_until is not None


async def test_a_waiting_reply_is_sent_too_when_the_customers_message_could_not_be_handled(desk: Desk) -> None:
    await write(desk, make_chat())
    await desk.work()
    await desk.execute("UPDATE outbox SET state = 'needs_template', ready_at = 'infinity'")
    await write(desk, make_chat("Hello?"))
    async with desk.pool.acquire() as conn:
        await resolve_anyway(conn, await claim_one(conn), desk.settings.ticket)
    assert await desk.fetch_value("SELECT state FROM outbox") == "queued"
