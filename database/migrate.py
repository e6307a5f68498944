"""Forward-only migrations: `migrations/NNNN_name.sql`, each in its own transaction, under one advisory lock."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from core.errors import OperatorError
from database.pool import DbConnection

_LOCK_KEY = 0x6E64_6D67  # "ndmg"; any number will do as long as every version of Nightdesk uses the same
_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


class MigrationError(OperatorError):
    """The migrations in the package and those in the database do not agree."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. The checksum shows when a file that was applied somewhere has been edited since."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return sha256(self.sql.encode()).hexdigest()


def read_migrations() -> list[Migration]:
    """The migrations of this version, in order."""
    migrations = []
    for entry in files("database").joinpath("migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.match(entry.name)
        if match is None:
            raise MigrationError(f"{entry.name}: a migration is named like 0002_what_it_does.sql")
        migrations.append(Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8")))
    migrations.sort(key=lambda migration: migration.number)
    if [migration.number for migration in migrations] != list(range(1, len(migrations) + 1)):
        raise MigrationError("migration files must be numbered 0001, 0002, … without gaps or repeats")
    return migrations


async def migrate(conn: DbConnection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing and return the names of what was applied. Safe to run twice and at the same time."""
    wanted = read_migrations() if migrations is None else migrations
    # A session lock and not one per transaction: between two files nobody else may slip in.
    await conn.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
    try:
        applied = await _read_applied(conn)
        _check_agreement(wanted, applied)
        missing = [migration for migration in wanted if migration.number not in applied]
        for migration in missing:
            await _apply(conn, migration)
        return [migration.name for migration in missing]
    finally:
        await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


async def count_missing(conn: DbConnection) -> int:
    """How many migrations this database still lacks."""
    if not await conn.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        return len(read_migrations())
    applied = await conn.fetchval("SELECT count(*) FROM schema_migrations")
    return len(read_migrations()) - int(applied)


async def _read_applied(conn: DbConnection) -> dict[int, tuple[str, str]]:
    if not await conn.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        await conn.execute(
            """CREATE TABLE schema_migrations (
                   number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                   applied_at timestamptz NOT NULL DEFAULT now())"""
        )
    rows = await conn.fetch("SELECT number, name, checksum FROM schema_migrations")
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _check_agreement(wanted: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> None:
    by_number = {migration.number: migration for migration in wanted}
    for number, (name, checksum) in applied.items():
        migration = by_number.get(number)
        if migration is None:
            raise MigrationError(f"the database has migration {name}, which this version of Nightdesk does not know")
        if migration.checksum != checksum:
            raise MigrationError(f"{name} was changed after it had been applied; add a new migration instead")


async def _apply(conn: DbConnection, migration: Migration) -> None:
    async with conn.transaction():
        # A migration that waits for a lock blocks everyone who queues behind it.
        await conn.execute("SET LOCAL lock_timeout = '10s'")
        await conn.execute(migration.sql)
        await conn.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )
