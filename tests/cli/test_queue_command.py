"""`nightdesk queue`: what an operator sees of the queue, and what they can do about a dead letter."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from database import queue
from database.pool import DbConnection, connect
from tests.cli.command import assert_clear_error, run, run_cold
from tests.database.builders import claim_one, make_failure, publish_texts


@pytest.fixture
async def conn_of_desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


async def bury(conn: DbConnection, contact: str) -> UUID:
    await publish_texts(conn, contact, f"poison of {contact}")
    return await queue.fail(conn, await claim_one(conn), make_failure())


def test_an_empty_queue_says_so_and_what_to_do(database_url: str, tmp_path: Path) -> None:
    stats = run_cold("queue", "stats", database_url=database_url, folder=tmp_path)
    assert stats.returncode == 0, stats.stderr
    for expected in ("Nothing waits", "nightdesk worker", "No dead letters"):
        assert expected in stats.stdout
    listed = run("queue", "list", database_url=database_url, folder=tmp_path)
    assert "No dead letters" in listed.stdout


async def test_stats_count_threads_by_channel_and_state(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    await bury(conn_of_desk, "alice")
    await publish_texts(conn_of_desk, "bob", "hello", "again")
    result = run("queue", "stats", "--json", database_url=database_url, folder=tmp_path)
    stats = json.loads(result.stdout)
    (web,) = stats["channels"]
    assert (web["channel"], web["claimable"], web["leased"], web["messages"]) == ("web", 1, 0, 2)
    assert stats["dead_letters"] == 1
    assert "nightdesk queue list" in run("queue", "stats", database_url=database_url, folder=tmp_path).stdout


async def test_a_letter_is_listed_shown_and_retried(
    conn_of_desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    letter = await bury(conn_of_desk, "alice")
    listed = run("queue", "list", database_url=database_url, folder=tmp_path)
    assert str(letter) in listed.stdout
    assert "ConnectionError" in listed.stdout
    shown = run("queue", "show", str(letter), database_url=database_url, folder=tmp_path)
    for expected in ("the model is down", "desk:7", "poison of alice"):
        assert expected in shown.stdout
    retried = run("queue", "retry", str(letter), database_url=database_url, folder=tmp_path)
    assert retried.stdout.strip() == "1 queued again"
    assert [queued.message.text for queued in (await claim_one(conn_of_desk)).messages] == ["poison of alice"]


async def test_all_letters_are_discarded_at_once(conn_of_desk: DbConnection, database_url: str, tmp_path: Path) -> None:
    for contact in ("alice", "bob"):
        await bury(conn_of_desk, contact)
    discarded = run("queue", "discard", "--all", database_url=database_url, folder=tmp_path)
    assert discarded.stdout.strip() == "2 discarded"
    assert await conn_of_desk.fetchval("SELECT array_agg(DISTINCT state) FROM dead_letters") == ["discarded"]


@pytest.mark.parametrize("command", ["show", "retry", "discard"])
def test_an_unknown_letter_is_a_clear_error(command: str, database_url: str, tmp_path: Path) -> None:
    unknown = str(uuid4())
    assert_clear_error(run("queue", command, unknown, database_url=database_url, folder=tmp_path), unknown)


@pytest.mark.parametrize("arguments", [["retry"], ["discard"], ["retry", str(uuid4()), "--all"]])
def test_which_letters_are_meant_must_be_said(arguments: list[str], database_url: str, tmp_path: Path) -> None:
    assert_clear_error(run("queue", *arguments, database_url=database_url, folder=tmp_path), "--all")


def test_what_is_no_id_is_refused(database_url: str, tmp_path: Path) -> None:
    result = run("queue", "show", "the-first-one", database_url=database_url, folder=tmp_path)
    assert result.returncode == 2
    assert "UUID" in result.stderr
