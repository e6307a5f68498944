"""Waiting for the agent's decision on a ticket."""

import asyncio
from typing import Any

import httpx
import pytest

from api import tickets
from api.access import Caller
from api.routes import resolutions
from database import queue
from database.pool import Conn
from database.queries.conversations import load_state
from database.queries.runs import add_run
from database.queries.tickets import TicketHandle
from database.reply import queue_reply
from tests.api.callers import SignIn
from tests.api.service import Service, expect_problem, hold_token, issue_key, name_fields, submit
from tests.api.test_feedback import open_answered
from tests.api.turns import answer, hand_over, take_turn
from tests.database.builders import make_run

DECISION = {
    "action": "answer",
    "rule": "grounded_answer",
    "reason": "an article answers it",
    "confidence": 0.91,
    "required_confidence": 0.75,
}


@pytest.fixture
async def machine(service: Service) -> dict[str, str]:
    return {"X-API-Key": await issue_key(service.pool, "tickets:write")}


async def resolve(service: Service, ref: str, headers: dict[str, str], seconds: float = 0.01) -> httpx.Response:
    body = {"timeout_seconds": seconds}
    return await service.client.post(f"/tickets/{ref}/resolve", json=body, headers=headers)


async def decide(service: Service, ref: str, **decision: Any) -> None:
    """The agent answers what waits on the ticket."""
    turn = await take_turn(service.pool, ref)
    async with service.pool.acquire() as conn:
        await add_run(conn, make_run(turn.conversation_id, decision=DECISION | decision))
    await answer(service.pool, turn, "Choose “Forgot password”.")


async def test_while_nobody_has_decided_the_caller_is_told_when_to_come_again(
    service: Service, machine: dict[str, str]
) -> None:
    ref = (await submit(service.client))["ticket_ref"]
    response = await resolve(service, ref, machine)
    assert response.status_code == 202
    assert response.json() == {"state": "waiting", "ticket_ref": ref, "status": "open"}
    assert response.headers["retry-after"] == "2"


async def test_the_decision_is_the_same_however_often_it_is_asked_for(
    service: Service, machine: dict[str, str]
) -> None:
    ref = (await submit(service.client))["ticket_ref"]
    await decide(service, ref)
    first, again = await resolve(service, ref, machine), await resolve(service, ref, machine)
    assert first.status_code == 200
    assert first.json() == again.json()
    found = first.json()
    assert {name: found[name] for name in DECISION} == DECISION
    assert (found["state"], found["outcome"], found["status"]) == ("settled", "answered", "auto_resolved")
    assert found["reply"] == "Choose “Forgot password”."


async def test_an_answer_in_parts_is_told_whole(service: Service, machine: dict[str, str]) -> None:
    ref = (await submit(service.client))["ticket_ref"]
    turn = await take_turn(service.pool, ref)
    async with service.pool.acquire() as conn, conn.transaction():
        conversation = await load_state(conn, turn.conversation_id)
        asked = turn.lease.messages[-1].id
        await queue_reply(conn, conversation, ["First.", "Then.", "At last."], author="assistant", in_reply_to=asked)
        await add_run(conn, make_run(turn.conversation_id, decision=DECISION))
        await queue.complete(conn, turn.lease)
    assert (await resolve(service, ref, machine)).json()["reply"] == "First.\n\nThen.\n\nAt last."


async def test_whoever_waits_is_woken_by_the_decision(
    service: Service, machine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolutions, "_RECHECK_SECONDS", 60.0)
    ref = (await submit(service.client))["ticket_ref"]
    looked = asyncio.Event()
    find_ticket = tickets.find_ticket

    async def find_and_tell(conn: Conn, caller: Caller, ref: str) -> TicketHandle:
        handle = await find_ticket(conn, caller, ref)
        if service.desk.feed._followers.get(ref):
            looked.set()
        return handle

    monkeypatch.setattr(resolutions, "find_ticket", find_and_tell)
    waiting = asyncio.ensure_future(resolve(service, ref, machine, 30))
    await asyncio.wait_for(looked.wait(), 60)
    await decide(service, ref)
    service.desk.feed.announce(ref)
    response = await asyncio.wait_for(waiting, 25)
    assert response.json()["outcome"] == "answered"


