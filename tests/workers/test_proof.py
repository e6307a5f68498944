"""A one-time code that comes back in the conversation: taken before any agent sees it, and answered either way."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import SecretStr

from core.ids import new_id
from core.settings import Settings
from database import queue
from database.pool import Conn
from database.queries import identities
from database.types import ConversationId, InboundMessage, Lease, MessageId, QueuedMessage, ThreadId
from tests.workers.chats import list_replies, make_chat, write
from tests.workers.stubs import Desk, fail_to_think, make_lease_of_nobody, think_a_handover, think_an_answer
from workers.proof import PROVEN, WRONG, find_codes, take_codes

ADDRESS = "alice@example.com"
SECRET = "s" * 32


def make_lease(*texts: str) -> Lease:
    now = datetime(2026, 11, 21, 9, tzinfo=UTC)
    messages = tuple(
        QueuedMessage(MessageId(uuid4()), number, now, make_chat(text).model_dump_json())
        for number, text in enumerate(texts, start=1)
    )
    return Lease(
        ThreadId(uuid4()), "whatsapp", "+1", "+2", uuid4(), 1, len(texts), 0, now, is_suspect=False, expires_at=now,
        messages=messages,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["123456", " 123456\n", "123 456", "123-456", "\t123456 "])
def test_six_digits_alone_are_a_code(text: str) -> None:
    assert list(find_codes(make_lease(text)).values()) == ["123456"]


@pytest.mark.parametrize("text", ["", "12345", "1234567", "it is 123456", "123456!", "12 34 56", "123--456", "1e5"])
def test_anything_else_is_a_message(text: str) -> None:
    assert find_codes(make_lease(text)) == {}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the key that codes are hashed with."""
    return settings.model_copy(update={"secret_key": SecretStr(SECRET)})


async def begin_chat(desk: Desk) -> ConversationId:
    """Alice has asked something and was answered."""
    await write(desk, make_chat())
    await desk.work()
    conversation_id: ConversationId = await desk.fetch_value("SELECT id FROM conversations")
    return conversation_id


async def send_code(desk: Desk, conversation_id: ConversationId, code: str = "123456", email: str = ADDRESS) -> None:
    async with desk.pool.acquire() as conn:
        await identities.add_code(conn, SECRET, conversation_id, email, code_id=new_id(), code=code)


async def answer(desk: Desk, message: InboundMessage) -> str:
    """What the customer is told next."""
    known = len(await list_replies(desk))
    await write(desk, message)
    await desk.work()
    (reply,) = (await list_replies(desk))[known:]
    return reply


async def test_the_right_code_proves_the_address_and_no_agent_sees_it(desk: Desk) -> None:
    conversation_id = await begin_chat(desk)
    await send_code(desk, conversation_id)
    turns, replies = len(desk.agent.turns), desk.replies
    assert await answer(desk, make_chat("123 456")) == PROVEN.format(value=ADDRESS)
    assert len(desk.agent.turns) == turns
    assert desk.replies == replies + 1
    held = await desk.fetch("SELECT kind, value FROM customer_identifiers WHERE level = 'proven' ORDER BY kind")
    assert [tuple(row) for row in held] == [("email", ADDRESS), ("whatsapp", "+15550111")]
    assert await desk.fetch_value("SELECT identity_level FROM conversations") == "proven"


async def test_a_wrong_code_is_refused_and_counts_and_the_right_one_still_works(desk: Desk) -> None:
    conversation_id = await begin_chat(desk)
    await send_code(desk, conversation_id)
    assert await answer(desk, make_chat("999999")) == WRONG
    assert await desk.fetch_value("SELECT attempts FROM identity_codes") == 1
    assert await answer(desk, make_chat("123456")) == PROVEN.format(value=ADDRESS)


async def test_after_three_wrong_codes_six_digits_are_a_message_like_any_other(desk: Desk) -> None:
    conversation_id = await begin_chat(desk)
    await send_code(desk, conversation_id)
    for number in range(identities.MAX_ATTEMPTS):
        assert await answer(desk, make_chat(f"99999{number}")) == WRONG
    turns = len(desk.agent.turns)
    await answer(desk, make_chat("123456"))
    assert len(desk.agent.turns) == turns + 1


@pytest.mark.parametrize("sql", ["DELETE FROM identity_codes", "UPDATE identity_codes SET expires_at = now()"])
async def test_six_digits_that_nobody_waits_for_go_to_the_agent(sql: str, desk: Desk) -> None:
    await send_code(desk, await begin_chat(desk))
    await desk.execute(sql)
    turns = len(desk.agent.turns)
    await answer(desk, make_chat("123456"))
    assert desk.agent.turns[turns].messages == ("123456",)


