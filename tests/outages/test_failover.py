"""The server can be read and not written: a standby after a failover, or one whose disk an operator protects."""

import asyncio

from core.background import run_in_background
from database.notify import Notifier, listen
from database.pool import connect, open_pool
from tests.outages.desk import Log, OpenDesk, expect_turned_away
from tests.outages.server import OwnServer, Proxy

TURNS = 20


async def test_after_a_failover_to_a_standby_all_wait_for_its_promotion(
    failing_server: OwnServer, url: str, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk() as desk:
        desk.agent.may_end.clear()
        accepted = (await desk.submit_many(TURNS))[0].json()
        await desk.agent.wait_for(TURNS)
        await failing_server.demote()
        desk.agent.may_end.set()
        expect_turned_away(await desk.submit_many(200))
        shown = await desk.client.get(accepted["status_url"])
        assert shown.status_code == 200
        await failing_server.promote()
        await desk.expect_each_answered_once(TURNS)
        assert len(desk.agent.turns) == TURNS
        assert (await desk.submit_when_it_can("afterwards")).status_code == 202
    log.expect_few_lines()


async def test_a_server_that_is_set_read_only_is_waited_for(url: str, open_desk: OpenDesk, log: Log) -> None:
    operator = await connect(url, application="test")
    async with open_desk() as desk:
        desk.agent.may_end.clear()
        await desk.submit_many(TURNS)
        await desk.agent.wait_for(TURNS)
        await operator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await operator.execute("SELECT pg_reload_conf()")
        try:
            await desk.wait_until("SELECT current_setting('default_transaction_read_only') = 'on'")
            desk.agent.may_end.set()
            expect_turned_away(await desk.submit_many(200))
        finally:
            await operator.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await operator.execute("SELECT pg_reload_conf()")
            await operator.close()
        await desk.expect_each_answered_once(TURNS)
        assert len(desk.agent.turns) == TURNS
    log.expect_few_lines()


async def test_a_connection_that_ended_up_at_a_standby_is_not_kept(failing_server: OwnServer, url: str) -> None:
    await failing_server.demote()
    async with open_pool(url, application="test", max_size=1) as pool:
        assert await pool.fetchval("SELECT pg_is_in_recovery()")
        assert pool.get_idle_size() == 0
        await failing_server.promote()
        await failing_server.wait_until_primary()
        assert not await pool.fetchval("SELECT pg_is_in_recovery()")
        assert pool.get_idle_size() == 1


async def test_a_standby_that_lets_nobody_listen_is_asked_ever_more_rarely(
    failing_server: OwnServer, proxy: Proxy, log: Log
) -> None:
    await failing_server.demote()
    connected = asyncio.Event()
    notifier = Notifier(proxy.url)
    notifier.notify("test_channel", "payload")
    async with run_in_background(listen(proxy.url, {"test_channel": print}, connected.set), notifier.run()):
        await asyncio.sleep(1.2)
        assert not connected.is_set()
        assert proxy.accepted <= 8
        await failing_server.promote()
        async with asyncio.timeout(60):
            await connected.wait()
    log.expect_few_lines()
    assert sum(log.count().values()) == 2