async def test_what_is_written_meanwhile_keeps_nobody_waiting(service: Service, machine: dict[str, str]) -> None:
    accepted = await submit(service.client)
    ref = accepted["ticket_ref"]
    await decide(service, ref)
    await service.client.post(f"/support/ticket/{ref}/messages", json={"message": "More"}, headers=hold_token(accepted))
    assert (await resolve(service, ref, machine)).status_code == 202
    await decide(service, ref, rule="second")
    assert (await resolve(service, ref, machine)).json()["rule"] == "second"


async def test_a_handover_is_a_decision_too(service: Service, machine: dict[str, str]) -> None:
    ref = (await submit(service.client))["ticket_ref"]
    turn = await take_turn(service.pool, ref)
    decision = DECISION | {"action": "hand_over", "rule": "billing"}
    async with service.pool.acquire() as conn:
        await add_run(conn, make_run(turn.conversation_id, outcome="escalated", decision=decision))
    await hand_over(service.pool, turn, "billing")
    found = (await resolve(service, ref, machine)).json()
    assert (found["outcome"], found["action"], found["rule"]) == ("escalated", "hand_over", "billing")
    assert (found["status"], found["team"], found["reply"]) == ("escalated", "Billing team", None)


async def test_a_ticket_that_was_a_persons_from_the_start_has_no_decision(
    service: Service, machine: dict[str, str]
) -> None:
    ref = (await submit(service.client))["ticket_ref"]
    await hand_over(service.pool, await take_turn(service.pool, ref), "general")
    found = (await resolve(service, ref, machine)).json()
    assert (found["state"], found["status"], found["outcome"]) == ("settled", "escalated", None)


async def test_what_the_desk_says_after_the_answer_is_not_the_answer(service: Service, machine: dict[str, str]) -> None:
    accepted = await submit(service.client)
    ref = accepted["ticket_ref"]
    await decide(service, ref)
    said = {"rating": 1, "resolved": False}
    response = await service.client.post(f"/support/ticket/{ref}/feedback", json=said, headers=hold_token(accepted))
    assert response.json()["status"] == "escalated"
    found = (await resolve(service, ref, machine)).json()
    assert (found["outcome"], found["reply"]) == ("answered", "Choose “Forgot password”.")


async def test_a_closed_ticket_is_not_resolved(service: Service, machine: dict[str, str]) -> None:
    accepted, _ = await open_answered(service)
    await service.client.post(f"/tickets/{accepted['ticket_ref']}/close", headers=machine)
    expect_problem(await resolve(service, accepted["ticket_ref"], machine), 409)


async def test_a_customer_learns_what_was_decided_and_not_how_it_was_weighed(service: Service, sign_in: SignIn) -> None:
    headers, _, _ = await sign_in.customer()
    stranger, _, _ = await sign_in.customer()
    opened = (await service.client.post("/tickets", json={"subject": "s", "message": "m"}, headers=headers)).json()
    await decide(service, opened["ticket_ref"])
    found = (await resolve(service, opened["ticket_ref"], headers)).json()
    assert (found["outcome"], found["reply"]) == ("answered", "Choose “Forgot password”.")
    assert [found[name] for name in ("rule", "reason", "confidence", "required_confidence")] == [None] * 4
    expect_problem(await resolve(service, opened["ticket_ref"], stranger), 404)


@pytest.mark.parametrize("seconds", [0, -1, 31, "x", None])
async def test_nobody_waits_for_longer_than_allowed(service: Service, machine: dict[str, str], seconds: object) -> None:
    body = {"timeout_seconds": seconds}
    response = await service.client.post("/tickets/TF-20261121-0001/resolve", json=body, headers=machine)
    assert name_fields(expect_problem(response, 422)) == {"timeout_seconds"}
