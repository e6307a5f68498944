"""Migrations of a desk at work: nobody waits long for them, they wait for everybody, and a failure is made good."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from database import migrate as migrations
from database.migrate import OUTSIDE_TRANSACTION, Migration, MigrationError, migrate
from database.pool import DbConnection, connect

FIRST = Migration(1, "0001_first.sql", "CREATE TABLE letters (id integer PRIMARY KEY, word text)")
COLUMN = Migration(2, "0002_column.sql", "ALTER TABLE letters ADD COLUMN more text")
INDEX = Migration(
    2,
    "0002_index.sql",
    f"{OUTSIDE_TRANSACTION}\n"
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS letters_word ON letters (word);\n"
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS letters_more ON letters (lower(word));\n",
)


class Pauses:
    """The pauses of a migration: the test hears of each one and says when it ends."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.said: list[str] = []
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.begun.set()
        await self.may_end.wait()


@pytest.fixture
async def conn(empty_url: str) -> AsyncIterator[DbConnection]:
    """The migration's own connection."""
    opened = await connect(empty_url, application="nightdesk migrate")
    await migrate(opened, [FIRST])
    yield opened
    await opened.close()


@pytest.fixture
async def other(empty_url: str) -> AsyncIterator[DbConnection]:
    """Somebody else, in the middle of their work."""
    opened = await connect(empty_url, application="a backup")
    yield opened
    await opened.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.05)
    return Pauses()


async def list_columns(conn: DbConnection) -> list[str]:
    rows = await conn.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'letters'::regclass AND attnum > 0")
    return [row["attname"] for row in rows]


async def is_whole(conn: DbConnection, index: str) -> bool | None:
    """Whether the index may be used; None if there is none."""
    is_valid: bool | None = await conn.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", index
    )
    return is_valid


async def test_while_it_waits_for_a_lock_everybody_else_goes_on(
    conn: DbConnection, other: DbConnection, empty_url: str, pauses: Pauses
) -> None:
    reading = other.transaction()
    await reading.start()
    await other.fetch("SELECT * FROM letters")  # holds the table until it ends
    running = asyncio.ensure_future(migrate(conn, [FIRST, COLUMN], tell=pauses.said.append, wait=pauses))
    await pauses.begun.wait()
    customer = await connect(empty_url, application="a form")
    async with asyncio.timeout(60):  # it would wait as long as the reader does, and that waits for us
        await customer.execute("INSERT INTO letters VALUES (1, 'written meanwhile')")
    await customer.close()
    assert not running.done()
    assert await list_columns(other) == ["id", "word"]
    await reading.commit()
    pauses.may_end.set()
    assert await running == ["0002_column.sql"]
    assert await list_columns(other) == ["id", "word", "more"]
    assert pauses.said[0] == "applying 0002_column.sql"
    assert "0002_column.sql waits for a backup (pid " in pauses.said[1]


async def test_the_lock_that_it_waits_for_blocks_others_for_no_longer_than_its_timeout(
    conn: DbConnection, other: DbConnection, empty_url: str, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 1.0)
    reading = other.transaction()
    await reading.start()
    await other.fetch("SELECT * FROM letters")
    running = asyncio.ensure_future(migrate(conn, [FIRST, COLUMN], wait=pauses))
    async with asyncio.timeout(60):
        while not await other.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'letters'::regclass"
        ):
            pass
    customer = await connect(empty_url, application="a form")
    async with asyncio.timeout(60):
        await customer.execute("INSERT INTO letters VALUES (1, 'queued behind the migration')")
        await pauses.begun.wait()
    await customer.close()
    assert pauses.seconds == [1.0], "the migration has given way"
    await reading.commit()
    pauses.may_end.set()
    assert await running == ["0002_column.sql"]


async def test_it_gives_up_in_the_end_and_names_who_is_in_the_way(
    conn: DbConnection, other: DbConnection, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PAUSES", (1.0, 2.0))
    pauses.may_end.set()
    reading = other.transaction()
    await reading.start()
    await other.fetch("SELECT * FROM letters")
    with pytest.raises(MigrationError, match=r"0002_column\.sql was not applied: a backup \(pid \d+.* holds"):
        await migrate(conn, [FIRST, COLUMN], wait=pauses)
    assert pauses.seconds == [1.0, 2.0]
    await reading.commit()
    assert await migrate(conn, [FIRST, COLUMN]) == ["0002_column.sql"], "nothing was left of it, not even its lock"


async def test_an_index_is_made_while_others_write(conn: DbConnection, other: DbConnection) -> None:
    assert await migrate(conn, [FIRST, INDEX]) == ["0002_index.sql"]
    assert await is_whole(other, "letters_word")
    assert await is_whole(other, "letters_more")
    assert await migrate(conn, [FIRST, INDEX]) == []


async def test_an_index_that_failed_half_way_is_made_again_by_the_next_try(
    conn: DbConnection, other: DbConnection
) -> None:
    await other.execute("INSERT INTO letters VALUES (1, 'twice'), (2, 'twice')")
    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(conn, [FIRST, INDEX])
    assert await is_whole(other, "letters_word") is False, "PostgreSQL leaves it there, and it is of no use"
    assert await other.fetchval("SELECT max(number) FROM schema_migrations") == 1
    await other.execute("DELETE FROM letters WHERE id = 2")
    assert await migrate(conn, [FIRST, INDEX]) == ["0002_index.sql"]
    assert await is_whole(other, "letters_word")


async def test_two_that_migrate_at_once_do_not_wait_for_each_other_for_ever(
    conn: DbConnection, empty_url: str, other: DbConnection
) -> None:
    reading = other.transaction(isolation="repeatable_read")
    await reading.start()
    await other.fetch("SELECT * FROM letters")  # the index waits for the end of this snapshot
    first = asyncio.ensure_future(migrate(conn, [FIRST, INDEX]))
    second_conn, said = await connect(empty_url, application="nightdesk migrate"), asyncio.Event()
    second = asyncio.ensure_future(migrate(second_conn, [FIRST, INDEX], tell=lambda _: said.set()))
    await said.wait()
    await reading.commit()
    async with asyncio.timeout(60):
        assert sorted(await asyncio.gather(first, second)) == [[], ["0002_index.sql"]]
    await second_conn.close()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE letters SET word = ''", "CREATE INDEX CONCURRENTLY letters_word ON letters (word)", "VACUUM letters"],
)
async def test_outside_a_transaction_nothing_is_run_that_cannot_be_run_again(
    statement: str, conn: DbConnection
) -> None:
    odd = Migration(2, "0002_odd.sql", f"{OUTSIDE_TRANSACTION}\n{statement};")
    with pytest.raises(MigrationError, match=r"0002_odd\.sql: outside a transaction stand only"):
        await migrate(conn, [FIRST, odd])


async def test_a_role_with_limits_of_its_own_does_not_cut_a_migration_short(conn: DbConnection) -> None:
    await conn.execute("SET statement_timeout = '10ms'")
    slow = Migration(2, "0002_slow.sql", "SELECT pg_sleep(0.1)")
    assert await migrate(conn, [FIRST, slow]) == ["0002_slow.sql"]
