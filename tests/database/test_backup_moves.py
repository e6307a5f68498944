"""Backups where things are not as usual: moved twice, another schema, one name twice, a share, another key."""

import errno
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from database.backup import back_up
from database.backup_file import BackupError, write_whole
from database.migrate import migrate
from database.pause import resume_desk
from database.pool import connect
from database.postgres_tools import describe_connection
from database.queries import desk_state
from database.restore import restore
from tests.cli.command import run
from tests.conftest import cloned
from tests.database.full_desk import SECRET, fill


def hear_nothing(_stage: str, _done: int, _total: int | None) -> None:
    """Nobody watches the progress."""


async def move(source: str, target: str, path: Path) -> None:
    """Back up and restore."""
    await back_up(source, path, product="0.1.0", key="k", report=hear_nothing)
    await restore(target, path, report=hear_nothing)


@pytest.fixture
async def targets(server_url: str) -> AsyncIterator[tuple[str, str]]:
    """Two empty databases."""
    async with cloned(server_url, "template1") as first, cloned(server_url, "template1") as second:
        yield first, second


@pytest.mark.parametrize("is_resumed_between", [True, False])
async def test_a_planned_move_forgets_no_doubt_of_an_earlier_restore(
    is_resumed_between: bool, database_url: str, targets: tuple[str, str], tmp_path: Path
) -> None:
    await fill(database_url)
    first, second = targets
    await move(database_url, first, tmp_path / "1.tar")
    conn = await connect(first, application="test")
    restored = await desk_state.find_pause(conn)
    assert restored is not None
    if is_resumed_between:
        await resume_desk(conn, repeatable_channels=[])
    await move(first, second, tmp_path / "2.tar")
    await conn.close()
    conn = await connect(second, application="test")
    await resume_desk(conn, repeatable_channels=[], nothing_was_sent=True)
    assert await conn.fetchval("SELECT answered_before FROM desk_state") == restored.restored_at
    assert await conn.fetchval("SELECT count(*) FROM outbox WHERE state = 'queued'") == 0
    await conn.close()


async def test_a_desk_outside_the_schema_that_is_backed_up_is_refused(empty_url: str, tmp_path: Path) -> None:
    conn = await connect(empty_url, application="test")
    await conn.execute("CREATE SCHEMA shop; CREATE EXTENSION vector; SET search_path = shop, public")
    await migrate(conn)
    await conn.close()
    url = f"{empty_url}{'&' if '?' in empty_url else '?'}options=-c%20search_path%3Dshop,public"
    with pytest.raises(BackupError, match="not in the schema public"):
        await back_up(url, tmp_path / "desk.tar", product="0.1.0", key="k", report=hear_nothing)
    assert not any(map(Path.exists, (tmp_path / "desk.tar", tmp_path / "desk.tar.part")))


async def test_a_target_whose_vector_is_in_another_schema_is_refused_and_stays_empty(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    conn = await connect(empty_url, application="test")
    await conn.execute("CREATE SCHEMA extensions; CREATE EXTENSION vector SCHEMA extensions")
    with pytest.raises(BackupError, match="`ALTER EXTENSION vector SET SCHEMA public`"):
        await move(database_url, empty_url, tmp_path / "desk.tar")
    assert await conn.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await conn.execute("ALTER EXTENSION vector SET SCHEMA public")
    await conn.close()
    await restore(empty_url, tmp_path / "desk.tar", report=hear_nothing)


@contextmanager
def limit_files(size: int) -> Iterator[None]:
    """As on a disk that is nearly full: no file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_without_room_is_told_with_the_name_of_the_file_and_nothing_stays(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "desk.tar"
    with limit_files(16 * 1024), pytest.raises(BackupError, match=r"desk\.tar cannot be written: File too large"):
        await back_up(database_url, path, product="0.1.0", key="k", report=hear_nothing)
    assert not any(map(Path.exists, (path, path.with_name("desk.tar.part"))))


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError()])
def test_a_database_that_goes_away_meanwhile_is_not_taken_for_a_disk(error: OSError, tmp_path: Path) -> None:
    with pytest.raises(type(error)), write_whole(tmp_path / "desk.tar"):
        raise error


def test_a_second_backup_to_the_same_name_is_refused_and_the_first_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "desk.tar"
    with write_whole(path) as first:
        first.write(b"first")
        with pytest.raises(BackupError, match="another backup writes it"), write_whole(path):
            pass
    assert path.read_bytes() == b"first"


def test_a_share_without_hard_links_keeps_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.link", refuse)
    with write_whole(tmp_path / "desk.tar") as file:
        file.write(b"all of it")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"all of it"]


def test_a_socket_s_url_stays_one() -> None:
    shown, _ = describe_connection("postgresql:///desk?host=/run/postgresql")
    assert shown == "postgresql:///desk?host=%2Frun%2Fpostgresql&target_session_attrs=read-write"


async def test_a_restore_under_another_secret_key_leaves_the_audit_log_whole(
    database_url: str, targets: tuple[str, str], tmp_path: Path
) -> None:
    await fill(database_url)
    target, _ = targets
    saved = run("backup", "desk.tar", database_url=database_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert saved.returncode == 0, saved.stderr
    restored = run("restore", "desk.tar", database_url=target, folder=tmp_path, SECRET_KEY="t" * 40)
    assert restored.returncode == 0, restored.stderr
    assert "SECRET_KEY" in restored.stderr
    verified = run("audit", "verify", database_url=target, folder=tmp_path, SECRET_KEY=SECRET)
    assert verified.returncode == 0, verified.stderr
