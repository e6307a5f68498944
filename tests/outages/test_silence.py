"""A network that swallows everything: no error comes, so that only our own deadlines end the waiting."""

import asyncio

import pytest

from api import main
from core.background import run_in_background
from database import notify, pool
from database.notify import listen
from tests.outages.desk import SOON_FOR_ALL_SECONDS, SOON_SECONDS, Log, OpenDesk, expect_turned_away
from tests.outages.server import Proxy
from workers.ending import StopBudget

TURNS = 20


def test_an_answer_never_takes_longer_than_a_customer_waits() -> None:
    # For a connection, for a statement with the driver's second on top, and to give the connection back.
    assert main.ACQUIRE_SECONDS + main.STATEMENT_SECONDS + 1 + pool._RELEASE_SECONDS <= SOON_SECONDS


async def test_requests_are_turned_away_soon_and_do_not_pile_up(
    proxy: Proxy, open_desk: OpenDesk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "ACQUIRE_SECONDS", 0.5)
    monkeypatch.setattr(main, "STATEMENT_SECONDS", 1)
    async with open_desk(api_url=proxy.url) as desk:
        await desk.submit_many(TURNS)
        proxy.hold()
        for _ in range(2):  # with the connections that were open, and with none
            async with asyncio.timeout(SOON_FOR_ALL_SECONDS):
                expect_turned_away(await desk.submit_many(200))
        proxy.let_go()
        assert (await desk.submit_when_it_can("afterwards")).status_code == 202
    log.expect_few_lines()


async def test_turns_whose_commit_was_swallowed_are_committed_once_even_where_it_arrives_late(
    proxy: Proxy, open_desk: OpenDesk, log: Log
) -> None:
    async with open_desk(worker_url=proxy.url, statement_timeout_seconds=1) as desk:
        desk.agent.may_end.clear()
        await desk.submit_many(TURNS)
        await desk.agent.wait_for(TURNS)
        proxy.hold()
        desk.agent.may_end.set()
        await asyncio.sleep(2.5)  # longer than a statement may take
        proxy.let_go()
        await desk.expect_each_answered_once(TURNS)
        assert len(desk.agent.turns) == TURNS
    log.expect_few_lines()


async def test_a_worker_can_be_stopped_while_the_database_is_silent(
    proxy: Proxy, open_desk: OpenDesk, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.ending.STOP_BUDGET", StopBudget(sides=0.5, turns=0.5, given_back=1.0, sends=2.0))
    async with open_desk(worker_url=proxy.url, statement_timeout_seconds=1) as desk:
        desk.agent.may_end.clear()
        await desk.submit_many(TURNS)
        await desk.agent.wait_for(TURNS)
        proxy.hold()
        desk.stop.set()
        async with asyncio.timeout(60):
            await desk.worker
        proxy.let_go()
    log.expect_few_lines()


async def test_a_listener_finds_out_that_its_connection_died_without_a_word(
    proxy: Proxy, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_PROBE_SECONDS", 0.1)
    monkeypatch.setattr(notify, "_COMMAND_SECONDS", 0.2)
    connected = asyncio.Event()
    async with run_in_background(listen(proxy.url, {}, connected.set)), asyncio.timeout(60):
        await connected.wait()
        connected.clear()
        proxy.hold()
        await log.wait_for("database connection lost, reconnecting")
        proxy.let_go()
        await connected.wait()
    log.expect_few_lines()
