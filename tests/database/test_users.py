"""Accounts in the database: there is always an admin left, and one address has one account."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from database.pool import Conn, DbConnection, DbPool
from database.queries import users
from database.queries.users import User
from database.types import Role
from tests.database.builders import open_conversation, wait_until_blocked

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


async def hire(conn: Conn, name: str, role: Role = "admin") -> User:
    return await users.add_user(conn, email=f"{name}@example.com", name=name, role=role, password_hash="")


async def test_of_two_admins_who_remove_each_other_at_once_one_stays(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        ada, bob = await hire(one, "ada"), await hire(one, "bob")
        winning = one.transaction()
        await winning.start()
        await users.change_user(one, ada.id, now=NOW, role="agent")

        async def demote() -> None:
            async with two.transaction():
                await users.change_user(two, bob.id, now=NOW, is_disabled=True)

        losing = asyncio.ensure_future(demote())
        await wait_until_blocked(observer)
        await winning.commit()
        with pytest.raises(users.LastAdmin):
            await losing
        left = await observer.fetch("SELECT email FROM users WHERE role = 'admin' AND disabled_at IS NULL")
        assert [row["email"] for row in left] == ["bob@example.com"]


async def test_of_two_who_open_an_account_with_one_address_at_once_one_gets_it(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        winning = one.transaction()
        await winning.start()
        await hire(one, "ada", "user")

        async def open_another() -> None:
            async with two.transaction():
                await hire(two, "ada", "user")

        losing = asyncio.ensure_future(open_another())
        await wait_until_blocked(observer)
        await winning.commit()
        with pytest.raises(users.EmailTaken):
            await losing
        assert await observer.fetchval("SELECT count(*) FROM customers") == 1


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"role": "user"}])
async def test_the_tickets_of_whoever_leaves_are_nobodys_but_those_that_are_settled(
    conn: DbConnection, change: dict[str, Any]
) -> None:
    ada, bob = [await hire(conn, name, "agent") for name in ("ada", "bob")]
    for number, assignee, status in ((1, ada, "open"), (2, ada, "closed"), (3, bob, "open")):
        await open_conversation(conn, f"TF-{number}")
        await conn.execute(
            "UPDATE tickets SET assignee_id = $1, status = $2 WHERE ref = $3", assignee.id, status, f"TF-{number}"
        )
    await users.change_user(conn, ada.id, now=NOW, **change)
    rows = await conn.fetch("SELECT assignee_id FROM tickets ORDER BY ref")
    assert [row["assignee_id"] for row in rows] == [None, ada.id, bob.id]