async def test_a_code_is_taken_where_a_person_owns_the_conversation_too(desk: Desk) -> None:
    desk.agent.think = think_a_handover
    await send_code(desk, await begin_chat(desk))
    assert await desk.fetch_value("SELECT owner FROM conversations") == "person"
    assert await answer(desk, make_chat("123456")) == PROVEN.format(value=ADDRESS)
    assert await desk.fetch_value("SELECT owner FROM conversations") == "person"


async def test_the_code_the_answer_and_the_queue_are_one_commit(desk: Desk) -> None:
    await send_code(desk, await begin_chat(desk))
    thread_id = await write(desk, make_chat("123456"))
    lease = await desk.claim()
    conversation = await desk.resolve(lease)
    before = len(await list_replies(desk))

    async def take(conn: Conn, held: Lease) -> None:
        async with conn.transaction():
            await take_codes(conn, held, conversation, desk.channels, SECRET)

    async with desk.pool.acquire() as conn:
        with pytest.raises(queue.LeaseLost):
            await take(conn, make_lease_of_nobody(lease))
        assert await desk.fetch_value("SELECT attempts FROM identity_codes") == 0
        assert len(await list_replies(desk)) == before
        await take(conn, lease)
    assert (await desk.read_thread(thread_id))["done_seq"] == 2
    assert len(await list_replies(desk)) == before + 1


async def test_the_answer_names_the_message_that_it_answers(desk: Desk) -> None:
    await send_code(desk, await begin_chat(desk))
    await answer(desk, make_chat("123456", external_id="the code"))
    answered = await desk.fetch_value("SELECT in_reply_to FROM outbox ORDER BY created_at DESC LIMIT 1")
    assert await desk.fetch_value("SELECT id FROM message_queue WHERE external_id = 'the code'") == answered


async def test_what_was_asked_just_before_the_code_is_answered_too(desk: Desk) -> None:
    conversation_id = await begin_chat(desk)
    await send_code(desk, conversation_id)
    await write(desk, make_chat("My invoice is wrong."))
    await write(desk, make_chat("123456"))
    await desk.work()
    assert desk.agent.turns[-1].messages == ("My invoice is wrong.",)
    replies = await desk.fetch("SELECT text FROM messages WHERE author <> 'customer' ORDER BY created_at")
    assert PROVEN.format(value=ADDRESS) in {row["text"] for row in replies}
    assert await desk.fetch_value("SELECT count(*) FROM queue_threads WHERE done_seq < last_seq") == 0


async def test_a_code_that_is_not_the_newest_message_is_a_message_like_any_other(desk: Desk) -> None:
    await send_code(desk, await begin_chat(desk))
    await write(desk, make_chat("123456"))
    await write(desk, make_chat("and one more question"))
    await desk.work()
    assert desk.agent.turns[-1].messages == ("123456", "and one more question")


@pytest.mark.parametrize(("code", "told"), [("999999", WRONG), ("123456", PROVEN.format(value=ADDRESS))])
async def test_a_turn_that_is_tried_again_takes_the_code_in_it_once_and_shows_it_to_no_agent(
    code: str, told: str, desk: Desk
) -> None:
    await send_code(desk, await begin_chat(desk))
    before = len(await list_replies(desk))
    await write(desk, make_chat("My invoice is wrong."))
    await write(desk, make_chat(code))
    desk.agent.think = fail_to_think
    for _ in range(3):
        await desk.work()
        await desk.execute("UPDATE queue_threads SET ready_at = now()")
    assert (await list_replies(desk))[before:] == [told]
    assert await desk.fetch_value("SELECT attempts FROM identity_codes") == 1
    await write(desk, make_chat("Are you there?"))
    desk.agent.think = think_an_answer
    await desk.work()
    assert desk.agent.turns[-1].messages == ("My invoice is wrong.", "Are you there?")
    assert all(turn.messages == ("My invoice is wrong.",) for turn in desk.agent.turns[1:-1])
    assert await desk.fetch_value("SELECT count(*) FROM queue_threads WHERE done_seq < last_seq") == 0


async def test_a_second_try_while_the_turn_is_tried_again_is_taken_as_well(desk: Desk) -> None:
    await send_code(desk, await begin_chat(desk))
    before = len(await list_replies(desk))
    await write(desk, make_chat("My invoice is wrong."))
    await write(desk, make_chat("999999"))
    desk.agent.think = fail_to_think
    await desk.work()
    await write(desk, make_chat("123456"))
    desk.agent.think = think_an_answer
    await desk.work()
    assert (await list_replies(desk))[before : before + 2] == [WRONG, PROVEN.format(value=ADDRESS)]
    assert desk.agent.turns[-1].messages == ("My invoice is wrong.",)


async def test_without_the_key_no_code_is_tried(desk: Desk, settings: Settings) -> None:
    await send_code(desk, await begin_chat(desk))
    keyless = Desk(desk.pool, settings.model_copy(update={"secret_key": None}))
    await answer(keyless, make_chat("123456"))
    assert await desk.fetch_value("SELECT attempts FROM identity_codes") == 0
