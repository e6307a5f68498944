"""Postgres stopped, crashed and started again under a busy desk."""

import asyncio

import pytest

from tests.outages.desk import SOON_FOR_ALL_SECONDS, Log, OpenDesk, cut_connections, expect_turned_away
from tests.outages.server import OwnServer, Proxy

TURNS = 50


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_under_fifty_turns_loses_nothing_and_asks_no_model_twice(
    mode: str, failing_server: OwnServer, url: str, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk() as desk:
        desk.agent.may_end.clear()
        assert {response.status_code for response in await desk.submit_many(TURNS)} == {202}
        await desk.agent.wait_for(TURNS)
        await failing_server.stop(mode)
        desk.agent.may_end.set()  # all of them want to commit now
        async with asyncio.timeout(SOON_FOR_ALL_SECONDS):
            expect_turned_away(await desk.submit_many(200))
        await failing_server.start()
        assert (await desk.submit_when_it_can("afterwards")).status_code == 202
        await desk.expect_each_answered_once(TURNS + 1)
        assert len(desk.agent.turns) == TURNS + 1
    log.expect_few_lines()


async def test_a_desk_that_starts_before_its_database_begins_to_work_with_it(
    failing_server: OwnServer, url: str, open_desk: OpenDesk, log: Log
) -> None:
    await failing_server.stop()
    async with open_desk() as desk:
        expect_turned_away(await desk.submit_many(20))
        await failing_server.start()
        assert (await desk.submit_when_it_can("first")).status_code == 202
        await desk.expect_each_answered_once(1)
    log.expect_few_lines()


async def test_while_the_server_is_starting_up_everybody_waits(
    url: str, proxy: Proxy, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(api_url=proxy.url, worker_url=proxy.url) as desk:
        desk.agent.may_end.clear()
        await desk.submit_many(20)
        await desk.agent.wait_for(20)
        proxy.refusal = "57P03", "the database system is starting up"
        assert await cut_connections(url, "nightdesk%") > 0
        desk.agent.may_end.set()
        expect_turned_away(await desk.submit_many(200))
        proxy.refusal = None
        await desk.expect_each_answered_once(20)
        assert len(desk.agent.turns) == 20
    log.expect_few_lines()


@pytest.mark.parametrize(
    ("connections", "times"), [("nightdesk listener", 5), ("nightdesk notifier", 5), ("nightdesk heartbeat", 2)]
)
async def test_a_connection_beside_the_pool_that_is_cut_again_and_again_comes_back_each_time(
    connections: str, times: int, url: str, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(lease_seconds=5) as desk:
        for number in range(times):
            assert await cut_connections(url, connections) > 0
            assert (await desk.submit(str(number))).status_code == 202
        await desk.expect_each_answered_once(times)
        await desk.wait_until(f"SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '{connections}'")
    log.expect_few_lines()
