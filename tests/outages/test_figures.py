"""Figures of the dashboard, read at a replica as long as it follows the primary."""

from collections.abc import AsyncIterator

import pytest

from core.settings import DatabaseSettings, Settings
from database import replica
from database.pool import Conn, DbPool, open_pool
from database.queries.operations import measure_lag
from database.replica import Reader
from tests.api.service import issue_key, open_service
from tests.outages.desk import Log
from tests.outages.server import OwnServer

PATHS = ("/metrics/channels", "/metrics/channels.csv", "/admin/metrics")


class Watch:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """The reader's time."""
    return Watch()


@pytest.fixture
async def primary(url: str) -> AsyncIterator[DbPool]:
    """A pool on the primary."""
    async with open_pool(url, application="test", max_size=2) as pool:
        yield pool


@pytest.fixture
async def follower(standby: OwnServer) -> AsyncIterator[DbPool]:
    """A pool on the replica, as the web process has one."""
    async with open_pool(standby.url, application="test", max_size=2, is_read_only=True, is_standby_fine=True) as pool:
        yield pool


@pytest.fixture
async def reader(primary: DbPool, follower: DbPool, watch: Watch) -> Reader:
    """A reader that goes by the watch, with a replica that has just replayed a commit."""
    await commit_at_both(primary)
    return Reader(primary, follower, monotonic=watch)


async def commit_at_both(primary: DbPool) -> None:
    """Like a worker's heartbeat; returns when it can be seen at the replica."""
    async with primary.acquire() as conn, conn.transaction():
        await conn.execute("SET LOCAL synchronous_commit = remote_apply")
        await conn.execute("SELECT pg_logical_emit_message(true, 'test', ''::text)")


async def name_server(conn: Conn) -> str:
    return "replica" if await conn.fetchval("SELECT pg_is_in_recovery()") else "primary"


async def test_a_replica_that_is_too_far_behind_is_left_out_until_it_has_caught_up(
    reader: Reader, primary: DbPool, follower: DbPool, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await reader.read(name_server) == "replica"
    await follower.execute("SELECT pg_wal_replay_pause()")
    async with follower.acquire() as conn:
        lag = await measure_lag(conn)
        assert lag is not None
        assert await measure_lag(conn) > lag  # type: ignore[operator]  # it stands still, and time goes on
    monkeypatch.setattr(replica, "MAX_LAG_SECONDS", lag)
    assert await reader.read(name_server) == "primary"
    monkeypatch.undo()
    assert await reader.read(name_server) == "primary", "it is asked again after a while"
    watch.seconds = replica._PAUSE_SECONDS
    # What it has not heard of yet is no error of whoever asks.
    await primary.execute("CREATE TABLE newer AS SELECT 7 AS found")
    assert await reader.read(lambda conn: conn.fetchval("SELECT found FROM newer")) == 7
    await follower.execute("SELECT pg_wal_replay_resume()")
    await commit_at_both(primary)
    watch.seconds *= 2
    assert await reader.read(name_server) == "replica"


async def test_a_replica_that_was_promoted_is_one_no_more(
    reader: Reader, primary: DbPool, standby: OwnServer, log: Log
) -> None:
    assert await reader.read(name_server) == "replica"
    await standby.promote()
    await standby.wait_until_primary()
    await primary.execute("ALTER SYSTEM RESET synchronous_standby_names")
    await primary.execute("SELECT pg_reload_conf()")
    await primary.execute("CREATE TABLE newer AS SELECT 7 AS found")
    assert await reader.read(lambda conn: conn.fetchval("SELECT found FROM newer")) == 7
    assert log.count() == {"figures are read from the primary": 1}


async def test_the_dashboard_is_answered_from_the_replica_and_without_it_all_the_same(
    settings: Settings, url: str, standby: OwnServer, follower: DbPool, log: Log
) -> None:
    database = DatabaseSettings(url=url, replica_url=standby.url)
    async with open_service(settings.model_copy(update={"database": database}), url) as service:
        headers = {"X-API-Key": await issue_key(service.pool, "metrics:read")}

        async def ask() -> list[str]:
            responses = [await service.client.get(path, headers=headers) for path in PATHS]
            assert {response.status_code for response in responses} == {200}
            return [response.text for response in responses]

        await commit_at_both(service.pool)
        answers = await ask()
        asked = await follower.fetchval(
            "SELECT query FROM pg_stat_activity WHERE application_name = 'nightdesk figures'"
        )
        assert "first_reply_due" in asked, "the last statement of the last of them"
        await standby.stop()
        assert await ask() == answers
        await standby.start()
    assert log.count() == {"figures are read from the primary": 1}
