"""A server without a free connection, and connections that are cut."""

import asyncio

from tests.outages.desk import SOON_FOR_ALL_SECONDS, Log, OpenDesk, cut_connections, expect_turned_away
from tests.outages.server import hold_every_connection

TURNS = 30


async def test_a_server_without_a_free_connection_is_waited_for(url: str, open_desk: OpenDesk, log: Log) -> None:
    hogs = await hold_every_connection(url)
    async with open_desk() as desk:
        async with asyncio.timeout(SOON_FOR_ALL_SECONDS):
            expect_turned_away(await desk.submit_many(200))
        await asyncio.gather(*(hog.close() for hog in hogs))
        assert (await desk.submit_when_it_can("key")).status_code == 202
        await desk.expect_each_answered_once(1)
    log.expect_few_lines()


async def test_cutting_every_connection_in_the_middle_of_the_work_loses_nothing(
    url: str, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk() as desk:
        desk.agent.may_end.clear()
        await desk.submit_many(TURNS)
        await desk.agent.wait_for(TURNS)
        desk.agent.may_end.set()
        for number in range(10):
            await cut_connections(url, "nightdesk%")
            assert (await desk.submit_when_it_can(str(number))).status_code == 202
        await desk.wait_until(f"SELECT count(*) = {TURNS + 10} FROM outbox WHERE state = 'sent'")
        assert await desk.fetch_value("SELECT count(*) FROM messages WHERE author = 'assistant'") == TURNS + 10
    log.expect_few_lines()
