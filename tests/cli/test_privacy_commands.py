"""`nightdesk customer` and `nightdesk retention`: what an operator does when somebody asks, and now and then."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from database.pool import DbConnection, connect
from tests.cli.command import assert_clear_error, run
from tests.database.builders import open_conversation

ADDRESS = "alice@example.com"
KEY = {"SECRET_KEY": "s" * 32}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    await open_conversation(conn, "TF-20261121-0001")
    yield conn
    await conn.close()


@pytest.mark.usefixtures("desk")
def test_an_export_is_written_to_a_file(database_url: str, tmp_path: Path) -> None:
    done = run("customer", "export", ADDRESS, "--out", "alice.json", database_url=database_url, folder=tmp_path, **KEY)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 customer written to alice.json\n"
    (line,) = (tmp_path / "alice.json").read_text().splitlines()
    assert json.loads(line)["customer"]["identifiers"][0]["value"] == ADDRESS


async def test_an_erasure_names_what_it_will_erase_and_asks(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    asked = run("customer", "erase", ADDRESS, database_url=database_url, folder=tmp_path, **KEY)
    assert asked.returncode == 1
    assert "self reported, 1 conversations" in asked.stdout
    assert await desk.fetchval("SELECT count(*) FROM customers") == 1
    done = run("customer", "erase", ADDRESS.upper(), "--yes", database_url=database_url, folder=tmp_path, **KEY)
    assert done.returncode == 0, done.stderr
    assert "1 conversations, 1 customer_identifiers, 1 customers" in done.stdout
    assert await desk.fetchval("SELECT count(*) FROM customers") == 0
    again = run("customer", "erase", ADDRESS, "--yes", database_url=database_url, folder=tmp_path, **KEY)
    assert_clear_error(again, "nobody here holds this address")


async def test_a_dry_run_counts_and_deletes_nothing(desk: DbConnection, database_url: str, tmp_path: Path) -> None:
    await desk.execute("UPDATE tickets SET status = 'closed', updated_at = now() - interval '9 days'")
    variables = {"RETENTION_CONVERSATION_DAYS": "8", "RETENTION_CODE_DAYS": "0"}
    dry = run("retention", "run", "--dry-run", database_url=database_url, folder=tmp_path, **variables)
    assert dry.returncode == 0, dry.stderr
    rows = {line.split()[0]: line.split()[-2:] for line in dry.stdout.splitlines() if line.strip()}
    assert rows["conversations"] == ["8", "1"]
    assert rows["codes"] == ["kept", "0"]
    assert await desk.fetchval("SELECT count(*) FROM conversations") == 1
    wet = run("retention", "run", database_url=database_url, folder=tmp_path, **variables)
    assert wet.returncode == 0, wet.stderr
    assert await desk.fetchval("SELECT count(*) FROM conversations") == 0
