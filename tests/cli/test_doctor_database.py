"""`nightdesk doctor` and the database: what it is, whether it is ours, and what keeps it from working well."""

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cli.doctor import database as doctor
from cli.doctor.checks import Result
from cli.doctor.database import plan_facts, plan_migrations, plan_server, plan_tables
from cli.doctor.examine import examine_desk
from core.clock import read_system_clock
from database.pool import DbPool, connect
from database.queries import checkup
from tests.acceptance.processes import find_free_port
from tests.cli.doctor_desk import find_troubles, list_troubles, make_settings


async def examine(folder: Path, url: str | None) -> list[Result]:
    """All that is found of a desk without channels."""
    return await examine_desk(make_settings(folder), url, on_done=lambda _done, _planned: None)


def list_folder(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_fresh_database_is_fine(pool: DbPool, tmp_path: Path) -> None:
    checks = [
        plan_server(pool, make_settings(tmp_path)),
        *plan_facts(pool, make_settings(tmp_path), read_system_clock),
        plan_migrations(pool),
        *plan_tables(pool),
    ]
    assert not [trouble for trouble in await find_troubles(checks) if trouble[0] != "Server"]  # this machine is busy


@pytest.mark.parametrize(
    ("change", "expected", "remedy"),
    [
        ({"major_version": 14, "server_version": "14.9"}, ("Version", "problem"), "PostgreSQL 15 or newer"),
        ({"major_version": 19, "server_version": "19.0"}, ("Version", "advice"), "PostgreSQL 18"),
        ({"is_replica": True}, ("Primary", "problem"), "DATABASE_URL to the primary"),
        ({"address": "8.8.8.8", "is_encrypted": False}, ("Encryption", "problem"), "sslmode=require"),
        ({"connections": 200, "places": 200}, ("Connections", "problem"), "max_connections"),
        ({"connections": 193, "places": 200}, ("Connections", "advice"), "DATABASE_POOL_SIZE"),
        ({"vector_version": None}, ("pgvector", "problem"), "CREATE EXTENSION vector"),
        ({"vector_version": "0.6.2"}, ("pgvector", "problem"), "ALTER EXTENSION vector UPDATE"),
        ({"vector_version": "0.7.4"}, ("pgvector", "advice"), "ALTER EXTENSION vector UPDATE"),
    ],
)
async def test_what_is_wrong_with_the_server_is_the_only_finding(
    change: dict[str, Any], expected: tuple[str, str], remedy: str, pool: DbPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pool.acquire() as conn:
        server = dataclasses.replace(await checkup.describe_server(conn), **change)

    async def describe(_conn: object) -> checkup.Server:
        return server

    monkeypatch.setattr(checkup, "describe_server", describe)
    ((subject, level, _, found_remedy),) = await find_troubles(
        plan_facts(pool, make_settings(Path()), read_system_clock)
    )
    assert (subject, level) == expected
    assert remedy in str(found_remedy)


async def test_a_private_or_encrypted_way_to_the_server_is_fine(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        server = await checkup.describe_server(conn)
    for address, is_encrypted in (("10.0.0.7", False), ("8.8.8.8", True), (None, False)):
        judged = doctor._judge_encryption(
            dataclasses.replace(server, address=address, is_encrypted=is_encrypted), setting="DATABASE_URL"
        )
        assert judged.level == "ok"


async def test_a_database_whose_clock_is_wrong_is_told(pool: DbPool, tmp_path: Path) -> None:
    checks = plan_facts(pool, make_settings(tmp_path), lambda: read_system_clock() + timedelta(hours=1))
    ((subject, level, found, _),) = await find_troubles(checks)
    assert (subject, level) == ("Clock", "problem")
    assert "the clock of this machine" in found


async def test_a_slow_way_to_the_database_is_told(
    pool: DbPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_SLOW_SECONDS", 0.0)
    ((subject, level, _, remedy),) = await find_troubles([plan_server(pool, make_settings(tmp_path))])
    assert (subject, level) == ("Server", "advice")
    assert "region" in str(remedy)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "DELETE FROM schema_migrations WHERE number = 18",
            ("missing: 0018_authors.sql", "Run `nightdesk migrate`."),
        ),
        (
            "UPDATE schema_migrations SET checksum = 'x' WHERE number = 3",
            (
                "changed after they had been applied: 0003_channels.sql",
                "Install the released version again; a migration is never edited.",
            ),
        ),
    ],
)
async def test_migrations_that_do_not_agree_are_named(
    statement: str, expected: tuple[str, str], pool: DbPool, database_url: str, tmp_path: Path
) -> None:
    await pool.execute(statement)
    troubles = list_troubles(await examine(tmp_path, database_url))
    assert ("Migrations", "problem", *expected) in troubles
    assert "not looked at" in next(found for subject, _, found, _ in troubles if subject == "Everything")


async def test_a_newer_database_is_told_of_and_looked_at(pool: DbPool, database_url: str, tmp_path: Path) -> None:
    await pool.execute("INSERT INTO schema_migrations VALUES (9999, '9999_later.sql', 'x')")
    troubles = list_troubles(await examine(tmp_path, database_url))
    found = ("the database is of a newer version: 9999_later.sql", "Upgrade Nightdesk on this machine.")
    assert ("Migrations", "advice", *found) in troubles
    assert not any(subject == "Everything" for subject, *_ in troubles)


async def test_an_empty_database_lacks_them_all_and_stays_empty(empty_url: str, tmp_path: Path) -> None:
    troubles = {trouble[0]: trouble for trouble in list_troubles(await examine(tmp_path, empty_url))}
    assert "0001_backbone.sql" in troubles["Migrations"][2]
    assert troubles["pgvector"][1] == "problem"
    conn = await connect(empty_url, application="test")
    assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await conn.close()


async def test_a_database_that_is_not_there_does_not_hide_the_rest(tmp_path: Path) -> None:
    results = await examine(tmp_path, f"postgresql://desk:mark@127.0.0.1:{find_free_port()}/desk")
    (server,) = [result.finding for result in results if result.area == "Database"]
    assert server.level == "problem"
    assert "ConnectionRefusedError" in server.found
    assert "DATABASE_URL" in str(server.remedy)
    assert {"Settings", "Models", "Machine"} <= {result.area for result in results}


async def test_the_embedded_database_is_not_started_for_this(tmp_path: Path) -> None:
    (server,) = [result.finding for result in await examine(tmp_path, None) if result.area == "Database"]
    assert server.level == "problem"
    assert "`nightdesk up`" in str(server.remedy)
    assert not list_folder(tmp_path)


async def test_a_user_without_rights_is_told_what_to_grant(pool: DbPool, database_url: str, tmp_path: Path) -> None:
    user = f"reader {tmp_path.name}"
    await pool.execute(f'CREATE ROLE "{user}" LOGIN')
    try:
        await pool.execute(f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{user}"')
        await pool.execute(f'GRANT ALL ON outbox TO "{user}"')
        results = await examine(tmp_path, database_url.replace("postgres:@", f"{quote(user)}:@"))
        (rights,) = [result.finding for result in results if result.subject == "Rights"]
        assert rights.level == "problem"
        assert "message_queue" in rights.found
        assert "outbox" not in rights.found
        assert "GRANT SELECT, INSERT, UPDATE, DELETE" in str(rights.remedy)
    finally:
        await pool.execute(f'DROP OWNED BY "{user}"')
        await pool.execute(f'DROP ROLE "{user}"')


async def test_dead_rows_that_vacuum_leaves_are_told(pool: DbPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_MIN_DEAD_ROWS", 10)
    async with pool.acquire() as conn:
        await conn.execute(
            "INSERT INTO rate_limits (key, full_at) SELECT gen_random_uuid(), now() FROM generate_series(1, 20)"
        )
        await conn.execute("DELETE FROM rate_limits")
        await conn.execute("SELECT pg_stat_force_next_flush()")
    ((subject, level, found, remedy),) = await find_troubles(plan_tables(pool))
    assert (subject, level) == ("Vacuum", "advice")
    assert "rate_limits (20)" in found
    assert remedy == "Run `VACUUM rate_limits`."


async def test_a_transaction_that_stays_open_is_told(
    pool: DbPool, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_LONG_TRANSACTION_SECONDS", 0.0)
    assert not await find_troubles(plan_tables(pool))
    sleeper = await connect(database_url, application="a forgotten console")
    try:
        async with sleeper.transaction():
            pid = await sleeper.fetchval("SELECT pg_backend_pid()")
            ((subject, level, found, remedy),) = await find_troubles(plan_tables(pool))
    finally:
        await sleeper.close()
    assert (subject, level) == ("Vacuum", "advice")
    assert "a forgotten console" in found
    assert f"pg_terminate_backend({pid})" in str(remedy)


async def test_results_come_in_the_order_of_a_walk_and_progress_is_told(database_url: str, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    results = await examine_desk(
        make_settings(tmp_path), database_url, on_done=lambda done, planned: heard.append((done, planned))
    )
    areas = list(dict.fromkeys(result.area for result in results))
    assert areas == ["Settings", "Database", "Work", "Accounts", "Channels", "Models", "Machine"]
    assert [done for done, _ in heard] == list(range(1, len(heard) + 1))
    assert heard[-1][0] == heard[-1][1]
