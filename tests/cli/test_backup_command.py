"""`nightdesk backup`, `restore`, `pause` and `resume`, as an operator types them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from database.pool import connect
from tests.cli.command import assert_clear_error, run
from tests.conftest import cloned
from tests.database.full_desk import SECRET, fill

OTHER = "t" * 40


@pytest.fixture
async def full_url(database_url: str) -> str:
    """A desk with something everywhere."""
    await fill(database_url)
    return database_url


@pytest.fixture
async def target_url(server_url: str) -> AsyncIterator[str]:
    """An empty database."""
    async with cloned(server_url, "template1") as url:
        yield url


def test_a_desk_is_backed_up_rehearsed_restored_and_resumed(full_url: str, target_url: str, tmp_path: Path) -> None:
    def call(url: str | None, *arguments: str, key: str = SECRET) -> str:
        done = run(*arguments, database_url=url, folder=tmp_path, SECRET_KEY=key)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    said = call(full_url, "backup", "desk.tar")
    assert "SECRET_KEY" in said
    assert SECRET not in said
    rehearsed = call(None, "restore", "desk.tar", "--drill")
    assert "every table is as it was" in rehearsed
    assert "audit log is whole: 2 entries" in rehearsed
    assert not (tmp_path / ".data" / "postgres").exists()
    restored = call(target_url, "restore", "desk.tar")
    assert "paused" in restored
    assert "another SECRET_KEY" not in restored
    assert call(target_url, "migrate") == "the database is up to date\n"
    stats = json.loads(call(target_url, "queue", "stats", "--json"))
    assert (stats["pause"]["reason"], stats["pause"]["restored_at"] is None) == ("restored from a backup", False)
    assert "nightdesk resume" in call(target_url, "queue", "stats")
    assert "Replies in doubt: 1" in call(target_url, "resume")
    assert call(target_url, "resume") == "The desk is not paused.\n"
    assert json.loads(call(target_url, "queue", "stats", "--json"))["pause"] is None
    assert "none changed, none missing" in call(target_url, "audit", "verify")
    log = json.loads(call(target_url, "audit", "list", "--json"))
    assert [entry["action"] for entry in log][:2] == ["desk.resumed", "desk.restored"]
    assert json.loads(call(full_url, "audit", "list", "--json"))[0]["action"] == "desk.backed_up"


def test_another_secret_key_is_noticed_and_what_it_means_is_said(
    full_url: str, target_url: str, tmp_path: Path
) -> None:
    assert run("backup", "desk.tar", database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET).returncode == 0
    restored = run("restore", "desk.tar", database_url=target_url, folder=tmp_path, SECRET_KEY=OTHER)
    assert restored.returncode == 0
    assert "another SECRET_KEY" in restored.stderr


def test_what_cannot_be_done_is_said_in_one_line(full_url: str, tmp_path: Path) -> None:
    restored = run("restore", "nowhere.tar", database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert_clear_error(restored, "nowhere.tar cannot be read")
    (tmp_path / "desk.tar").write_text("something else")
    taken = run("backup", "desk.tar", database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert_clear_error(taken, "not overwritten")
    restored = run("restore", "desk.tar", database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert_clear_error(restored, "not a whole backup")


async def test_a_desk_is_paused_with_a_reason_and_a_snapshot_of_the_provider_is_marked_as_restored(
    full_url: str, tmp_path: Path
) -> None:
    def call(*arguments: str) -> str:
        done = run(*arguments, database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "paused" in call("pause", "--reason", "moving  house")
    assert "was paused before" in call("pause")
    assert "moving house" in call("queue", "stats")
    assert "paused" in call("pause", "--restored")
    assert "earlier state" in call("queue", "stats")
    assert "the desk is paused" in run("ask", "hello", database_url=full_url, folder=tmp_path, SECRET_KEY=SECRET).stderr
    assert "Replies in doubt" not in call("resume", "--nothing-was-sent")
    conn = await connect(full_url, application="test")
    assert await conn.fetchval("SELECT answered_before IS NULL FROM desk_state")
    await conn.close()
