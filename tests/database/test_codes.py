"""Codes: each works once, for one address, for whoever holds it, and there are only so many."""

import asyncio

import pytest

from core.ids import derive_code, hash_secret, new_id
from database import outbox, proof
from database.pool import DbConnection, DbPool
from database.queries import identities
from database.queries.identities import MAX_ATTEMPTS, MAX_CODES_PER_ADDRESS, MAX_CODES_PER_CONVERSATION, TooManyCodes
from database.types import ConversationId, MailPath, MessageId
from tests.database.builders import let_go, open_conversation, wait_until_blocked
from tests.database.proofs import ADDRESS, CODE, POST, SECRET, give_code, make_older, prove, read_owner

WRONG = "654321"


async def test_the_right_code_proves_the_address_once(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    before, _ = await read_owner(conn, conversation_id)
    customer_id = await prove(conn, conversation_id)
    assert await read_owner(conn, conversation_id) == (customer_id, "proven")
    assert customer_id != before
    assert await identities.confirm_code(conn, SECRET, conversation_id, CODE) is None
    assert not await identities.has_open_code(conn, conversation_id)


async def test_a_code_may_be_tried_three_times(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    for _ in range(MAX_ATTEMPTS - 1):
        assert await identities.confirm_code(conn, SECRET, conversation_id, WRONG) is None
    assert await identities.has_open_code(conn, conversation_id)
    assert await identities.confirm_code(conn, SECRET, conversation_id, CODE) is not None


async def test_after_three_wrong_codes_the_right_one_is_wrong_too(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    for _ in range(MAX_ATTEMPTS):
        assert await identities.confirm_code(conn, SECRET, conversation_id, WRONG) is None
    assert not await identities.has_open_code(conn, conversation_id)
    assert await identities.confirm_code(conn, SECRET, conversation_id, CODE) is None
    assert (await read_owner(conn, conversation_id))[1] == "self_reported"


@pytest.mark.parametrize(("seconds", "is_good"), [(590, True), (601, False)])
async def test_a_code_is_good_for_ten_minutes(seconds: float, is_good: bool, conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    await make_older(conn, seconds)
    assert await identities.has_open_code(conn, conversation_id) == is_good
    assert (await identities.confirm_code(conn, SECRET, conversation_id, CODE) is not None) == is_good


async def test_only_the_newest_code_counts_and_proves_its_own_address(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id, ADDRESS, "111111")
    await make_older(conn, 1)
    await give_code(conn, conversation_id, "bob@example.com", "222222")
    assert await identities.confirm_code(conn, SECRET, conversation_id, "111111") is None
    proven = await identities.confirm_code(conn, SECRET, conversation_id, "222222")
    assert proven is not None
    assert proven.value == "bob@example.com"
    assert (
        await identities.confirm_code(conn, SECRET, conversation_id, "111111") is None
    )  # a used one brings back no older


async def test_a_code_is_good_in_its_own_conversation_alone(conn: DbConnection) -> None:
    mine, other = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    await give_code(conn, mine)
    assert await identities.confirm_code(conn, SECRET, other, CODE) is None
    assert await identities.confirm_code(conn, SECRET, mine, CODE) is not None


@pytest.mark.parametrize("guess", ["", "12345", "1234567", " 123456", "१२३४५६", "123456\x00", CODE * 10_000])
async def test_nothing_but_the_code_is_the_code(guess: str, conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    assert await identities.confirm_code(conn, SECRET, conversation_id, guess) is None


async def test_a_code_is_stored_nowhere(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await proof.send_code(conn, SECRET, POST, conversation_id, ADDRESS)
    (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
    assert (reply.kind, reply.channel, reply.inbox) == ("code", "gmail", "support@example.com")
    assert reply.path == MailPath(to=ADDRESS, subject="Your code for Example")
    code = derive_code(SECRET, str(reply.code_id))
    for table in ("identity_codes", "messages", "outbox"):
        rows = await conn.fetch(f"SELECT row_to_json(t)::text AS text FROM {table} t")
        assert rows
        assert not any(f'"{code}"' in row["text"] or f" {code}" in row["text"] for row in rows)
    assert await identities.confirm_code(conn, SECRET, conversation_id, code) is not None


async def test_who_has_the_database_and_not_the_key_cannot_try_out_the_code(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    code_id = await give_code(conn, conversation_id)
    stored = await conn.fetchval("SELECT code_hash FROM identity_codes")
    assert stored not in {hash_secret(text) for text in (CODE, f"{code_id}:{CODE}", f"{CODE}:{code_id}")}
    assert await identities.confirm_code(conn, "t" * 32, conversation_id, CODE) is None
    assert await identities.confirm_code(conn, SECRET, conversation_id, CODE) is not None


async def test_it_is_known_which_messages_were_tries(conn: DbConnection) -> None:
    mine, other = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    await give_code(conn, mine)
    await give_code(conn, other)
    wrong, right, unheard_of = (MessageId(new_id()) for _ in range(3))
    await identities.confirm_code(conn, SECRET, mine, WRONG, message_id=wrong)
    await identities.confirm_code(conn, SECRET, mine, WRONG)  # on the ticket page, which is no message
    await identities.confirm_code(conn, SECRET, mine, CODE, message_id=right)
    assert await identities.list_tried(conn, mine, [wrong, right, unheard_of]) == {wrong, right}
    assert await identities.list_tried(conn, other, [wrong, right]) == set()


async def test_a_code_for_no_conversation_is_refused(conn: DbConnection) -> None:
    with pytest.raises(LookupError):
        await proof.send_code(conn, SECRET, POST, ConversationId(new_id()), ADDRESS)


async def test_two_right_answers_at_once_prove_it_once(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        conversation_id = await open_conversation(one)
        await give_code(one, conversation_id)
        winning = one.transaction()
        await winning.start()
        assert await identities.confirm_code(one, SECRET, conversation_id, CODE) is not None
        losing = asyncio.ensure_future(identities.confirm_code(two, SECRET, conversation_id, CODE))
        await wait_until_blocked(observer)
        await winning.commit()
        assert await losing is None


async def test_guesses_at_once_are_no_more_than_one_after_the_other(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn)
        await give_code(conn, conversation_id, code="000007")

    async def guess(number: int) -> bool:
        async with pool.acquire() as conn, conn.transaction():
            return await identities.confirm_code(conn, SECRET, conversation_id, f"{number:06d}") is not None

    await asyncio.gather(*(guess(100 + number) for number in range(30)))
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT attempts FROM identity_codes") == MAX_ATTEMPTS
    assert not await guess(7)


async def test_one_address_gets_so_many_codes_an_hour_whoever_asks(conn: DbConnection) -> None:
    for number in range(MAX_CODES_PER_ADDRESS):
        await give_code(conn, await open_conversation(conn, f"TF-{number}"))
    late = await open_conversation(conn, "TF-9")
    with pytest.raises(TooManyCodes):
        await give_code(conn, late)
    await give_code(conn, late, "bob@example.com")
    await make_older(conn, 3601)
    await give_code(conn, late)


async def test_one_conversation_gets_so_many_codes_an_hour_for_whatever_addresses(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1")
    for number in range(MAX_CODES_PER_CONVERSATION):
        await give_code(conn, conversation_id, f"customer{number}@example.com")
    with pytest.raises(TooManyCodes):
        await give_code(conn, conversation_id, "another@example.com")
    await give_code(conn, await open_conversation(conn, "TF-2"), "another@example.com")


async def test_asking_from_many_conversations_at_once_sends_no_more(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        asking = [await open_conversation(conn, f"TF-{number}") for number in range(12)]

    async def ask(conversation_id: ConversationId) -> bool:
        try:
            async with pool.acquire() as conn, conn.transaction():
                await proof.send_code(conn, SECRET, POST, conversation_id, ADDRESS)
        except TooManyCodes:
            return False
        return True

    sent = await asyncio.gather(*(ask(conversation_id) for conversation_id in asking))
    assert sum(sent) == MAX_CODES_PER_ADDRESS
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM outbox") == MAX_CODES_PER_ADDRESS


async def test_asking_many_times_at_once_in_one_conversation_sends_no_more(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn)

    async def ask(number: int) -> bool:
        try:
            async with pool.acquire() as conn, conn.transaction():
                await proof.send_code(conn, SECRET, POST, conversation_id, f"customer{number}@example.com")
        except TooManyCodes:
            return False
        return True

    assert sum(await asyncio.gather(*(ask(number) for number in range(15)))) == MAX_CODES_PER_CONVERSATION


async def test_codes_of_yesterday_are_forgotten_and_those_of_the_hour_still_count(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    await make_older(conn, 86_401)
    await give_code(conn, conversation_id)
    assert await let_go(conn, "codes") == 1
    assert await identities.has_open_code(conn, conversation_id)
