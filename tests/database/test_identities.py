"""Nothing but a proof joins two customers, and a proof joins no more than was proven."""

import asyncio

import pytest

from database.pool import DbConnection, DbPool
from database.queries import customers, identities, sources
from database.queries.users import add_user
from database.types import CustomerId, Identity, IdentityLevel
from tests.database.builders import open_conversation, wait_until_blocked
from tests.database.proofs import ADDRESS, CODE, INBOX, SECRET, be_new, be_proven_by, give_code, prove, read_owner


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


async def test_whoever_signs_in_follows_their_customer_when_two_become_one(conn: DbConnection) -> None:
    user = await add_user(conn, email="ada@example.com", name="Ada", role="user", password_hash="")
    bystander = await add_user(conn, email="bob@example.com", name="Bob", role="user", password_hash="")
    mine, other = await open_conversation(conn, "TF-1"), await open_conversation(conn, "TF-2")
    number = await be_proven_by(conn, other, "+15550111")
    assert await prove(conn, other) == number
    await conn.execute(
        "UPDATE conversations SET customer_id = $1, identity_level = 'proven' WHERE id = $2", user.customer_id, mine
    )
    assert await prove(conn, mine) == number != user.customer_id
    holders = {row["email"]: row["customer_id"] for row in await conn.fetch("SELECT email, customer_id FROM users")}
    assert holders == {"ada@example.com": number, "bob@example.com": bystander.customer_id}
    mail = Identity(kind="email", value="ada@example.com", level="proven")
    assert await customers.resolve_customer(conn, mail) == number, "their next mail is theirs as well"


async def test_typing_the_address_of_an_account_leads_nobody_to_it(conn: DbConnection) -> None:
    user = await add_user(conn, email="ada@example.com", name="Ada", role="user", password_hash="")
    typed = Identity(kind="email", value="ada@example.com", level="self_reported")
    assert await customers.resolve_customer(conn, typed) != user.customer_id
