"""What staff read: a whole conversation, and every customer who holds an address."""

import json
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from core.ids import new_id
from database.queries import feedback, runs
from database.types import ConversationId, Outcome
from tests.api.service import FORM, Service, expect_problem, issue_key, submit
from tests.api.turns import answer, deliver, hand_over, take_turn
from tests.database.builders import make_run


@pytest.fixture
async def staff(service: Service) -> dict[str, str]:
    """The headers of somebody who may read everything."""
    return {"X-API-Key": await issue_key(service.pool, "tickets:read", "customers:read")}


def describe_run(conversation_id: ConversationId) -> runs.RunRecord:
    """A turn with one tool call."""
    call = runs.ToolCallRecord("search_knowledge_base", json.dumps({"query": "reset"}), "found", 1.5)
    return make_run(conversation_id, stages={"agent": 3.0}, tool_calls=[call])


async def test_a_conversation_is_shown_with_messages_deliveries_and_runs(
    service: Service, staff: dict[str, str]
) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    async with service.pool.acquire() as conn:
        await runs.add_run(conn, describe_run(turn.conversation_id))
    await answer(service.pool, turn, "Choose “Forgot password”.")
    queued = await service.client.get(f"/conversations/{turn.conversation_id}", headers=staff)
    assert [message["delivery"] for message in queued.json()["messages"]] == [None, "queued"]
    await deliver(service.pool, turn)
    response = await service.client.get(f"/conversations/{turn.conversation_id}", headers=staff)
    assert response.status_code == 200
    view = response.json()
    assert UUID(view["id"]) == turn.conversation_id
    assert (view["ref"], view["status"], view["owner"]) == (accepted["ticket_ref"], "auto_resolved", "agent")
    assert [(m["author"], m["delivery"]) for m in view["messages"]] == [("customer", None), ("assistant", "sent")]
    assert view["messages"][0]["text"] == FORM["message"]
    [run] = view["runs"]
    assert (run["decision"], run["stages"]) == ({"action": "answer"}, {"agent": 3.0})
    assert run["tool_calls"][0]["arguments"] == {"query": "reset"}


async def test_a_handover_tells_staff_what_the_customer_does_not_see(service: Service, staff: dict[str, str]) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    await hand_over(service.pool, turn, "legal")
    view = (await service.client.get(f"/conversations/{turn.conversation_id}", headers=staff)).json()
    assert (view["status"], view["route"], view["team"], view["owner"]) == (
        "escalated",
        "legal",
        "Legal team",
        "person",
    )
    assert view["handover_reason"] == "the internal reason"
    assert view["handover_summary"] == "the internal summary"
    assert view["handover_draft"] == "the internal draft"


async def test_staff_see_what_became_known_of_each_answer_and_how_the_ticket_was_rated(
    service: Service, staff: dict[str, str]
) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    async with service.pool.acquire() as conn, conn.transaction():
        await runs.add_run(conn, describe_run(turn.conversation_id))
    await answer(service.pool, turn, "Choose “Forgot password”.")
    async with service.pool.acquire() as conn, conn.transaction():
        await feedback.rate_ticket(conn, accepted["ticket_ref"], rating=2, is_resolved=False, comment="It did not.")
    view = (await service.client.get(f"/conversations/{turn.conversation_id}", headers=staff)).json()
    [[label]] = [run["labels"] for run in view["runs"]]
    assert label.pop("created_at")
    assert label == {"kind": "rating", "value": "2", "is_right": False, "given_by": "customer"}
    [rating] = view["ratings"]
    assert (rating["rating"], rating["is_resolved"], rating["comment"]) == (2, False, "It did not.")
    assert (view["status"], view["owner"]) == ("escalated", "person")


async def test_a_conversation_costs_what_all_its_turns_do_and_nobody_knows_what_where_one_has_no_price(
    service: Service, staff: dict[str, str]
) -> None:
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])

    async def read_cost() -> float | None:
        view = (await service.client.get(f"/conversations/{turn.conversation_id}", headers=staff)).json()
        cost: float | None = view["cost_usd"]
        return cost

    async def add(outcome: Outcome, cost: str | None) -> None:
        dollars = None if cost is None else Decimal(cost)
        run = replace(describe_run(turn.conversation_id), outcome=outcome, cost_usd=dollars)
        async with service.pool.acquire() as conn:
            await runs.add_run(conn, run)

    assert await read_cost() == 0
    await add("superseded", "0.002")
    await add("answered", "0.0005")
    assert await read_cost() == 0.0025
    await add("answered", None)
    assert await read_cost() is None


async def test_an_unknown_conversation_is_not_found(service: Service, staff: dict[str, str]) -> None:
    expect_problem(await service.client.get(f"/conversations/{uuid4()}", headers=staff), 404)


@pytest.mark.parametrize("odd", ["not-a-uuid", "%00", "..%2F..", "1", "%F0%9F%98%80", "0" * 3000, "urn:uuid:x"])
async def test_what_is_no_uuid_is_refused_by_name(service: Service, staff: dict[str, str], odd: str) -> None:
    response = await service.client.get(f"/conversations/{odd}", headers=staff)
    if response.status_code == 404:  # an address with a slash in it is another address
        expect_problem(response, 404)
    else:
        assert [error["field"] for error in expect_problem(response, 422)["errors"]] == ["conversation_id"]


async def test_every_customer_with_the_address_is_found_with_the_level_of_proof(
    service: Service, staff: dict[str, str]
) -> None:
    email = f"{uuid4().hex}@example.com"
    async with service.pool.acquire() as conn:
        proven = await conn.fetchval(
            "INSERT INTO customers (id, name, plan) VALUES ($1, 'Proven', 'pro') RETURNING id", new_id()
        )
        await conn.execute("INSERT INTO customer_identifiers VALUES ('email', $1, 'proven', $2)", email, proven)
    accepted = await submit(service.client, email=email, name="Typed")
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    response = await service.client.get("/customers/lookup", params={"email": email.upper()}, headers=staff)
    found = {match["level"]: match for match in response.json()["customers"]}
    assert set(found) == {"proven", "self_reported"}
    assert (found["proven"]["name"], found["proven"]["plan"], found["proven"]["conversations"]) == ("Proven", "pro", [])
    [conversation] = found["self_reported"]["conversations"]
    assert found["self_reported"]["name"] == "Typed"
    assert (conversation["id"], conversation["ticket_ref"]) == (str(turn.conversation_id), accepted["ticket_ref"])
    assert (await service.client.get(f"/conversations/{conversation['id']}", headers=staff)).status_code == 200
    assert found["proven"]["id"] != found["self_reported"]["id"]


async def test_an_unknown_address_finds_nobody(service: Service, staff: dict[str, str]) -> None:
    response = await service.client.get("/customers/lookup?email=nobody@example.com", headers=staff)
    assert response.json() == {"customers": []}


@pytest.mark.parametrize("query", ["", "?email=", "?email=nobody", "?email=%00@example.com", "?email=" + "x" * 5000])
async def test_a_lookup_needs_an_address(service: Service, staff: dict[str, str], query: str) -> None:
    problem = expect_problem(await service.client.get(f"/customers/lookup{query}", headers=staff), 422)
    assert {error["field"] for error in problem["errors"]} == {"email"}
