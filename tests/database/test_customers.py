"""Customers: an address somebody merely typed leads to nobody else, and a race makes one customer."""

import asyncio

from database.pool import Conn, DbConnection, DbPool
from database.queries import customers
from database.types import CustomerId, Identity, IdentityLevel
from tests.database.builders import open_conversation, wait_until_blocked


def identify(level: IdentityLevel, value: str = "alice@example.com", name: str = "Alice") -> Identity:
    return Identity(kind="email", value=value, level=level, name=name)


async def read_holder(conn: Conn, level: IdentityLevel) -> CustomerId:
    holder: CustomerId = await conn.fetchval("SELECT customer_id FROM customer_identifiers WHERE level = $1", level)
    return holder


async def test_the_same_identifier_leads_to_the_same_customer(conn: DbConnection) -> None:
    first = await customers.resolve_customer(conn, identify("proven"))
    again = await customers.resolve_customer(conn, identify("proven", name="Somebody Else"))
    assert again == first
    assert await conn.fetchval("SELECT array_agg(name) FROM customers") == ["Alice"]


async def test_a_self_reported_address_never_reaches_the_customer_who_proved_it(conn: DbConnection) -> None:
    proven = await customers.resolve_customer(conn, identify("proven"))
    asserted = await customers.resolve_customer(conn, identify("channel_asserted"))
    typed = await customers.resolve_customer(conn, identify("self_reported", name="Mallory"))
    assert len({proven, asserted, typed}) == 3
    assert await read_holder(conn, "proven") == proven
    assert await conn.fetchval("SELECT name FROM customers WHERE id = $1", proven) == "Alice"


async def test_proving_an_address_does_not_inherit_what_others_typed_under_it(conn: DbConnection) -> None:
    typed = await customers.resolve_customer(conn, identify("self_reported", name="Mallory"))
    proven = await customers.resolve_customer(conn, identify("proven"))
    assert proven != typed


async def test_history_shows_other_conversations_of_the_same_customer_alone(conn: DbConnection) -> None:
    mine = await open_conversation(conn, "TF-1", level="proven")
    await open_conversation(conn, "TF-2", level="proven")
    await open_conversation(conn, "TF-3", level="self_reported")
    customer_id = await read_holder(conn, "proven")
    history = await customers.list_history(conn, customer_id, leave_out=mine)
    assert [row["ref"] for row in history] == ["TF-2"]


async def test_a_race_for_one_identifier_makes_one_customer_and_leaves_no_orphan(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        winning = first.transaction()
        await winning.start()
        winner = await customers.resolve_customer(first, identify("self_reported"))

        async def lose() -> CustomerId:
            async with second.transaction():
                return await customers.resolve_customer(second, identify("self_reported"))

        losing = asyncio.ensure_future(lose())
        await wait_until_blocked(observer)
        await winning.commit()
        assert await losing == winner
        assert await observer.fetchval("SELECT array_agg(id) FROM customers") == [winner]


async def test_a_race_whose_winner_rolls_back_still_makes_one_customer(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second, pool.acquire() as observer:
        winning = first.transaction()
        await winning.start()
        await customers.resolve_customer(first, identify("self_reported"))
        other = asyncio.ensure_future(customers.resolve_customer(second, identify("self_reported")))
        await wait_until_blocked(observer)
        await winning.rollback()
        assert await observer.fetchval("SELECT array_agg(id) FROM customers") == [await other]


async def test_twenty_concurrent_resolves_agree_on_one_customer(pool: DbPool) -> None:
    async def resolve() -> CustomerId:
        async with pool.acquire() as conn, conn.transaction():
            return await customers.resolve_customer(conn, identify("self_reported"))

    assert len(set(await asyncio.gather(*(resolve() for _ in range(20))))) == 1
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM customers") == 1


async def test_plans_of_an_address_are_the_paid_ones_of_every_holder(conn: DbConnection) -> None:
    assert await customers.find_plans(conn, "email", "alice@example.com") == []
    await customers.resolve_customer(conn, identify("self_reported"))
    proven = await customers.resolve_customer(conn, identify("proven"))
    await conn.execute("UPDATE customers SET plan = 'pro' WHERE id = $1", proven)
    assert await customers.find_plans(conn, "email", "alice@example.com") == ["pro"]
    assert await customers.find_plans(conn, "email", "bob@example.com") == []


async def test_staff_find_every_holder_of_an_address_with_the_level_of_proof(conn: DbConnection) -> None:
    await open_conversation(conn, level="self_reported")
    await customers.resolve_customer(conn, identify("proven"))
    found = await customers.look_up_customers(conn, "email", "alice@example.com")
    assert sorted((row["level"], len(row["conversations"])) for row in found) == [("proven", 0), ("self_reported", 1)]


async def test_a_number_that_now_comes_with_another_id_leads_to_nobody_elses_customer(conn: DbConnection) -> None:
    phone = Identity(kind="whatsapp", value="+15550111", level="proven")
    first, second = (Identity(kind="whatsapp", value=value, level="proven") for value in ("US.1", "US.2"))
    by_phone = await customers.resolve_customer(conn, phone)
    assert await customers.resolve_customer(conn, first, [phone]) == by_phone
    new_owner = await customers.resolve_customer(conn, second, [phone])
    assert new_owner != by_phone
    assert await customers.resolve_customer(conn, phone) == new_owner
    assert await customers.resolve_customer(conn, first) == by_phone
