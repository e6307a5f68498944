"""The pooler before the database and the replica beside it: the pools and the figures go there, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

from cli.doctor.checks import QUESTION_SECONDS, Check, tell_refusal
from core.findings import Finding
from core.settings import Settings
from database.connection import limit_session, open_connection
from database.pool import DATABASE_ERRORS, DbConnection
from database.queries import checkup
from database.queries.operations import measure_lag
from database.replica import MAX_LAG_SECONDS

_AREA = "Database"
# Less than the whole time of a question, so that a silent server is judged here and by what it is.
_SECONDS = QUESTION_SECONDS - 1
# Stands for all that `nightdesk migrate` gives the sessions behind a pooler: no server has this one by itself.
_GIVEN = "idle_in_transaction_session_timeout"


def plan_other_servers(settings: Settings) -> Iterator[Check]:
    """Those that are set."""
    database = settings.database
    limits = limit_session(database.statement_timeout_seconds)
    if database.pooler_url is not None:
        yield _plan_pooler(database.pooler_url, expected=limits[_GIVEN])
    if database.replica_url is not None:
        yield _plan_replica(database.replica_url, limits)


def _plan_pooler(url: str, *, expected: str) -> Check:
    async def look() -> Sequence[Finding]:
        try:
            # A pooler may give each statement outside a transaction to another session.
            async with _open(url, {}, statement_cache_size=0) as conn, conn.transaction():
                return [_judge_pooler(await checkup.read_setting(conn, _GIVEN), expected)]
        except DATABASE_ERRORS as error:
            remedy = "Check DATABASE_URL, and that the pooler runs and lets this machine in."
            return [Finding.problem(tell_refusal(error), remedy)]

    return Check(_AREA, "Pooler", look, "DATABASE_URL")


def _plan_replica(url: str, limits: Mapping[str, str]) -> Check:
    async def look() -> Sequence[Finding]:
        try:
            async with _open(url, limits) as conn:
                server = await checkup.describe_server(conn)
                return [_judge_replica(await measure_lag(conn), is_replica=server.is_replica)]
        except DATABASE_ERRORS as error:
            remedy = "Check DATABASE_REPLICA_URL; the primary gives the figures meanwhile."
            return [Finding.advice(tell_refusal(error), remedy)]

    return Check(_AREA, "Replica", look, "DATABASE_REPLICA_URL")


@asynccontextmanager
async def _open(
    url: str, settings: Mapping[str, str], *, statement_cache_size: int = 100
) -> AsyncIterator[DbConnection]:
    async with asyncio.timeout(_SECONDS):
        conn = await open_connection(
            url,
            application="nightdesk doctor",
            settings=settings,
            needs_primary=False,
            statement_cache_size=statement_cache_size,
        )
        try:
            yield conn
        finally:
            conn.terminate()  # a close would wait for whoever does not answer


def _judge_pooler(given: str, expected: str) -> Finding:
    if given != expected:
        return Finding.advice(
            f"its sessions have {_GIVEN} = {given} instead of {expected}",
            "Run `nightdesk migrate`, then RECONNECT in PgBouncer.",
        )
    return Finding.ok("lets us in, and its sessions have their settings")


def _judge_replica(lag: float | None, *, is_replica: bool) -> Finding:
    if not is_replica:
        return Finding.advice("this is no standby, so it is not read from", "Set DATABASE_REPLICA_URL to a standby.")
    if lag is None or lag > MAX_LAG_SECONDS:
        found = "it has replayed no commit yet" if lag is None else f"its newest commit is {lag:.0f} s old"
        return Finding.advice(
            f"{found}: the primary gives the figures", "See whether a worker runs and the replica follows the primary."
        )
    return Finding.ok("follows the primary")
