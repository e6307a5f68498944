"""Backups: whole, of one moment, and back in an empty database with every row, paused from the first moment on."""

import asyncio
import stat
import tarfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from database import outbox, queue
from database.backup import back_up
from database.backup_file import BackupError, Manifest
from database.migrate import Migration, migrate, read_migrations
from database.pause import resume_desk
from database.pool import DbConnection, DbPool, connect, open_pool
from database.postgres_tools import Running, ToolFailed, ToolsMissing, describe_connection, find_tools
from database.queries.audit import verify
from database.queries.desk_state import find_pause
from database.restore import _forward, restore
from tests.conftest import cloned
from tests.database.builders import make_message, make_worker_id
from tests.database.full_desk import CHANGES, FILE, SECRET, fill, read_sums

RIGHTS = """SELECT c.relname, r.name, has_table_privilege(c.oid, r.name) AS allowed
              FROM pg_class c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS r (name)
             WHERE c.oid = ANY (ARRAY(SELECT list_kept_tables())) AND c.relacl IS NOT NULL ORDER BY 1, 2"""


def hear_nothing(_stage: str, _done: int, _total: int | None) -> None:
    """Nobody watches the progress."""


async def take(url: str, path: Path) -> Manifest:
    return await back_up(url, path, product="0.1.0", key="k", report=hear_nothing)


async def put_back(url: str, path: Path) -> Manifest:
    return await restore(url, path, report=hear_nothing)


def read_manifest(path: Path) -> Manifest:
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["desk.dump", "manifest.json"]
        content = archive.extractfile("manifest.json")
        assert content is not None
        return Manifest.model_validate_json(content.read())


