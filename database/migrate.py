"""Forward-only migrations: `migrations/NNNN_name.sql`, one after the other, under one advisory lock.

`docs/migrations.md` says how one is written so that a desk at work does not notice it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

import asyncpg

from core.errors import OperatorError
from database.pool import Conn, DbConnection

# First line of a migration whose statements run one by one, each in its own transaction. `squawk` reads it too.
OUTSIDE_TRANSACTION = "-- squawk-disable-assume-in-transaction"
# Whoever queues behind a migration that waits for a lock waits as long, and a form gives up after three seconds.
LOCK_SECONDS = 1.0
# Between two tries everybody else goes on. Three minutes in all: our longest statements and transactions end in ten
# seconds, so what holds a table for longer is a backup or a person, and somebody must decide.
PAUSES = (1.0, 2.0, 3.0, 4.0, *[5.0] * 34)
_LOCK_KEY = 0x6E64_6D67  # "ndmg"; any number will do as long as every version of Nightdesk uses the same
_POLL_SECONDS = 0.5
_FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_REPEATABLE = re.compile(
    r"(?:CREATE (?:UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS|DROP INDEX CONCURRENTLY IF EXISTS) (\w+)\b", re.IGNORECASE
)

Tell = Callable[[str], None]
Wait = Callable[[float], Awaitable[object]]


class MigrationError(OperatorError):
    """The migrations in the package and those in the database do not agree, or one cannot be applied now."""


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

    @property
    def is_outside_transaction(self) -> bool:
        """Whether its statements must not run in a transaction."""
        return self.sql.startswith(OUTSIDE_TRANSACTION)

    def list_indexes(self) -> dict[str, str]:
        """Of a migration outside a transaction: its statements, each with the index it makes or drops.

        Raises MigrationError for any other statement: what was interrupted half-way must be fit to be done again.
        """
        lines = [line for line in self.sql.splitlines() if not line.startswith("--")]
        statements = [statement.strip() for statement in "\n".join(lines).split(";")]
        found = {statement: _REPEATABLE.match(statement) for statement in statements if statement}
        if odd := [statement for statement, match in found.items() if match is None]:
            raise MigrationError(
                f"{self.name}: outside a transaction stand only CREATE INDEX CONCURRENTLY IF NOT EXISTS and "
                f"DROP INDEX CONCURRENTLY IF EXISTS, and not: {odd[0][:60]}"
            )
        return {statement: match[1] for statement, match in found.items() if match}


@dataclass(frozen=True, slots=True)
class Differences:
    """Names of migrations that this version has and the database lacks, that were changed after they had been applied,
    and that the database has beyond this version's last: a newer version has migrated it.
    """

    missing: tuple[str, ...]
    changed: tuple[str, ...]
    newer: tuple[str, ...]


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


async def migrate(
    conn: DbConnection,
    migrations: Sequence[Migration] | None = None,
    *,
    tell: Tell = lambda _: None,
    wait: Wait = asyncio.sleep,
) -> list[str]:
    """Apply what is missing and return the names of what was applied. Safe to run twice and at the same time.

    `tell` hears of each step. Raises MigrationError where a lock is not to be had: what was applied before stays.
    """
    wanted = read_migrations() if migrations is None else migrations
    # The server's or the role's own limits would end the making of a large index.
    await conn.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    async with hold_migrations(conn, tell=tell, wait=wait):
        if not await _has_any(conn):
            await _create_table(conn)
        applied = await _read_applied(conn)
        _check_agreement(wanted, applied, tell)
        missing = [migration for migration in wanted if migration.number not in applied]
        for migration in missing:
            tell(f"applying {migration.name}")
            await _apply_patiently(conn, migration, tell, wait)
        return [migration.name for migration in missing]


@asynccontextmanager
async def hold_migrations(
    conn: DbConnection, *, tell: Tell = lambda _: None, wait: Wait = asyncio.sleep
) -> AsyncIterator[None]:
    """Nobody else migrates while the block runs; a session lock, so that between two files nobody slips in."""
    await _take_turn(conn, tell, wait)
    try:
        yield
    finally:
        await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)


@cache
def _count_own() -> int:
    return len(read_migrations())


async def count_missing(conn: Conn) -> int:
    """How many migrations this database still lacks; none, if it is newer than this version."""
    if not await _has_any(conn):
        return _count_own()
    applied = await conn.fetchval("SELECT count(*) FROM schema_migrations")
    return max(0, _count_own() - int(applied))


async def _take_turn(conn: DbConnection, tell: Tell, wait: Wait) -> None:
    """One process migrates at a time: a session lock, so that between two files nobody else slips in.

    Tried again and again: for a statement that waits here, the holder's CREATE INDEX CONCURRENTLY would wait for ever.
    """
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        tell("another process migrates this database, waiting for it")
        await wait(_POLL_SECONDS)


async def compare_migrations(conn: Conn) -> Differences:
    """How the database and this version differ. Changes nothing."""
    return _compare(read_migrations(), await _read_applied(conn) if await _has_any(conn) else {})


async def _has_any(conn: Conn) -> bool:
    found: bool = await conn.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL")
    return found


async def _create_table(conn: DbConnection) -> None:
    await conn.execute(
        """CREATE TABLE schema_migrations (
               number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )


