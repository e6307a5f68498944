"""The live stream of a ticket, over a real server: whole tickets, only on change, within the limit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.routes import support
from core.settings import ApiSettings, Settings
from database.notify import TICKET_CHANNEL
from database.queries import tickets
from tests.api.service import Service, expect_problem, hold_token, read_ticket, serve, submit
from tests.api.turns import answer, deliver, take_turn

PUSHED_SECONDS = 60


@pytest.fixture(autouse=True)
def _no_look_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that only look again when they are told: what arrives in time was pushed."""
    monkeypatch.setattr(support, "STREAM_RECHECK_SECONDS", 3_600.0)


class Stream:
    """The events of one ticket, as a browser receives them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def receive(self) -> dict[str, Any]:
        """The next ticket that was pushed."""
        kind = ""
        async with asyncio.timeout(PUSHED_SECONDS):
            async for line in self._lines:
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    assert kind == "ticket"
                    ticket: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return ticket
        raise AssertionError("the stream ended")


@asynccontextmanager
async def follow(service: Service, accepted: dict[str, Any]) -> AsyncIterator[Stream]:
    """Follow the ticket until the block ends."""
    url = f"/support/ticket/{accepted['ticket_ref']}/events"
    async with service.client.stream("GET", url, params={"token": accepted["ticket_token"]}) as response:
        yield Stream(response)


async def announce(service: Service, ref: str) -> None:
    """What a worker does after its commit."""
    async with service.pool.acquire() as conn:
        await conn.execute("SELECT pg_notify($1, $2)", TICKET_CHANNEL, ref)


async def test_the_first_event_comes_at_once_and_is_the_whole_ticket(live: Service) -> None:
    accepted = await submit(live.client)
    async with follow(live, accepted) as stream:
        assert stream.response.status_code == 200
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert await stream.receive() == await read_ticket(live.client, accepted)


async def test_a_delivered_reply_is_pushed_when_a_worker_announces_it(live: Service) -> None:
    accepted = await submit(live.client)
    async with follow(live, accepted) as stream:
        assert (await stream.receive())["answering"]
        turn = await take_turn(live.pool, accepted["ticket_ref"])
        await answer(live.pool, turn, "Choose “Forgot password”.")
        await deliver(live.pool, turn)
        await announce(live, accepted["ticket_ref"])
        ticket = await stream.receive()
    assert ticket["status"] == "auto_resolved"
    assert ticket["messages"][-1]["text"] == "Choose “Forgot password”."


async def test_the_customers_own_message_is_pushed_to_every_follower(live: Service) -> None:
    accepted = await submit(live.client)
    async with follow(live, accepted) as one, follow(live, accepted) as other:
        await one.receive()
        await other.receive()
        url = f"/support/ticket/{accepted['ticket_ref']}/messages"
        await live.client.post(url, json={"message": "Hello?"}, headers=hold_token(accepted))
        for stream in (one, other):
            assert [message["text"] for message in (await stream.receive())["messages"]][1:] == ["Hello?"]


async def test_an_announcement_without_a_change_pushes_nothing(live: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Semaphore(0)
    view_ticket = tickets.view_ticket

    async def view_and_tell(*args: Any, **kwargs: Any) -> dict[str, Any] | None:
        view = await view_ticket(*args, **kwargs)
        looked.release()
        return view

    monkeypatch.setattr(tickets, "view_ticket", view_and_tell)
    accepted = await submit(live.client)
    async with follow(live, accepted) as stream, asyncio.timeout(PUSHED_SECONDS):
        await stream.receive()
        await looked.acquire()
        for _ in range(3):
            live.desk.feed.announce(accepted["ticket_ref"])
            await looked.acquire()
        await live.client.post(
            f"/support/ticket/{accepted['ticket_ref']}/messages",
            json={"message": "Hello?"},
            headers=hold_token(accepted),
        )
        assert (await stream.receive())["messages"][-1]["text"] == "Hello?"


async def test_news_of_another_ticket_does_not_reach_the_stream(live: Service) -> None:
    hers, his = await submit(live.client), await submit(live.client)
    async with follow(live, hers) as stream:
        await stream.receive()
        await live.client.post(
            f"/support/ticket/{his['ticket_ref']}/messages", json={"message": "His"}, headers=hold_token(his)
        )
        await live.client.post(
            f"/support/ticket/{hers['ticket_ref']}/messages", json={"message": "Hers"}, headers=hold_token(hers)
        )
        ticket = await stream.receive()
    assert ticket["ticket_ref"] == hers["ticket_ref"]
    assert "His" not in str(ticket)


async def test_a_lost_notification_costs_a_moment_and_no_reply(live: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "STREAM_RECHECK_SECONDS", 0.01)
    accepted = await submit(live.client)
    async with follow(live, accepted) as stream:
        await stream.receive()
        turn = await take_turn(live.pool, accepted["ticket_ref"])
        await answer(live.pool, turn, "Unannounced.")
        await deliver(live.pool, turn)
        ticket = await stream.receive()
        while len(ticket["messages"]) == 1:  # the commit may have been seen before the delivery
            ticket = await stream.receive()
    assert ticket["messages"][-1]["text"] == "Unannounced."


async def test_the_stream_over_the_limit_is_refused_before_it_begins(settings: Settings, database_url: str) -> None:
    limited = settings.model_copy(update={"api": ApiSettings(max_streams=1)})
    async with serve(limited, database_url) as service:
        accepted = await submit(service.client)
        async with follow(service, accepted) as stream:
            await stream.receive()
            response = await service.client.get(
                f"/support/ticket/{accepted['ticket_ref']}/events", headers=hold_token(accepted)
            )
            expect_problem(response, 503)
            assert int(response.headers["retry-after"]) > 0
            assert (await read_ticket(service.client, accepted))["status"] == "open"


async def test_a_stream_that_ended_makes_room_for_another(settings: Settings, database_url: str) -> None:
    limited = settings.model_copy(update={"api": ApiSettings(max_streams=1)})
    async with serve(limited, database_url) as service:
        accepted = await submit(service.client)
        async with follow(service, accepted) as stream:
            await stream.receive()
        async with asyncio.timeout(PUSHED_SECONDS):
            while True:  # the server learns of the end a moment after the client
                async with follow(service, accepted) as stream:
                    if stream.response.status_code == 200:
                        assert (await stream.receive())["ticket_ref"] == accepted["ticket_ref"]
                        break
