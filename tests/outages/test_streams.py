"""Live streams of tickets during an outage: they live through it, and say nothing about it a thousand times."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from api import figures
from api.routes import events, support
from core.settings import Settings
from tests.api.service import FORM, Service, expect_problem, issue_key, serve, submit
from tests.api.turns import take_turn
from tests.outages.desk import Log
from tests.outages.server import OwnServer

STREAMS = 30


@asynccontextmanager
async def follow(service: Service, accepted: dict[str, Any]) -> AsyncIterator[AsyncIterator[str]]:
    url = f"/support/ticket/{accepted['ticket_ref']}/events"
    async with service.client.stream("GET", url, params={"token": accepted["ticket_token"]}) as response:
        assert response.status_code == 200
        yield response.aiter_lines()


async def receive(lines: AsyncIterator[str]) -> dict[str, Any]:
    async with asyncio.timeout(60):
        async for line in lines:
            if line.startswith("data: "):
                ticket: dict[str, Any] = json.loads(line.removeprefix("data: "))
                return ticket
    raise AssertionError("the stream ended")


async def test_streams_go_on_after_an_outage(
    failing_server: OwnServer, url: str, settings: Settings, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "STREAM_RECHECK_SECONDS", 0.1)
    async with serve(settings, url) as service, AsyncExitStack() as stack:
        accepted = await submit(service.client)
        streams = [await stack.enter_async_context(follow(service, accepted)) for _ in range(STREAMS)]
        for stream in streams:
            assert len((await receive(stream))["messages"]) == 1
        await failing_server.stop()
        expect_problem(await service.client.post("/support/submit", json=FORM), 503)
        await asyncio.sleep(0.5)  # every stream has looked meanwhile, and failed
        await failing_server.start()
        ticket_url = f"/support/ticket/{accepted['ticket_ref']}/messages?token={accepted['ticket_token']}"
        assert (await service.client.post(ticket_url, json={"message": "Hello?"})).status_code == 202
        for stream in streams:
            assert len((await receive(stream))["messages"]) == 2
    log.expect_few_lines()


async def wait_for(lines: AsyncIterator[str], *expected: str) -> None:
    """The next line of data in which all of this stands."""
    async with asyncio.timeout(60):
        async for line in lines:
            if line.startswith("data: ") and all(part in line for part in expected):
                return
    raise AssertionError("the stream ended")


async def test_the_staffs_stream_tells_of_the_outage_and_of_what_changed_after_it(
    failing_server: OwnServer, url: str, settings: Settings, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STREAM_RECHECK_SECONDS", 0.1)
    monkeypatch.setattr(figures, "FRESH_SECONDS", 0.0)
    async with serve(settings, url) as service:
        ref = (await submit(service.client))["ticket_ref"]
        key = await issue_key(service.pool, "tickets:read")
        async with service.client.stream("GET", "/events", headers={"X-API-Key": key}) as response:
            lines = response.aiter_lines()
            await wait_for(lines, '"database":true', '"waiting":1')
            await failing_server.stop()
            await wait_for(lines, '"database":false')
            await failing_server.start()
            await wait_for(lines, '"database":true')
            await take_turn(service.pool, ref)
            await wait_for(lines, ref, '"status":"open"')
    log.expect_few_lines()
