"""PgBouncer in transaction mode between the desk and its server: every transaction may be on another session."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.settings import Settings
from database.connection import limit_session
from database.pool import DbPool, connect, open_pool
from database.role_defaults import write_role_defaults
from tests.outages.desk import Log, OpenDesk
from tests.outages.pooler import PROGRAM, Pooler
from tests.outages.server import OwnServer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt install pgbouncer")

CONNECTIONS = 3  # the pools of API and worker have ten
CUSTOMERS = 50
NEVER_SECONDS = 600.0


@asynccontextmanager
async def run_pooler(server: OwnServer, url: str, mode: str, connections: int) -> AsyncIterator[Pooler]:
    """A pooler before this database, until the end of the block."""
    with TemporaryDirectory(prefix="nightdesk-pooler-") as folder:
        user = "pgserver" if os.geteuid() == 0 else None  # it does not run as root
        pooler = Pooler(Path(folder), server.directory, url, mode=mode, connections=connections, user=user)
        await pooler.start()
        yield pooler
        await pooler.stop()


@pytest.fixture
async def pooler(failing_server: OwnServer, url: str) -> AsyncIterator[Pooler]:
    """A pooler before this test's database."""
    async with run_pooler(failing_server, url, "transaction", CONNECTIONS) as pooler:
        yield pooler


@pytest.fixture
async def pool(pooler: Pooler, url: str) -> AsyncIterator[DbPool]:
    """A pool that leads through it."""
    async with open_pool(url, pooler_url=pooler.url, application="test", max_size=10) as pool:
        yield pool


@pytest.fixture
def open_desk(settings: Settings, url: str, pooler: Pooler, monkeypatch: pytest.MonkeyPatch) -> OpenDesk:
    """Opens desks whose pools lead through it."""
    return OpenDesk(settings, url, monkeypatch, pooler_url=pooler.url)


async def test_a_burst_of_customers_is_answered_over_fewer_connections_than_they_would_take(
    open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(lease_seconds=8) as desk:  # a quarter of it later the worker says that it is elected
        await desk.wait_until("SELECT count(*) = 1 FROM workers WHERE is_elected")
        assert {response.status_code for response in await desk.submit_many(CUSTOMERS)} == {202}
        await desk.expect_each_answered_once(CUSTOMERS)
        async with desk.pool.acquire() as conn:
            rows = await conn.fetch(
                "SELECT application_name AS name, count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'nightdesk%' GROUP BY 1"
            )
    counts: dict[str, int] = {row["name"]: row["count"] for row in rows}
    assert counts.pop("nightdesk api", 0) + counts.pop("nightdesk worker", 0) <= CONNECTIONS
    own = {"nightdesk listener": 2, "nightdesk notifier": 2, "nightdesk heartbeat": 1, "nightdesk maintenance": 1}
    assert counts == own
    log.expect_few_lines()


async def test_a_notification_wakes_a_worker_behind_it(open_desk: OpenDesk) -> None:
    async with open_desk(poll_seconds=NEVER_SECONDS) as desk:
        for number in range(3):
            assert (await desk.submit(str(number))).status_code == 202
            await desk.expect_each_answered_once(number + 1)


async def test_a_pooler_that_is_restarted_under_the_desk_loses_nothing(
    pooler: Pooler, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk() as desk:
        desk.agent.may_end.clear()
        assert {response.status_code for response in await desk.submit_many(CUSTOMERS)} == {202}
        await desk.agent.wait_for(CUSTOMERS)
        await pooler.stop()
        desk.agent.may_end.set()  # all of them want to commit now
        await pooler.start()
        assert (await desk.submit_when_it_can("afterwards")).status_code == 202
        await desk.expect_each_answered_once(CUSTOMERS + 1)
        assert len(desk.agent.turns) == CUSTOMERS + 1
    log.expect_few_lines()


async def test_in_session_mode_it_is_as_good_as_the_server_itself(
    failing_server: OwnServer, url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    async with run_pooler(failing_server, url, "session", 30) as pooler:
        open_desk = OpenDesk(settings, pooler.url, monkeypatch)
        async with open_desk(poll_seconds=NEVER_SECONDS) as desk:
            assert (await desk.submit("key")).status_code == 202
            await desk.expect_each_answered_once(1)
    log.expect_few_lines()


async def test_sessions_behind_it_have_the_limits_that_a_migration_gave_the_role(
    url: str, pooler: Pooler, pool: DbPool
) -> None:
    operator = await connect(url, application="test")
    await operator.execute("CREATE ROLE desk LOGIN; GRANT ALL ON SCHEMA public TO desk")
    plain = await connect(url.replace("postgres:@", "desk@"), application="test")
    assert await plain.fetchval("SELECT current_user") == "desk"
    for conn in (plain, operator):  # whoever it is, twice changes nothing
        await write_role_defaults(conn, statement_timeout_seconds=7)
        await write_role_defaults(conn, statement_timeout_seconds=7)
    await pooler.stop()  # it has had a session from before
    await pooler.start()
    async with pool.acquire() as pooled:
        await pooled.execute("SELECT '[0]'::vector")
        for name, value in limit_session(7).items():
            if not name.startswith("tcp_"):  # this way is a socket without TCP
                assert await pooled.fetchval("SELECT current_setting($1)", name) == value, name
    # Where nobody's short statements run they must not hold: a migration takes its time.
    for conn in (plain, operator, await connect(url, application="test")):
        assert await conn.fetchval("SELECT current_setting('statement_timeout')") == "0"
        await conn.close()


async def test_no_statement_stays_prepared_on_a_session_that_is_somebody_elses_next(pool: DbPool) -> None:
    async with pool.acquire() as first, pool.acquire() as second:
        for number in range(20):
            for conn in (first, second):
                assert await conn.fetchval("SELECT $1::int + 1", number) == number + 1
                assert await conn.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0
