"""What customers say of answers, and what follows."""

import json
from typing import Any

import httpx
import pytest

from tests.api.callers import SignIn
from tests.api.service import Service, expect_problem, hold_token, issue_key, name_fields, read_ticket, submit
from tests.api.turns import Turn, answer, deliver, hand_over, take_turn

GOOD = {"rating": 5, "resolved": True, "comment": "Thank you."}
BAD = {"rating": 1, "resolved": False}


async def open_answered(service: Service) -> tuple[dict[str, Any], Turn]:
    """A ticket whose customer has been answered by the agent."""
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await answer(service.pool, turn, "Choose “Forgot password”.")
    await deliver(service.pool, turn)
    return accepted, turn


async def count_messages(service: Service, turn: Turn, author: str) -> int:
    """How many messages of this author the turn's conversation has."""
    async with service.pool.acquire() as conn:
        count: int = await conn.fetchval(
            "SELECT count(*) FROM messages WHERE conversation_id = $1 AND author = $2", turn.conversation_id, author
        )
    return count


async def rate_on_page(service: Service, accepted: dict[str, Any], body: object) -> httpx.Response:
    url = f"/support/ticket/{accepted['ticket_ref']}/feedback"
    return await service.client.post(url, json=body, headers=hold_token(accepted))


async def test_a_matter_that_is_settled_closes_the_ticket(service: Service) -> None:
    accepted, turn = await open_answered(service)
    response = await rate_on_page(service, accepted, GOOD)
    assert response.status_code == 200
    expected = {"ticket_ref": accepted["ticket_ref"], "status": "closed", "rating": 5, "resolved": True, "team": None}
    assert response.json() == expected
    assert (await read_ticket(service.client, accepted))["status"] == "closed"
    assert await count_messages(service, turn, "system") == 0


async def test_a_matter_that_is_not_settled_goes_to_a_person_and_the_customer_is_told_once(service: Service) -> None:
    accepted, turn = await open_answered(service)
    for _ in range(2):
        response = await rate_on_page(service, accepted, BAD)
        assert (response.json()["status"], response.json()["team"]) == ("escalated", "Account team")
    assert await count_messages(service, turn, "system") == 1
    await deliver(service.pool, turn)
    page = await read_ticket(service.client, accepted)
    assert (page["status"], page["team"], page["messages"][-1]["author"]) == ("escalated", "Account team", "system")


async def test_the_latest_feedback_counts(service: Service) -> None:
    accepted, _ = await open_answered(service)
    await rate_on_page(service, accepted, GOOD)
    assert (await rate_on_page(service, accepted, BAD)).json()["status"] == "escalated"
    assert (await read_ticket(service.client, accepted))["feedback"]["rating"] == BAD["rating"]
    assert (await rate_on_page(service, accepted, GOOD)).json()["status"] == "closed"
    assert (await read_ticket(service.client, accepted))["feedback"]["rating"] == GOOD["rating"]


async def test_what_nobody_has_answered_is_not_rated(service: Service) -> None:
    accepted = await submit(service.client)
    expect_problem(await rate_on_page(service, accepted, GOOD), 409)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await hand_over(service.pool, turn, "billing")
    expect_problem(await rate_on_page(service, accepted, GOOD), 409)


async def test_a_customer_who_signed_in_rates_their_own_ticket_alone(service: Service, sign_in: SignIn) -> None:
    headers, _, _ = await sign_in.customer()
    stranger, _, _ = await sign_in.customer()
    opened = (await service.client.post("/tickets", json={"subject": "s", "message": "m"}, headers=headers)).json()
    turn = await take_turn(service.pool, opened["ticket_ref"])
    await answer(service.pool, turn, "Here is how.")
    url = f"/feedback/{opened['ticket_ref']}"
    expect_problem(await service.client.post(url, json=GOOD, headers=stranger), 404)
    assert (await service.client.post(url, json=GOOD, headers=headers)).json()["status"] == "closed"


async def test_staff_pass_on_what_a_customer_said(service: Service) -> None:
    accepted, _ = await open_answered(service)
    key = {"X-API-Key": await issue_key(service.pool, "tickets:write", "tickets:read")}
    response = await service.client.post(f"/feedback/{accepted['ticket_ref']}", json=GOOD, headers=key)
    assert response.json()["status"] == "closed"
    ticket = (await service.client.get(f"/tickets/{accepted['ticket_ref']}", headers=key)).json()
    [said] = ticket["feedback"]
    assert (said["rating"], said["resolved"], said["comment"]) == (5, True, "Thank you.")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 10**30}, "rating"),
        ({"resolved": None}, "resolved"),
        ({"comment": "x" * 2001}, "comment"),
        ({"comment": "\ud800"}, "comment"),
        ({"more": 1}, "more"),
    ],
)
async def test_what_is_no_feedback_is_refused_by_name(service: Service, change: dict[str, Any], field: str) -> None:
    accepted, _ = await open_answered(service)
    response = await service.client.post(
        f"/support/ticket/{accepted['ticket_ref']}/feedback",
        content=json.dumps(GOOD | change),
        headers=hold_token(accepted) | {"Content-Type": "application/json"},
    )
    assert name_fields(expect_problem(response, 422)) == {field}


async def test_another_tickets_token_rates_nothing(service: Service) -> None:
    accepted, _ = await open_answered(service)
    other, _ = await open_answered(service)
    mixed = other | {"ticket_ref": accepted["ticket_ref"]}
    expect_problem(await rate_on_page(service, mixed, GOOD), 404)
