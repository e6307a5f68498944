"""Two servers: a primary and its streaming replica, which takes its place when it dies."""

import asyncio

import pytest

from api import main
from core.settings import Settings
from tests.outages.desk import Desk, Log, OpenDesk, expect_turned_away
from tests.outages.server import OwnServer, point

TURNS = 20
LEASE_SECONDS = 5  # what a worker was claiming when the server died is claimed again after it


@pytest.fixture
def open_desk(
    settings: Settings, url: str, failing_server: OwnServer, standby: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> OpenDesk:
    """Opens desks that know both servers, and are not told which of them is the primary."""
    return OpenDesk(settings, point(url, failing_server, standby), monkeypatch)


async def expect_each_customer_answered_once(desk: Desk, customers: int) -> None:
    """Whatever a worker had to do twice when its server died under it, customers see it once."""
    await desk.wait_until(f"SELECT count(*) >= {customers} FROM outbox WHERE state = 'sent'")
    async with desk.pool.acquire() as conn:
        row = await conn.fetchrow(
            "SELECT (SELECT count(*) FROM message_queue) AS queued, (SELECT count(*) FROM queue_threads) AS threads,"
            " (SELECT count(*) FROM messages WHERE author = 'customer') AS stored,"
            " (SELECT count(*) FROM messages WHERE author = 'assistant') AS answers,"
            " (SELECT count(DISTINCT conversation_id) FROM messages WHERE author = 'assistant') AS answered,"
            " (SELECT count(*) FROM outbox) AS replies, (SELECT count(*) FROM dead_letters) AS given_up"
        )
    wanted = dict.fromkeys(("queued", "threads", "stored", "answers", "answered", "replies"), customers)
    assert row is not None
    assert dict(row) == wanted | {"given_up": 0}


async def test_when_the_primary_dies_and_the_replica_is_promoted_the_desk_goes_on_by_itself(
    failing_server: OwnServer, standby: OwnServer, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(lease_seconds=LEASE_SECONDS) as desk:
        desk.agent.may_end.clear()
        assert {response.status_code for response in await desk.submit_many(TURNS)} == {202}
        await desk.agent.wait_for(TURNS)
        keys = [f"during the failover {number}" for number in range(3 * TURNS)]
        submitting = asyncio.gather(*(desk.submit_when_it_can(key) for key in keys))
        await failing_server.kill()
        desk.agent.may_end.set()  # those who think want to commit now
        await standby.promote()
        assert {response.status_code for response in await submitting} == {202}
        assert (await desk.submit_when_it_can("afterwards")).status_code == 202
        await expect_each_customer_answered_once(desk, TURNS + len(keys) + 1)
    log.expect_few_lines()


async def test_while_no_replica_confirms_no_message_is_acknowledged(
    url: str, standby: OwnServer, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "STATEMENT_SECONDS", 1)
    async with open_desk() as desk:
        await standby.stop()
        # The second finds what the first has stored here and nowhere else.
        expect_turned_away([await desk.submit("key"), await desk.submit("key")])
        await standby.start()
        assert (await desk.submit_when_it_can("key")).status_code == 202
        await desk.expect_each_answered_once(1)
