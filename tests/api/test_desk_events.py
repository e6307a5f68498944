"""The staff's live stream, over a real server: every change is told, also after a reconnection and a late commit."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api import figures
from api.routes import events
from core.settings import ApiSettings, Settings
from database.queries import tickets
from tests.api.service import Service, expect_problem, hold_token, issue_key, serve, submit
from tests.api.turns import answer, deliver, hand_over, take_turn

PUSHED_SECONDS = 60


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams that only look again when they are told, and then at once."""
    monkeypatch.setattr(events, "STREAM_RECHECK_SECONDS", 3_600.0)
    monkeypatch.setattr(events, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(figures, "FRESH_SECONDS", 0.0)


class Stream:
    """The events of the desk, as the staff's pages receive them."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.position: str | None = None
        self._lines = response.aiter_lines()

    async def receive(self) -> tuple[str, dict[str, Any]]:
        """The next event: its kind and its data."""
        kind = ""
        data: dict[str, Any] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data = json.loads(value)
            elif name == "id":
                self.position = value
            elif not line and kind:
                return kind, data
        raise EOFError

    async def wait_for(self, kind: str, **expected: object) -> dict[str, Any]:
        """The next event of this kind whose data has these values."""
        async with asyncio.timeout(PUSHED_SECONDS):
            while True:
                name, data = await self.receive()
                if name == kind and expected.items() <= data.items():
                    return data


@asynccontextmanager
async def follow(service: Service, *, key: str | None = None, after: str | None = None) -> AsyncIterator[Stream]:
    """Follow the desk until the block ends."""
    key = key or await issue_key(service.pool, "tickets:read")
    headers = {"Authorization": f"Bearer {key}"} | ({"Last-Event-ID": after} if after else {})
    async with service.client.stream("GET", "/events", headers=headers) as response:
        yield Stream(response)


async def escalate(service: Service, ref: str) -> None:
    """A worker hands the ticket over, and says so."""
    turn = await take_turn(service.pool, ref)
    await hand_over(service.pool, turn, "billing")
    service.desk.feed.announce(ref)


async def forget_recent_changes(service: Service) -> None:
    """All that has happened so far was an hour ago, so that a look does not go back as far."""
    async with service.pool.acquire() as conn:
        await conn.execute("UPDATE tickets SET updated_at = updated_at - interval '1 hour'")


async def test_a_change_of_a_ticket_is_told_to_everybody_who_follows(live: Service) -> None:
    ref = (await submit(live.client))["ticket_ref"]
    async with follow(live) as one, follow(live) as other:
        for stream in (one, other):
            await stream.wait_for("queue", waiting=1)
        await escalate(live, ref)
        for stream in (one, other):
            told = await stream.wait_for("ticket", ref=ref)
            assert told["status"] == "escalated"
            assert told["team"] == "Billing team"


async def test_the_queue_is_told_when_it_changes(live: Service) -> None:
    async with follow(live) as stream:
        assert (await stream.wait_for("queue"))["waiting"] == 0
        await submit(live.client)
        told = await stream.wait_for("queue", waiting=1)
    assert told["database"]
    assert told["channels"] == {"web": 1}
    assert told["workers"] == 0


async def test_what_changed_while_the_connection_was_broken_comes_after_it(live: Service) -> None:
    missed, old = (await submit(live.client))["ticket_ref"], (await submit(live.client))["ticket_ref"]
    for ref in (missed, old):
        await take_turn(live.pool, ref)
    await forget_recent_changes(live)
    async with follow(live) as stream:
        await stream.wait_for("queue")
        position = stream.position
    async with live.pool.acquire() as conn:
        await conn.execute("UPDATE tickets SET status = 'closed', updated_at = now() WHERE ref = $1", missed)
    async with follow(live, after=position) as stream:
        refs = [(await stream.receive())[1].get("ref"), (await stream.receive())[0]]
    assert refs == [missed, "queue"]


async def test_a_position_can_be_given_in_the_address_too(live: Service) -> None:
    ref = (await submit(live.client))["ticket_ref"]
    await take_turn(live.pool, ref)
    await forget_recent_changes(live)
    key = await issue_key(live.pool, "tickets:read")
    headers = {"X-API-Key": key}
    async with live.client.stream("GET", "/events", params={"after": "0"}, headers=headers) as response:
        assert (await Stream(response).wait_for("ticket"))["ref"] == ref


async def test_a_change_that_began_before_the_look_and_was_committed_after_it_is_told(live: Service) -> None:
    ref = (await submit(live.client))["ticket_ref"]
    turn = await take_turn(live.pool, ref)
    await forget_recent_changes(live)
    async with live.pool.acquire() as late:
        transaction = late.transaction()
        await transaction.start()
        await tickets.resolve_automatically(late, turn.conversation_id, confidence=0.9)
        began: object = await late.fetchval("SELECT now()")
        async with follow(live) as stream:
            await stream.wait_for("queue")
            position = stream.position
            assert position is not None
            assert events._read_position(position) > began  # type: ignore[operator]
            await transaction.commit()
            live.desk.feed.announce(ref)
            await stream.wait_for("ticket", ref=ref, status="auto_resolved")
        async with follow(live, after=position) as again:
            await again.wait_for("ticket", ref=ref, status="auto_resolved")


async def test_a_ticket_that_did_not_change_is_not_told_twice(live: Service) -> None:
    told, changed = (await submit(live.client))["ticket_ref"], (await submit(live.client))["ticket_ref"]
    await take_turn(live.pool, told)
    async with follow(live) as stream:
        await stream.wait_for("ticket", ref=told)
        await take_turn(live.pool, changed)
        live.desk.feed.announce_all()
        kinds = [await stream.receive()]
        while kinds[-1][0] != "ticket":
            kinds.append(await stream.receive())
    assert kinds[-1][1]["ref"] == changed


async def test_a_new_message_and_a_delivery_are_changes_of_their_ticket(live: Service) -> None:
    accepted = await submit(live.client)
    ref = accepted["ticket_ref"]
    turn = await take_turn(live.pool, ref)
    await answer(live.pool, turn, "Choose “Forgot password”.")
    await forget_recent_changes(live)
    async with follow(live) as stream:
        await stream.wait_for("queue")
        await deliver(live.pool, turn)
        live.desk.feed.announce(ref)
        first = await stream.wait_for("ticket", ref=ref)
        await live.client.post(
            f"/support/ticket/{ref}/messages", json={"message": "Thanks"}, headers=hold_token(accepted)
        )
        await take_turn(live.pool, ref)
        live.desk.feed.announce(ref)
        second = await stream.wait_for("ticket", ref=ref)
    assert (first["status"], second["status"]) == ("auto_resolved", "open")


async def test_more_changes_than_anybody_wants_to_hear_of_are_one_event(
    live: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_TICKETS", 2)
    for _ in range(3):
        await take_turn(live.pool, (await submit(live.client))["ticket_ref"])
    async with follow(live) as stream:
        assert await stream.receive() == ("reset", {"reason": "many_changes"})
        position = stream.position
    assert position is not None


async def test_the_stream_ends_when_its_caller_may_no_longer_listen(
    live: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "CALLER_RECHECK_SECONDS", 0.0)
    key = await issue_key(live.pool, "tickets:read")
    async with follow(live, key=key) as stream:
        await stream.wait_for("queue")
        async with live.pool.acquire() as conn:
            await conn.execute("UPDATE api_keys SET revoked_at = now()")
        live.desk.feed.announce_all()
        with pytest.raises(EOFError):
            await stream.wait_for("ticket")


@pytest.mark.parametrize("position", ["yesterday", "-1", "1.5", "9" * 17])
async def test_a_position_that_is_none_is_refused(position: str, live: Service) -> None:
    key = await issue_key(live.pool, "tickets:read")
    response = await live.client.get("/events", params={"after": position}, headers={"X-API-Key": key})
    expect_problem(response, 422)


async def test_the_furthest_position_is_taken_for_now(live: Service) -> None:
    async with follow(live, after="9" * 16) as stream:
        await stream.wait_for("queue")


async def test_staff_and_customers_share_the_limit_of_live_connections(settings: Settings, database_url: str) -> None:
    limited = settings.model_copy(update={"api": ApiSettings(max_streams=1)})
    async with serve(limited, database_url) as service, follow(service) as stream:
        await stream.wait_for("queue")
        accepted = await submit(service.client)
        customers = await service.client.get(
            f"/support/ticket/{accepted['ticket_ref']}/events", headers=hold_token(accepted)
        )
        expect_problem(customers, 503)
        key = await issue_key(service.pool, "tickets:read")
        refused = await service.client.get("/events", headers={"X-API-Key": key})
        expect_problem(refused, 503)
        assert int(refused.headers["retry-after"]) > 0
