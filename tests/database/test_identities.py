"""Proof of addresses: a code works once, for one address, for whoever holds it; and nothing else joins customers."""

import asyncio
from uuid import UUID

import pytest

from core.ids import derive_code, hash_secret, new_id
from database import outbox, proof
from database.pool import Conn, DbConnection, DbPool
from database.proof import Post
from database.queries import customers, identities, sources
from database.queries.identities import MAX_ATTEMPTS, MAX_CODES_PER_ADDRESS, MAX_CODES_PER_CONVERSATION, TooManyCodes
from database.queue import upkeep
from database.types import ConversationId, CustomerId, Identity, IdentityLevel, MailPath, MessageId
from tests.database.builders import open_conversation, wait_until_blocked

ADDRESS = "alice@example.com"
INBOX = "+15550100"
SECRET = "s" * 32
POST = Post("gmail", "support@example.com", "Example")
CODE, WRONG = "123456", "654321"


async def give_code(conn: Conn, conversation_id: ConversationId, email: str = ADDRESS, code: str = CODE) -> UUID:
    """A code that is on its way to the address."""
    code_id = new_id()
    await identities.add_code(conn, SECRET, conversation_id, email, code_id=code_id, code=code)
    return code_id


async def prove(conn: Conn, conversation_id: ConversationId, email: str = ADDRESS) -> CustomerId:
    """The customer of this conversation after it has proven the address."""
    await give_code(conn, conversation_id, email)
    proven = await identities.confirm_code(conn, SECRET, conversation_id, CODE)
    assert proven is not None
    assert (proven.kind, proven.value) == ("email", email)
    return proven.customer_id


async def read_owner(conn: Conn, conversation_id: ConversationId) -> tuple[CustomerId, str]:
    row = await conn.fetchrow("SELECT customer_id, identity_level FROM conversations WHERE id = $1", conversation_id)
    assert row is not None
    return row["customer_id"], row["identity_level"]


async def be_proven_by(conn: Conn, conversation_id: ConversationId, number: str) -> CustomerId:
    """The conversation is one on WhatsApp, whose number the channel vouches for."""
    identity = Identity(kind="whatsapp", value=number, level="proven")
    customer_id = await customers.resolve_customer(conn, identity)
    await conn.execute(
        "UPDATE conversations SET customer_id = $1, identity_level = 'proven' WHERE id = $2",
        customer_id,
        conversation_id,
    )
    return customer_id


async def make_older(conn: Conn, seconds: float) -> None:
    await conn.execute(
        "UPDATE identity_codes SET created_at = created_at - make_interval(secs => $1::float8), "
        "expires_at = expires_at - make_interval(secs => $1::float8)",
        seconds,
    )


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