def list_names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def spoil(path: Path, place: str) -> None:
    """Change one bit of the file, or cut it off in the middle."""
    content = bytearray(path.read_bytes())
    places = {"dump": 700, "middle": len(content) // 2, "manifest": content.rindex(b'"tables"')}
    if place in places:
        content[places[place]] ^= 0x80
    path.write_bytes(content if place in places else content[: len(content) // 2])


@pytest.fixture
async def full_url(database_url: str) -> str:
    """A desk with something everywhere."""
    await fill(database_url)
    return database_url


@pytest.fixture
async def backup(full_url: str, tmp_path: Path) -> Path:
    """Its backup."""
    await take(full_url, tmp_path / "desk.tar")
    return tmp_path / "desk.tar"


@pytest.fixture
async def restored(backup: Path, empty_url: str) -> AsyncIterator[DbConnection]:
    """That, restored."""
    await put_back(empty_url, backup)
    conn = await connect(empty_url, application="test")
    yield conn
    await conn.close()


async def test_a_restored_desk_has_every_row_of_the_one_that_was_backed_up(
    full_url: str, restored: DbConnection
) -> None:
    original = await connect(full_url, application="test")
    before, after = await read_sums(original), await read_sums(restored)
    rights = await original.fetch(RIGHTS)
    await original.close()
    assert after == before
    assert {row["name"] for row in before if row["row_count"]} >= {"attachments", "audit_log", *CHANGES}
    assert await restored.fetchval("SELECT content FROM attachments") == FILE
    assert await restored.fetch(RIGHTS) == rights
    assert (await verify(restored, SECRET)).broken is None
    assert await migrate(restored) == []


async def test_what_only_limits_for_a_moment_is_not_in_a_backup(restored: DbConnection) -> None:
    assert await restored.fetchval("SELECT count(*) FROM rate_limits") == 0


@pytest.mark.parametrize("table", CHANGES)
async def test_a_checksum_sees_the_smallest_change_in_any_column(table: str, full_url: str) -> None:
    conn = await connect(full_url, application="test")
    before = {row["name"]: row["checksum"] for row in await read_sums(conn)}
    await conn.execute(CHANGES[table])
    after = {row["name"]: row["checksum"] for row in await read_sums(conn)}
    await conn.close()
    assert {name for name in after if after[name] != before[name]} == {table}


async def test_a_checksum_does_not_depend_on_the_order_of_rows_or_on_how_a_session_writes_values(full_url: str) -> None:
    conn = await connect(full_url, application="test")
    before = await read_sums(conn)
    await conn.execute("CREATE TEMP TABLE kept AS SELECT * FROM queue_failures")
    await conn.execute("UPDATE messages SET text = text WHERE id = (SELECT min(id::text)::uuid FROM messages)")
    await conn.execute("SET TimeZone = 'Asia/Kolkata'; SET bytea_output = 'escape'; SET extra_float_digits = 0")
    assert await read_sums(conn) == before
    await conn.close()


async def test_figures_and_dump_are_of_the_same_moment_though_the_desk_goes_on(
    full_url: str, empty_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "desk.tar"
    writing = asyncio.ensure_future(_write_until_told(full_url, done := asyncio.Event()))
    manifest = await take(full_url, path)
    done.set()
    assert await writing > manifest.tables["message_queue"].rows
    assert (await put_back(empty_url, path)).tables == manifest.tables


async def _write_until_told(url: str, done: asyncio.Event) -> int:
    conn = await connect(url, application="test")
    while not done.is_set():
        await queue.publish(conn, make_message(uuid4().hex))
    written: int = await conn.fetchval("SELECT count(*) FROM message_queue")
    await conn.close()
    return written


def test_a_backup_is_one_file_that_only_its_owner_can_read_and_that_says_what_is_in_it(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert list_names(backup.parent) == [backup.name]
    manifest = read_manifest(backup)
    assert (manifest.product, manifest.key, manifest.migration) == ("0.1.0", "k", len(read_migrations()))
    assert (manifest.tables["message_queue"].rows, manifest.rows > 20) == (4, True)


async def test_a_backup_overwrites_nothing(backup: Path, full_url: str) -> None:
    before = read_manifest(backup)
    with pytest.raises(BackupError, match="not overwritten"):
        await take(full_url, backup)
    assert read_manifest(backup) == before


async def test_a_backup_that_fails_leaves_nothing_behind(
    full_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("database.backup._DUMP", ("--no-such-option",))
    with pytest.raises(ToolFailed, match="pg_dump failed"):
        await take(full_url, tmp_path / "desk.tar")
    assert list_names(tmp_path) == []


async def test_a_database_that_is_not_empty_is_left_alone(backup: Path, full_url: str) -> None:
    conn = await connect(full_url, application="test")
    before = await read_sums(conn)
    with pytest.raises(BackupError, match="not empty"):
        await put_back(full_url, backup)
    assert await read_sums(conn) == before
    await conn.close()


@pytest.mark.parametrize("place", ["dump", "middle", "manifest", "end"])
async def test_a_damaged_backup_is_refused_before_anything_is_written(place: str, backup: Path, empty_url: str) -> None:
    spoil(backup, place)
    with pytest.raises(BackupError, match=r"is damaged|not a whole backup"):
        await put_back(empty_url, backup)
    await _expect_empty(empty_url)


async def test_a_backup_that_is_not_there_is_said_to_be_missing(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"nowhere\.tar cannot be read: No such file"):
        await put_back(empty_url, tmp_path / "nowhere.tar")


async def test_rows_that_are_not_as_they_were_undo_the_whole_restore_and_their_table_is_named(
    full_url: str, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever wrote the manifest saw something else than whoever wrote the dump.
    monkeypatch.setattr(
        "database.backup._DUMP", ("--format=custom", "--no-owner", "--no-acl", "--exclude-table-data=users")
    )
    await take(full_url, tmp_path / "desk.tar")
    with pytest.raises(ToolFailed, match=r"psql failed: .*not as they were backed up: users$"):
        await put_back(empty_url, tmp_path / "desk.tar")
    await _expect_empty(empty_url)


async def _expect_empty(url: str) -> None:
    conn = await connect(url, application="test")
    assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await conn.close()


async def test_a_backup_of_a_newer_version_is_refused(
    backup: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = read_migrations()[:-1]
    monkeypatch.setattr("database.restore.read_migrations", lambda: older)
    with pytest.raises(BackupError, match="that version or a newer one"):
        await put_back(empty_url, backup)


async def test_a_backup_of_an_older_version_is_migrated_after_it_was_restored(restored: DbConnection) -> None:
    number = len(read_migrations()) + 1
    newer = Migration(number, f"{number:04d}_newer.sql", "ALTER TABLE tickets ADD COLUMN newer text")
    assert await migrate(restored, [*read_migrations(), newer]) == [newer.name]
    assert await find_pause(restored) is not None


async def test_no_worker_ever_sees_half_a_desk_or_one_at_work_while_it_is_restored(
    backup: Path, empty_url: str
) -> None:
    async with open_pool(empty_url, application="test", max_size=4) as pool:
        restoring = asyncio.ensure_future(put_back(empty_url, backup))
        seen = await asyncio.gather(*(_work_until(pool, restoring) for _ in range(3)))
        await restoring
        assert {what for each in seen for what in each} == {"nothing", "paused"}
        async with pool.acquire() as conn, conn.transaction():
            await resume_desk(conn, repeatable_channels=[], nothing_was_sent=True)
        async with pool.acquire() as conn:
            assert len(await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)) == 2
            assert len(await outbox.claim(conn, max_replies=10, lease_seconds=60)) == 1


async def _work_until(pool: DbPool, restoring: "asyncio.Future[Manifest]") -> list[str]:
    """What a worker that has been there all the time finds, again and again, and once more at the end."""
    seen = []
    while True:
        is_last = restoring.done()
        async with pool.acquire() as conn:
            try:
                taken = await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)
                sent = await outbox.claim(conn, max_replies=10, lease_seconds=60)
                seen.append("work" if taken or sent else "paused")
            except asyncpg.UndefinedTableError:
                seen.append("nothing")
        if is_last:
            return seen


async def test_a_desk_that_is_migrated_meanwhile_waits_for_the_restore(backup: Path, empty_url: str) -> None:
    restoring = asyncio.ensure_future(put_back(empty_url, backup))
    conn = await connect(empty_url, application="test")
    while not await conn.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"):
        assert not restoring.done()
    assert await migrate(conn) == []
    await conn.close()
    await restoring


def test_no_password_stands_on_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    cases = {
        "postgresql://ann:p%40ss@db-1:5432,db-2:5433/desk?target_session_attrs=read-write": "p@ss",
        "postgresql://ann@db/desk?password=p%40ss&sslmode=require": "p@ss",
        "postgresql:///desk?host=/run/postgresql": None,
    }
    for url, password in cases.items():
        shown, environment = describe_connection(url)
        assert environment.get("PGPASSWORD") == password
        assert "p%40ss" not in shown
        assert "p@ss" not in shown
    assert describe_connection(next(iter(cases)))[0] == (
        "postgresql://ann@db-1:5432,db-2:5433/desk?target_session_attrs=read-write"
    )


def test_of_several_hosts_the_one_that_takes_writes_is_backed_up() -> None:
    shown, _ = describe_connection("postgresql://ann@db-1,db-2/desk?options=-c%20search_path=desk")
    assert shown == "postgresql://ann@db-1,db-2/desk?options=-c%20search_path%3Ddesk&target_session_attrs=read-write"


def test_tools_that_are_older_than_the_server_are_not_used_and_what_to_install_is_said() -> None:
    assert find_tools(18).major >= 18
    with pytest.raises(ToolsMissing, match=r"PostgreSQL 99 or newer are needed, found: .*postgresql-client-99"):
        find_tools(99)


async def test_tables_of_others_in_the_same_database_stay_where_they_are(
    server_url: str, template_url: str, empty_url: str, tmp_path: Path
) -> None:
    async with cloned(server_url, "nightdesk_template") as url:
        conn = await connect(url, application="test")
        await conn.execute("CREATE SCHEMA provider; CREATE TABLE provider.metrics AS SELECT 1 AS n")
        await conn.close()
        await take(url, tmp_path / "desk.tar")
    await put_back(empty_url, tmp_path / "desk.tar")
    conn = await connect(empty_url, application="test")
    assert await conn.fetchval("SELECT to_regnamespace('provider') IS NULL")
    await conn.close()


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
async def test_a_server_with_another_locale_has_every_row_all_the_same(
    locale: str, backup: Path, server_url: str
) -> None:
    conn = await connect(server_url, application="test")
    name = f"empty_{uuid4().hex[:12]}"
    await conn.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE '{locale}'")
    try:
        manifest = await put_back(server_url.replace("/postgres?", f"/{name}?"), backup)
        assert manifest.tables["messages"].rows == 2
    finally:
        await conn.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await conn.close()


def test_a_setting_that_older_servers_do_not_know_is_left_out_of_a_dump_by_newer_tools() -> None:
    head = b"SET lock_timeout = 0;\nSET transaction_timeout = 0;\n"
    rows = b"COPY t FROM stdin;\n" + b"x\n" * 60 + b"SET transaction_timeout = 0;\n\\.\n"
    sink = BytesIO()
    _forward(Running(BytesIO(), BytesIO(head + rows)), Running(sink, BytesIO()))
    assert sink.getvalue() == b"SET lock_timeout = 0;\n" + rows
