"""Migrations: from nothing to the whole schema, once, whoever asks and however often."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from database import queue
from database.init_db import init_db
from database.migrate import Migration, MigrationError, count_missing, migrate, read_migrations
from database.pool import DbConnection, connect
from database.queries.knowledge import find_version, search_passages
from database.queries.vectors import PassageText, QueryVector, hash_text
from database.types import derive_thread_id
from tests.database.builders import make_message

ROOT = Path(__file__).parents[2]
TABLES = {
    "agent_metrics",
    "agent_runs",
    "api_keys",
    "channel_configs",
    "conversations",
    "customer_identifiers",
    "customers",
    "dead_letters",
    "escalation_routes",
    "knowledge_base",
    "message_queue",
    "messages",
    "outbox",
    "queue_failures",
    "queue_threads",
    "tickets",
    "tool_calls",
    "workers",
}


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(empty_url, application="test")
    yield conn
    await conn.close()


async def list_tables(conn: DbConnection) -> set[str]:
    rows = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def run_init_db(*arguments: str, environment: dict[str, str]) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "database.init_db",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_an_empty_database_gets_the_whole_schema(empty: DbConnection) -> None:
    assert await count_missing(empty) == len(read_migrations())
    applied = await migrate(empty)
    assert applied == [migration.name for migration in read_migrations()]
    assert await list_tables(empty) >= TABLES
    assert await count_missing(empty) == 0


async def test_migrating_twice_changes_nothing_the_second_time(empty: DbConnection) -> None:
    await migrate(empty)
    before = await empty.fetch("SELECT * FROM schema_migrations ORDER BY number")
    assert await migrate(empty) == []
    assert await empty.fetch("SELECT * FROM schema_migrations ORDER BY number") == before


async def test_eight_concurrent_migrations_apply_each_file_exactly_once(empty: DbConnection, empty_url: str) -> None:
    results = await asyncio.gather(*(init_db(empty_url) for _ in range(8)))
    assert sorted(results) == [[]] * 7 + [[migration.name for migration in read_migrations()]]
    assert await empty.fetchval("SELECT count(*) FROM schema_migrations") == len(read_migrations())
    assert await empty.fetchval("SELECT count(*) FROM escalation_routes") == 6  # inserted by the first file


async def test_a_later_migration_is_applied_to_a_database_that_has_the_earlier_ones(empty: DbConnection) -> None:
    first = Migration(1, "0001_first.sql", "CREATE TABLE first (id integer)")
    second = Migration(2, "0002_second.sql", "ALTER TABLE first ADD COLUMN more text")
    assert await migrate(empty, [first]) == ["0001_first.sql"]
    assert await migrate(empty, [first, second]) == ["0002_second.sql"]
    await empty.execute("SELECT more FROM first")


async def test_a_migration_edited_after_it_was_applied_is_refused(empty: DbConnection) -> None:
    await migrate(empty, [Migration(1, "0001_first.sql", "CREATE TABLE first (id integer)")])
    edited = Migration(1, "0001_first.sql", "CREATE TABLE first (id bigint)")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed"):
        await migrate(empty, [edited])


async def test_a_database_newer_than_this_version_is_left_as_it_is_and_told_of(empty: DbConnection) -> None:
    first = Migration(1, "0001_first.sql", "CREATE TABLE first (id integer)")
    await migrate(empty, [first, Migration(2, "0002_future.sql", "CREATE TABLE future (id integer)")])
    steps: list[str] = []
    assert await migrate(empty, [first], tell=steps.append) == []
    assert steps == ["the database is of a newer version, which serves this one too: 0002_future.sql"]
    assert await list_tables(empty) == {"schema_migrations", "first", "future"}


async def test_a_failing_migration_leaves_nothing_behind_and_frees_the_lock(
    empty: DbConnection, empty_url: str
) -> None:
    good = Migration(1, "0001_good.sql", "CREATE TABLE good (id integer)")
    bad = Migration(2, "0002_bad.sql", "CREATE TABLE half (id integer); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, [good, bad])
    assert await list_tables(empty) == {"schema_migrations", "good"}
    assert await empty.fetchval("SELECT max(number) FROM schema_migrations") == 1
    repaired = Migration(2, "0002_bad.sql", "CREATE TABLE whole (id integer)")
    other = await connect(empty_url, application="test")
    async with asyncio.timeout(60):
        assert await migrate(other, [good, repaired]) == ["0002_bad.sql"]
    await other.close()


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["0001_a.sql", "0003_b.sql"], id="gap"),
        pytest.param(["0001_a.sql", "0002_b.sql", "0002_c.sql"], id="duplicate"),
        pytest.param(["0002_a.sql"], id="does not begin at one"),
    ],
)
def test_migration_files_with_gaps_or_repeats_are_refused(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("SELECT 1")
    monkeypatch.setattr("database.migrate.files", lambda _package: tmp_path)
    with pytest.raises(MigrationError, match="without gaps or repeats"):
        read_migrations()


async def test_threads_of_the_first_schema_keep_their_messages_under_their_derived_ids(empty: DbConnection) -> None:
    """The id that SQL derives once is the one that the application derives ever after."""
    await migrate(empty, read_migrations()[:1])
    contact = "Zoë | +49 170 1234567"
    await empty.execute(
        """
        INSERT INTO queue_threads (id, channel, inbox, contact, last_seq, done_seq)
        VALUES (gen_random_uuid(), 'whatsapp', 'support', $1, 2, 1);
        """,
        contact,
    )
    for seq in (1, 2):
        await empty.execute(
            "INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload) "
            "SELECT id, $1::bigint, gen_random_uuid(), channel, inbox, $1::text, '{}' FROM queue_threads",
            seq,
        )
    await migrate(empty)
    thread_id = derive_thread_id("whatsapp", "support", contact)
    (thread,) = await empty.fetch("SELECT * FROM queue_threads")
    assert thread["id"] == thread_id
    assert thread["ready_at"] is not None  # it had been left with a message and no time: the database now refuses that
    assert await empty.fetchval("SELECT array_agg(seq ORDER BY seq) FROM message_queue WHERE thread_id = $1", thread_id)
    message = make_message(contact, channel="whatsapp", inbox="support")
    assert (await queue.publish(empty, message)).thread_id == thread_id
    assert await empty.fetchval("SELECT last_seq FROM queue_threads") == 3


async def test_knowledge_of_the_first_schema_is_found_as_before_with_its_vectors(empty: DbConnection) -> None:
    await migrate(empty, read_migrations()[:4])
    vector = [1.0] + [0.0] * 383
    await empty.execute(
        """
        INSERT INTO knowledge_articles (id, source, title, category, content_hash)
        VALUES ('00000000-0000-4000-8000-000000000001', 'hours.md', 'Opening hours', 'general', 'h');
        """
    )
    await empty.execute(
        "INSERT INTO knowledge_base (id, article_id, position, title, heading, content, embedding, embedding_model) "
        "SELECT gen_random_uuid(), id, 0, title, 'Shop', 'We are open on Monday.', $1::text::vector, "
        "'all-MiniLM-L6-v2' FROM knowledge_articles",
        str(vector),
    )
    await migrate(empty)
    question = QueryVector("all-MiniLM-L6-v2@1110a243", vector)
    (found,) = await search_passages(empty, "open on Monday", question, max_passages=5)
    assert (found.source, found.heading, found.lexical) == ("hours.md", "Shop", 1.0)
    assert found.similarity == pytest.approx(1.0, abs=1e-3)
    assert found.language is None, "nobody has told it yet, so it may be any"
    version = await find_version(empty)
    assert version is not None
    text = PassageText("Opening hours", "Shop", "We are open on Monday.").passage_text
    assert await empty.fetchval("SELECT hash FROM knowledge_vectors") == hash_text(text)


async def test_the_set_up_command_migrates_the_database_it_is_given(empty: DbConnection, empty_url: str) -> None:
    code, out, err = await run_init_db(empty_url, environment=dict(os.environ))
    assert (code, err) == (0, "")
    assert out.startswith("applied: 0001_backbone.sql")
    assert await list_tables(empty) >= TABLES
    code, out, _ = await run_init_db(environment={**os.environ, "DATABASE_URL": empty_url})
    assert (code, out) == (0, "the database is up to date\n")


async def test_the_set_up_command_without_a_database_explains_itself_and_exits_with_2() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    code, out, err = await run_init_db(environment=environment)
    assert (code, out) == (2, "")
    assert "DATABASE_URL" in err