async def test_two_conversations_that_prove_one_address_at_once_have_one_customer(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        first, second = await open_conversation(one, "TF-1"), await open_conversation(one, "TF-2")
        await give_code(one, first)
        await give_code(one, second)
        strangers = await observer.fetchval("SELECT count(*) FROM customers")
        # Each typed an address of their own, so that nothing but the proof can make them wait for each other.
        await observer.execute("UPDATE conversations SET customer_id = $1 WHERE id = $2", await be_new(one), second)
        winning = one.transaction()
        await winning.start()
        winner = await identities.confirm_code(one, SECRET, first, CODE)
        assert winner is not None

        async def confirm() -> CustomerId | None:
            async with two.transaction():
                proven = await identities.confirm_code(two, SECRET, second, CODE)
                return proven.customer_id if proven else None

        losing = asyncio.ensure_future(confirm())
        await wait_until_blocked(observer)
        await winning.commit()
        assert await losing == winner.customer_id
        assert await read_owner(observer, first) == await read_owner(observer, second)
        assert await observer.fetchval("SELECT count(*) FROM customers") == strangers + 2  # the new one and the holder


async def be_new(conn: Conn) -> CustomerId:
    return await customers.add_stranger(conn)


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


async def test_strangers_who_typed_the_same_address_stay_where_they_are(conn: DbConnection) -> None:
    mine, mallorys = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    typed, _ = await read_owner(conn, mallorys)
    assert (await read_owner(conn, mine))[0] == typed
    customer_id = await prove(conn, mine)
    assert customer_id != typed
    assert await read_owner(conn, mallorys) == (typed, "self_reported")


async def test_proving_the_same_address_in_two_conversations_joins_them(conn: DbConnection) -> None:
    form, chat = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    await be_proven_by(conn, chat, "+15550111")
    assert await prove(conn, form) == await prove(conn, chat)
    assert await read_owner(conn, form) == await read_owner(conn, chat)


async def test_a_customer_who_is_proven_already_keeps_everything_and_holds_one_more_address(conn: DbConnection) -> None:
    first, second = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    customer_id = await be_proven_by(conn, first, "+15550111")
    await be_proven_by(conn, second, "+15550111")
    assert await prove(conn, first) == customer_id
    assert await read_owner(conn, second) == (customer_id, "proven")
    held = await conn.fetch("SELECT kind FROM customer_identifiers WHERE customer_id = $1 ORDER BY kind", customer_id)
    assert [row["kind"] for row in held] == ["email", "whatsapp"]


async def test_what_a_proven_customer_proved_elsewhere_comes_along_to_the_holder_of_the_address(
    conn: DbConnection,
) -> None:
    mail = await open_conversation(conn, "TF-1", level="proven")
    holder, _ = await read_owner(conn, mail)
    chat, earlier, typed = [await open_conversation(conn, ref) for ref in ("TF-2", "TF-3", "TF-4")]
    await be_proven_by(conn, chat, "+15550111")
    await be_proven_by(conn, earlier, "+15550111")
    assert await prove(conn, chat) == holder
    assert await read_owner(conn, earlier) == (holder, "proven")
    assert (await read_owner(conn, typed))[0] != holder
    number = Identity(kind="whatsapp", value="+15550111", level="proven")
    assert await customers.resolve_customer(conn, number) == holder


@pytest.mark.parametrize("level", ["channel_asserted", "self_reported"])
async def test_a_conversation_that_is_not_proven_gives_nobody_what_its_customer_has_proven(
    level: IdentityLevel, conn: DbConnection
) -> None:
    """As after its number was given to somebody else: they prove an address of their own, and stay somebody else."""
    chat, alices = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    alice = await be_proven_by(conn, chat, "+15550111")
    await be_proven_by(conn, alices, "+15550111")
    await conn.execute("UPDATE conversations SET identity_level = $1 WHERE id = $2", level, chat)
    mallory = await prove(conn, chat, "mallory@example.com")
    assert mallory != alice
    assert await read_owner(conn, chat) == (mallory, "proven")
    assert await read_owner(conn, alices) == (alice, "proven")
    again = Identity(kind="whatsapp", value="+15550111", level="proven")
    assert await customers.resolve_customer(conn, again) == alice


@pytest.mark.parametrize("known", ["phone", "user_id", "thread"])
async def test_a_conversation_is_no_longer_proven_by_its_mail_either_once_its_number_has_a_new_owner_again(
    known: str, conn: DbConnection
) -> None:
    number = Identity(kind="whatsapp", value="+15550111", level="proven")
    chat, other = [await open_conversation(conn, ref, channel="whatsapp", inbox=INBOX) for ref in ("chat", "other")]
    for conversation_id in (chat, other):
        await be_proven_by(conn, conversation_id, number.value)
    if known == "thread":  # into which the last message came without the number
        await sources.remember_names(conn, ("whatsapp", INBOX), "", [f"phone:{number.value}"], contact="chat")
    else:
        path = f'{{"{known}": "{number.value}"}}'
        await conn.execute("UPDATE conversations SET reply_path = $1::jsonb WHERE id = $2", path, chat)
    await sources.revoke_proof(conn, "whatsapp", number)
    assert (await read_owner(conn, chat))[1] == (await read_owner(conn, other))[1] == "channel_asserted"
    await prove(conn, chat)
    await prove(conn, other, "bob@example.com")
    if known == "thread":
        await conn.execute("UPDATE thread_keys SET contact = 'chat'")  # as when the owner came back to it
    await sources.revoke_proof(conn, "whatsapp", number)
    assert (await read_owner(conn, chat))[1] == "channel_asserted"
    assert (await read_owner(conn, other))[1] == "proven"


async def test_proving_what_one_holds_already_changes_nobody(conn: DbConnection) -> None:
    mail = await open_conversation(conn, "TF-1", level="proven")
    before = await read_owner(conn, mail)
    assert await prove(conn, mail) == before[0]
    assert await read_owner(conn, mail) == before


async def test_a_proven_address_is_not_lent_to_whoever_types_it_later(conn: DbConnection) -> None:
    customer_id = await prove(conn, await open_conversation(conn, "TF-1"))
    later = await open_conversation(conn, "TF-2")
    assert (await read_owner(conn, later))[0] != customer_id


@pytest.mark.parametrize("level", ["proven", "channel_asserted", "self_reported"])
async def test_what_a_message_says_beside_its_sender_joins_nobody_at_another_level(
    level: IdentityLevel, conn: DbConnection
) -> None:
    typed = await customers.resolve_customer(conn, Identity(kind="email", value=ADDRESS, level="self_reported"))
    asserted = await customers.resolve_customer(conn, Identity(kind="email", value=ADDRESS, level="channel_asserted"))
    also = [Identity(kind="email", value=ADDRESS, level=each) for each in ("self_reported", "channel_asserted")]
    sender = Identity(kind="whatsapp", value="+15550111", level=level)
    customer_id = await customers.resolve_customer(conn, sender, also)
    assert customer_id != typed
    assert (customer_id == asserted) == (level == "channel_asserted")


async def test_identifiers_that_a_channel_vouches_for_together_lead_to_one_customer(conn: DbConnection) -> None:
    number, user_id = (Identity(kind="whatsapp", value=value, level="proven") for value in ("+15550111", "US.13"))
    first = await customers.resolve_customer(conn, number)
    assert await customers.resolve_customer(conn, user_id, [number]) == first
    assert await customers.resolve_customer(conn, user_id) == first


async def test_codes_of_yesterday_are_forgotten_and_those_of_the_hour_still_count(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await give_code(conn, conversation_id)
    await make_older(conn, 86_401)
    await give_code(conn, conversation_id)
    assert await upkeep.delete_arrivals(conn, 30) == 1
    assert await identities.has_open_code(conn, conversation_id)
