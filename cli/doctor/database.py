"""The database itself: whether it is there, what it is, and whether it has our tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import ip_address
from time import perf_counter

from cli.doctor.checks import Check, ask, tell_refusal
from cli.doctor.machine import format_bytes, judge_skew
from core.clock import Clock
from core.findings import Finding
from core.settings import Settings
from database.migrate import Differences, compare_migrations
from database.pool import DATABASE_ERRORS, Conn, DbPool
from database.queries import checkup
from database.queries.checkup import Server

_AREA = "Database"
_VERSIONS = range(15, 19)
_LEAST_VECTOR, _GOOD_VECTOR = (0, 7), (0, 8)
# A turn asks some thirty times, one after the other: beyond this the round trips alone take a second.
_SLOW_SECONDS = 0.03
_ROUND_TRIPS = 5
# From here on, dead rows are more than a table has between two rounds of vacuum.
_MIN_DEAD_ROWS = 100_000
# The desk's own transactions end within seconds; one that stays open holds back vacuum, and every claim gets slower.
_LONG_TRANSACTION_SECONDS = 300.0


def plan_server(pool: DbPool, settings: Settings) -> Check:
    """Whether it lets us in."""
    setting = _name_url(settings)

    async def look() -> Sequence[Finding]:
        try:
            async with pool.acquire() as conn:
                return [await _judge_round_trip(conn)]
        except DATABASE_ERRORS as error:
            remedy = f"Check {setting}, and that the server runs and lets this machine in."
            return [Finding.problem(tell_refusal(error), remedy)]

    return Check(_AREA, "Server", look, setting)


def plan_facts(pool: DbPool, settings: Settings, clock: Clock) -> Iterator[Check]:
    """What it is, whatever is in it."""

    async def look_at_connections(conn: Conn) -> Sequence[Finding]:
        return [_judge_connections(await checkup.describe_server(conn), settings.database.pool_size)]

    async def look_at_clock(conn: Conn) -> Sequence[Finding]:
        return [judge_skew(clock(), await checkup.read_clock(conn), whose="the clock of this machine")]

    for subject, judge in _list_judges(_name_url(settings)).items():
        yield Check(_AREA, subject, ask(pool, partial(_look_at_server, judge)))
    yield Check(_AREA, "Connections", ask(pool, look_at_connections))
    yield Check(_AREA, "Clock", ask(pool, look_at_clock))


def plan_migrations(pool: DbPool) -> Check:
    """Whether it has the tables of this version."""

    async def look(conn: Conn) -> Sequence[Finding]:
        return [_judge_migrations(await compare_migrations(conn))]

    return Check(_AREA, "Migrations", ask(pool, look))


def plan_tables(pool: DbPool) -> Iterator[Check]:
    """What can be asked where the tables are there."""

    async def look_at_rights(conn: Conn) -> Sequence[Finding]:
        return [_judge_rights(await checkup.list_forbidden(conn))]

    async def look_at_vacuum(conn: Conn) -> Sequence[Finding]:
        return [await _judge_bloat(conn), await _judge_transactions(conn)]

    yield Check(_AREA, "Rights", ask(pool, look_at_rights))
    yield Check(_AREA, "Vacuum", ask(pool, look_at_vacuum))


def _name_url(settings: Settings) -> str:
    """The setting that leads to the server itself."""
    return "DATABASE_URL" if settings.database.pooler_url is None else "DATABASE_LISTENER_URL"


async def _look_at_server(judge: Callable[[Server], Finding], conn: Conn) -> Sequence[Finding]:
    return [judge(await checkup.describe_server(conn))]


def _judge_version(server: Server) -> Finding:
    if server.major_version < _VERSIONS.start:
        return Finding.problem(f"PostgreSQL {server.server_version} is too old", "Upgrade to PostgreSQL 15 or newer.")
    if server.major_version not in _VERSIONS:
        return Finding.advice(
            f"PostgreSQL {server.server_version} is newer than what this version was tested with",
            "Upgrade Nightdesk, or use PostgreSQL 18.",
        )
    return Finding.ok(f"PostgreSQL {server.server_version}")


def _judge_primary(server: Server, *, setting: str) -> Finding:
    if server.is_replica:
        return Finding.problem("this is a read-only replica", f"Set {setting} to the primary.")
    return Finding.ok("takes writes")


def _judge_encryption(server: Server, *, setting: str) -> Finding:
    """Over a Unix socket or a private network nobody listens, or whoever does can do worse."""
    if server.address is None or not ip_address(server.address).is_global:
        return Finding.ok("not needed: the server is near")
    if not server.is_encrypted:
        return Finding.problem(
            f"the connection to {server.address} is not encrypted", f"Add ?sslmode=require to {setting}."
        )
    return Finding.ok("the connection is encrypted")


async def _judge_round_trip(conn: Conn) -> Finding:
    # The quickest of some: the way to the server is meant, not how busy this machine is.
    seconds = min([await _time_round_trip(conn) for _ in range(_ROUND_TRIPS)])
    if seconds > _SLOW_SECONDS:
        return Finding.advice(
            f"answers in {seconds * 1000:.0f} ms: every turn waits a second for that",
            "Run the desk in the region of its database.",
        )
    return Finding.ok(f"answers in {seconds * 1000:.1f} ms")


async def _time_round_trip(conn: Conn) -> float:
    started = perf_counter()
    await checkup.read_clock(conn)
    return perf_counter() - started


def _judge_connections(server: Server, pool_size: int) -> Finding:
    free = server.places - server.connections
    found = f"{free} of {server.places} are free"
    if free <= 0:
        return Finding.problem(found, "Raise max_connections, or lower DATABASE_POOL_SIZE.")
    if free < pool_size:
        return Finding.advice(
            f"{found}: too few for one more process", "Raise max_connections, or lower DATABASE_POOL_SIZE."
        )
    return Finding.ok(found)


def _judge_size(server: Server) -> Finding:
    return Finding.ok(f"{format_bytes(server.bytes)}, of it {format_bytes(server.attachment_bytes)} attachments")


def _judge_vector(server: Server) -> Finding:
    version = server.vector_version
    if version is None:
        return Finding.problem("the extension vector is missing", "Run `CREATE EXTENSION vector` as a superuser.")
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    remedy = "Upgrade pgvector on the server, then run `ALTER EXTENSION vector UPDATE`."
    if parts < _LEAST_VECTOR:
        return Finding.problem(f"{version} is too old", remedy)
    if parts < _GOOD_VECTOR:
        return Finding.advice(f"{version} finds less when most articles are drafts or of another language", remedy)
    return Finding.ok(version)


def _judge_migrations(differences: Differences) -> Finding:
    if differences.changed:
        return Finding.problem(
            f"changed after they had been applied: {', '.join(differences.changed)}",
            "Install the released version again; a migration is never edited.",
        )
    if differences.missing:
        return Finding.problem(f"missing: {', '.join(differences.missing)}", "Run `nightdesk migrate`.")
    if differences.newer:
        return Finding.advice(
            f"the database is of a newer version: {', '.join(differences.newer)}", "Upgrade Nightdesk on this machine."
        )
    return Finding.ok("all are applied")


def _judge_rights(forbidden: Sequence[str]) -> Finding:
    if forbidden:
        return Finding.problem(
            f"this user may not use {', '.join(forbidden)}",
            "Run `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO …` as their owner.",
        )
    return Finding.ok("this user may use every table")


async def _judge_bloat(conn: Conn) -> Finding:
    bloated = await checkup.list_bloated(conn, min_rows=_MIN_DEAD_ROWS)
    if bloated:
        names = ", ".join(f"{row['name']} ({row['dead_rows']:,})" for row in bloated)
        tables = ", ".join(row["name"] for row in bloated)
        return Finding.advice(f"more dead rows than living ones: {names}", f"Run `VACUUM {tables}`.")
    return Finding.ok("few dead rows")


async def _judge_transactions(conn: Conn) -> Finding:
    longest = await checkup.find_longest_transaction(conn)
    if longest is not None and longest["seconds"] > _LONG_TRANSACTION_SECONDS:
        return Finding.advice(
            f"{longest['application_name'] or 'somebody'} has a transaction open for {longest['seconds'] / 60:.0f} min",
            f"End it, or run `SELECT pg_terminate_backend({longest['pid']})`: it holds back vacuum.",
        )
    return Finding.ok("no transaction stays open")


def _list_judges(setting: str) -> Mapping[str, Callable[[Server], Finding]]:
    return {
        "Version": _judge_version,
        "Primary": partial(_judge_primary, setting=setting),
        "Encryption": partial(_judge_encryption, setting=setting),
        "Size": _judge_size,
        "pgvector": _judge_vector,
    }
