"""Operations: workers that are heard of, inboxes and the server."""

from uuid import uuid4

from database.pool import DbConnection
from database.queries import operations
from database.types import WorkerId
from tests.database.builders import make_worker_id


async def beat(conn: DbConnection, worker_id: WorkerId, *, pid: int, in_flight: int = 0) -> None:
    await operations.beat(
        conn, worker_id, host="desk", pid=pid, brain="offline", concurrency=4, in_flight=in_flight, is_elected=False
    )


async def test_a_worker_is_listed_while_it_beats_and_gone_when_it_signs_off(conn: DbConnection) -> None:
    worker_id, silent_id = make_worker_id(), make_worker_id()
    for in_flight in (0, 3):
        await operations.beat(
            conn, worker_id, host="desk", pid=7, brain="offline", concurrency=4, in_flight=in_flight, is_elected=False
        )
    await operations.beat(
        conn, silent_id, host="desk", pid=8, brain="offline", concurrency=4, in_flight=0, is_elected=False
    )
    await conn.execute("UPDATE workers SET heartbeat_at = now() - interval '11 minutes' WHERE id = $1", silent_id)
    (worker,) = await operations.list_workers(conn)
    assert (worker["id"], worker["in_flight"], worker["silent_seconds"]) == (worker_id, 3, 0)
    await operations.sign_off(conn, worker_id)
    assert await operations.list_workers(conn) == []


async def test_workers_silent_for_a_day_are_forgotten_and_others_kept(conn: DbConnection) -> None:
    for hours in (1, 25):
        worker_id = make_worker_id()
        await operations.beat(
            conn, worker_id, host="desk", pid=hours, brain="b", concurrency=1, in_flight=0, is_elected=False
        )
        await conn.execute(
            "UPDATE workers SET heartbeat_at = now() - make_interval(hours => $2) WHERE id = $1", worker_id, hours
        )
    await operations.forget_silent_workers(conn)
    assert await conn.fetchval("SELECT array_agg(pid) FROM workers") == [1]


async def test_an_inbox_nobody_configured_is_enabled_and_as_quiet_as_its_channel(conn: DbConnection) -> None:
    unknown = await operations.find_channel_config(conn, "gmail", uuid4().hex)
    assert unknown == operations.ChannelConfig(enabled=True, quiet_seconds=None, signature=None)
    await conn.execute(
        "INSERT INTO channel_configs (channel, inbox, enabled, quiet_seconds, signature) "
        "VALUES ('gmail', 'support', false, 2.5, 'The Desk')"
    )
    known = await operations.find_channel_config(conn, "gmail", "support")
    assert known == operations.ChannelConfig(enabled=False, quiet_seconds=2.5, signature="The Desk")
    listed = [(row["channel"], row["inbox"]) for row in await operations.list_channels(conn)]
    assert listed == [("gmail", "support"), ("web", "form"), ("web", "probe")]


async def test_the_database_describes_itself(conn: DbConnection) -> None:
    described = await operations.describe_database(conn)
    assert described["server_version"].startswith("18")
    assert described["pgvector_version"]
    assert described["read_only"] is False