async def _read_applied(conn: Conn) -> dict[int, tuple[str, str]]:
    rows = await conn.fetch("SELECT number, name, checksum FROM schema_migrations")
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _check_agreement(wanted: Sequence[Migration], applied: dict[int, tuple[str, str]], tell: Tell) -> None:
    differences = _compare(wanted, applied)
    for name in differences.changed:
        raise MigrationError(f"{name} was changed after it had been applied; add a new migration instead")
    # Who goes back to the version before runs its migrations first, on a schema that serves both: docs/migrations.md.
    if differences.newer:
        tell(f"the database is of a newer version, which serves this one too: {', '.join(differences.newer)}")


def _compare(wanted: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> Differences:
    by_number = {migration.number: migration for migration in wanted}
    known = {number: found for number, found in applied.items() if number in by_number}
    return Differences(
        missing=tuple(migration.name for migration in wanted if migration.number not in applied),
        changed=tuple(name for number, (name, checksum) in known.items() if by_number[number].checksum != checksum),
        newer=tuple(name for number, (name, _) in applied.items() if number not in by_number),
    )


async def _apply_patiently(conn: DbConnection, migration: Migration, tell: Tell, wait: Wait) -> None:
    apply = _apply_by_statement if migration.is_outside_transaction else _apply_whole
    for pause in PAUSES:
        try:
            await apply(conn, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            tell(f"{migration.name} waits for {await _name_oldest_transaction(conn)}, trying again in {pause:g} s")
            await wait(pause)
        else:
            return
    raise MigrationError(
        f"{migration.name} was not applied: {await _name_oldest_transaction(conn)} holds what it changes. Wait for its "
        "end, or end it, and run `nightdesk migrate` again"
    )


async def _apply_whole(conn: DbConnection, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:g}s'")
        await conn.execute(migration.sql)
        await _note(conn, migration)


async def _apply_by_statement(conn: DbConnection, migration: Migration) -> None:
    """Begun again after a failure, it goes on where that was. Nobody queues behind the locks that it waits for."""
    for statement, index in migration.list_indexes().items():
        if await conn.fetchval(
            "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", index.lower()
        ):  # left by a failure half-way: IF NOT EXISTS would take it for the whole one
            await conn.execute(f"DROP INDEX CONCURRENTLY {index}")
        await conn.execute(statement)
    await _note(conn, migration)


async def _note(conn: DbConnection, migration: Migration) -> None:
    await conn.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
        migration.number,
        migration.name,
        migration.checksum,
    )


async def _name_oldest_transaction(conn: DbConnection) -> str:
    """Most likely the one that is in the way."""
    row = await conn.fetchrow(
        """SELECT coalesce(nullif(application_name, ''), 'a client without a name') AS name, pid,
                  round(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds
             FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
            ORDER BY xact_start LIMIT 1"""
    )
    return f"{row['name']} (pid {row['pid']}, in a transaction for {row['seconds']} s)" if row else "a transaction"
