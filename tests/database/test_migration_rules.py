"""The rules of docs/migrations.md, held by `squawk` and, where it does not know of them, by these tests."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from database.migrate import OUTSIDE_TRANSACTION, Migration, read_migrations

ROOT = Path(__file__).parents[2]
BEFORE_THE_RULES = 18  # nothing was released before: these only meet a desk that is being set up
# What rewrites or walks over a table that a desk at work has filled.
_BULK = re.compile(
    r"^\s*(UPDATE|DELETE|TRUNCATE|LOCK|CLUSTER|VACUUM|INSERT\s+INTO\s(?:(?!;).)*?\bSELECT)\b",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def find_bulk_work(migration: Migration) -> list[str]:
    """Statements that belong into a backfill of many small transactions."""
    return [match[1].upper() for match in _BULK.finditer(re.sub(r"--[^\n]*", "", migration.sql))]


def lint(folder: Path, sql: str) -> subprocess.CompletedProcess[str]:
    """What squawk says of a migration under our configuration."""
    migrations = folder / "database" / "migrations"
    migrations.mkdir(parents=True)
    shutil.copy(ROOT / ".squawk.toml", folder)
    (migrations / "0019_it.sql").write_text(sql)
    command: list[str | Path] = [
        Path(sys.executable).with_name("squawk"),
        "--reporter",
        "gcc",
        "database/migrations/0019_it.sql",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_no_migration_works_through_a_table_that_a_desk_at_work_has_filled() -> None:
    found = {m.name: find_bulk_work(m) for m in read_migrations() if m.number > BEFORE_THE_RULES}
    assert not {name: statements for name, statements in found.items() if statements}


def test_every_migration_outside_a_transaction_can_be_done_again() -> None:
    for migration in read_migrations():
        if migration.is_outside_transaction:
            assert migration.list_indexes()


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("UPDATE tickets SET status = 'open';", ["UPDATE"]),
        ("ALTER TABLE a ADD COLUMN b text;\ndelete from a;", ["DELETE"]),
        ("INSERT INTO a (b)\nSELECT b\nFROM c;", ["INSERT INTO A (B)\nSELECT"]),
        ("INSERT INTO a (b) VALUES (1);\nCREATE VIEW v AS SELECT 1;", []),
        ("CREATE TABLE a (b uuid REFERENCES c ON DELETE CASCADE ON UPDATE CASCADE); -- UPDATE all later", []),
    ],
)
def test_work_on_whole_tables_is_recognised(sql: str, found: list[str]) -> None:
    assert find_bulk_work(Migration(19, "0019_it.sql", sql)) == found


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE tickets ADD COLUMN mood text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE tickets ADD COLUMN at timestamptz DEFAULT clock_timestamp();", "adding-field-with-default"),
        ("ALTER TABLE tickets ALTER COLUMN status TYPE varchar(9);", "changing-column-type"),
        ("ALTER TABLE tickets ADD CONSTRAINT c CHECK (status <> '');", "constraint-missing-not-valid"),
        ("CREATE INDEX tickets_mood ON tickets (mood);", "require-concurrent-index-creation"),
        ("ALTER TABLE tickets DROP COLUMN mood;", "ban-drop-column"),
        ("ALTER TABLE tickets RENAME COLUMN mood TO humour;", "renaming-column"),
        ("ALTER TABLE tickets ALTER COLUMN mood SET NOT NULL;", "adding-not-nullable-field"),
        (f"{OUTSIDE_TRANSACTION}\nCREATE INDEX CONCURRENTLY tickets_mood ON tickets (mood);", "prefer-robust-stmts"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON tickets (mood);\nSELECT 1;", "ban-concurrent-index-creation"),
    ],
)
def test_what_would_hold_up_a_desk_at_work_is_refused_by_the_linter(sql: str, rule: str, tmp_path: Path) -> None:
    said = lint(tmp_path, sql)
    assert said.returncode == 1
    assert rule in said.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE tickets ADD COLUMN mood text;",
        "ALTER TABLE tickets ADD COLUMN is_sad boolean NOT NULL DEFAULT false;",
        "ALTER TABLE tickets ADD CONSTRAINT c CHECK (mood <> '') NOT VALID;",
        "ALTER TABLE tickets VALIDATE CONSTRAINT c;",
        "CREATE TABLE moods (id uuid PRIMARY KEY, mood text NOT NULL);\nCREATE INDEX moods_mood ON moods (mood);",
        f"{OUTSIDE_TRANSACTION}\nCREATE INDEX CONCURRENTLY IF NOT EXISTS tickets_mood ON tickets (mood);",
    ],
)
def test_the_ways_that_the_rules_name_pass_the_linter(sql: str, tmp_path: Path) -> None:
    said = lint(tmp_path, sql)
    assert said.returncode == 0, said.stdout
