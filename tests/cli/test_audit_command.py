"""`nightdesk audit`: who did what, and the place where somebody has touched it."""

import json
from pathlib import Path

import pytest

from database.pool import connect
from database.queries.audit import record
from database.types import Actor
from tests.cli.command import assert_clear_error, run
from tests.database.test_audit import ANN, BOB, SECRET, TICKET, UNGUARDED


@pytest.fixture
async def log_url(database_url: str) -> str:
    """A database whose log has three entries."""
    conn = await connect(database_url, application="test")
    entries: list[tuple[Actor, str]] = [(ANN, "ticket.read"), (BOB, "ticket.read"), (ANN, "ticket.closed")]
    for actor, action in entries:
        await record(conn, SECRET, actor=actor, action=action, object_kind="ticket", object_id=TICKET)
    await conn.close()
    return database_url


def test_an_empty_log_is_whole_and_has_nothing_to_list(database_url: str, tmp_path: Path) -> None:
    verified = run("audit", "verify", database_url=database_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert (verified.returncode, verified.stdout.splitlines()[0]) == (0, "0 entries, none changed, none missing")
    assert run("audit", "list", database_url=database_url, folder=tmp_path).stdout == "No entries.\n"


async def test_a_whole_log_is_verified_and_a_changed_one_is_not(log_url: str, tmp_path: Path) -> None:
    verified = run("audit", "verify", database_url=log_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert verified.returncode == 0, verified.stderr
    assert "3 entries" in verified.stdout
    conn = await connect(log_url, application="test")
    await conn.execute(f"{UNGUARDED} UPDATE audit_log SET action = 'ticket.read' WHERE seq = 3")
    await conn.close()
    broken = run("audit", "verify", database_url=log_url, folder=tmp_path, SECRET_KEY=SECRET)
    assert (broken.returncode, broken.stdout, broken.stderr) == (1, "", "entry 3: changed\n")


def test_entries_are_listed_by_what_is_asked_for(log_url: str, tmp_path: Path) -> None:
    def list_seqs(*options: str) -> list[int]:
        listed = run("audit", "list", "--json", *options, database_url=log_url, folder=tmp_path)
        assert listed.returncode == 0, listed.stderr
        return [entry["seq"] for entry in json.loads(listed.stdout)] if listed.stdout.startswith("[") else []

    assert list_seqs() == [3, 2, 1]
    assert list_seqs("--actor", str(ANN.id), "--action", "ticket.read") == [1]
    assert list_seqs("--object", f"ticket:{TICKET}", "--limit", "2") == [3, 2]
    assert list_seqs("--until", "2020-01-01") == []
    assert list_seqs("--since", "2020-01-01T00:00:00") == [3, 2, 1]
    table = run("audit", "list", database_url=log_url, folder=tmp_path).stdout
    assert "ticket.closed" in table
    assert TICKET in table


def test_an_object_without_a_kind_is_a_clear_error(database_url: str, tmp_path: Path) -> None:
    result = run("audit", "list", "--object", TICKET, database_url=database_url, folder=tmp_path)
    assert_clear_error(result, "a kind and an id")
