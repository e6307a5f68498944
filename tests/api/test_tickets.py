"""Tickets opened and read by staff, by machines and by customers who signed in."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from core.settings import Settings
from database.queries import conversations, runs
from tests.api.callers import SignIn
from tests.api.service import FORM, Service, expect_problem, hold_token, issue_key, name_fields, submit
from tests.api.test_staff_routes import describe_run
from tests.api.turns import answer, claim_ticket, deliver, hand_over, take_turn
from workers.resolve import resolve_thread

MATTER = {"subject": "Cannot sign in", "message": "How do I reset my password?", "priority": "high"}
SAMPLE = {"email": "Grace@Example.com", "name": "Grace Hopper"}


async def open_own(service: Service, headers: dict[str, str], **changes: Any) -> dict[str, Any]:
    response = await service.client.post("/tickets", json=MATTER | changes, headers=headers)
    assert response.status_code == 202, response.text
    opened: dict[str, Any] = response.json()
    return opened


async def read(service: Service, ref: str, headers: dict[str, str]) -> httpx.Response:
    return await service.client.get(f"/tickets/{ref}", headers=headers)


async def test_a_customer_who_signed_in_sees_their_ticket_at_once_and_nobody_else_does(
    service: Service, sign_in: SignIn
) -> None:
    headers, _, _ = await sign_in.customer()
    stranger, _, _ = await sign_in.customer("Somebody Else")
    opened = await open_own(service, headers)
    assert opened["status"] == "open"
    response = await read(service, opened["ticket_ref"], headers)
    assert response.status_code == 200
    assert [message["text"] for message in response.json()["messages"]] == [MATTER["message"]]
    expect_problem(await read(service, opened["ticket_ref"], stranger), 404)
    page = await service.client.get(opened["status_url"])
    assert page.json() == response.json()


async def test_the_conversation_of_an_own_ticket_is_that_customers_and_proven(
    service: Service, sign_in: SignIn
) -> None:
    headers, _, customer_id = await sign_in.customer()
    opened = await open_own(service, headers)
    turn = await take_turn(service.pool, opened["ticket_ref"])
    async with service.pool.acquire() as conn:
        state = await conversations.load_state(conn, turn.conversation_id)
    assert (state.customer_id, state.identity_level, state.contact_name) == (customer_id, "proven", "Ada Byron")
    assert (await read(service, opened["ticket_ref"], headers)).status_code == 200


async def test_a_worker_gives_an_own_ticket_to_the_customer_who_signed_in(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, _, customer_id = await SignIn(fresh).customer()
    opened = await open_own(fresh, headers)
    async with fresh.pool.acquire() as conn:
        lease = await claim_ticket(conn, opened["ticket_ref"])
        state = await resolve_thread(conn, lease, Settings.model_construct().ticket)
    assert (state.customer_id, state.identity_level) == (customer_id, "proven")


async def test_who_is_named_by_staff_has_proven_nothing(service: Service, sign_in: SignIn) -> None:
    own, email, customer_id = await sign_in.customer()
    key = {"X-API-Key": await issue_key(service.pool, "tickets:write")}
    opened = await open_own(service, key, customer={"email": email.upper(), "name": "Ada"})
    turn = await take_turn(service.pool, opened["ticket_ref"])
    async with service.pool.acquire() as conn:
        state = await conversations.load_state(conn, turn.conversation_id)
    assert state.identity_level == "self_reported"
    assert state.customer_id != customer_id
    expect_problem(await read(service, opened["ticket_ref"], own), 404)


async def test_staff_name_the_customer_and_customers_name_nobody(service: Service, sign_in: SignIn) -> None:
    customer, _, _ = await sign_in.customer()
    staff, _ = await sign_in.staff()
    for headers, body in ((staff, MATTER), (customer, MATTER | {"customer": SAMPLE})):
        response = await service.client.post("/tickets", json=body, headers=headers)
        assert name_fields(expect_problem(response, 422)) == {"customer"}


async def test_a_customer_whose_proof_is_gone_is_told_what_to_do(service: Service, sign_in: SignIn) -> None:
    headers, email, _ = await sign_in.customer()
    async with service.pool.acquire() as conn:
        await conn.execute("DELETE FROM customer_identifiers WHERE value = $1", email)
    problem = expect_problem(await service.client.post("/tickets", json=MATTER, headers=headers), 409)
    assert "form" in problem["detail"]


async def test_a_ticket_is_opened_once_under_one_key_of_one_caller(service: Service, sign_in: SignIn) -> None:
    staff, _ = await sign_in.staff()
    other, _ = await sign_in.staff("Another")
    body, key = MATTER | {"customer": SAMPLE}, {"Idempotency-Key": uuid4().hex}

    async def send(headers: dict[str, str], **changes: str) -> httpx.Response:
        return await service.client.post("/tickets", json=body | changes, headers=headers | key)

    first, again, others = await send(staff), await send(staff), await send(other)
    assert first.json() == again.json()
    assert others.json()["ticket_ref"] != first.json()["ticket_ref"]
    expect_problem(await send(staff, message="Something else"), 409)


async def test_staff_see_everything_of_a_ticket(service: Service, sign_in: SignIn) -> None:
    staff, _ = await sign_in.staff()
    accepted = await submit(service.client)
    turn = await take_turn(service.pool, accepted["ticket_ref"])
    async with service.pool.acquire() as conn:
        await runs.add_run(conn, describe_run(turn.conversation_id))
    await answer(service.pool, turn, "Choose “Forgot password”.")
    await deliver(service.pool, turn)
    ticket = (await read(service, accepted["ticket_ref"], staff)).json()
    assert (ticket["status"], ticket["owner"], ticket["channel"]) == ("auto_resolved", "agent", "web")
    assert ticket["allowed"] == ["reply", "escalate", "close"]
    assert (ticket["customer"]["contact_name"], ticket["customer"]["identity_level"]) == (FORM["name"], "self_reported")
    assert [(m["author"], m["delivery"]) for m in ticket["messages"]] == [("customer", None), ("assistant", "sent")]
    [run] = ticket["runs"]
    assert (run["action"], run["tool_calls"][0]["tool"]) == ("answer", "search_knowledge_base")
    assert ticket["sla"] == accepted["sla"] | {"first_reply_minutes": ticket["sla"]["first_reply_minutes"]}
    assert (ticket["notes"], ticket["feedback"], ticket["assignee"]) == ([], [], None)


async def test_a_customer_sees_of_a_handover_what_the_page_shows(service: Service, sign_in: SignIn) -> None:
    headers, _, _ = await sign_in.customer()
    opened = await open_own(service, headers)
    turn = await take_turn(service.pool, opened["ticket_ref"])
    await hand_over(service.pool, turn, "legal")
    response = await read(service, opened["ticket_ref"], headers)
    assert response.json()["team"] == "Legal team"
    assert "internal" not in response.text
    assert response.json() == (await service.client.get(opened["status_url"])).json()


async def test_staff_see_a_ticket_that_no_worker_has_read_as_its_page(service: Service, sign_in: SignIn) -> None:
    staff, _ = await sign_in.staff()
    accepted = await submit(service.client)
    ticket = (await read(service, accepted["ticket_ref"], staff)).json()
    assert (ticket["status"], ticket["answering"]) == ("open", True)
    assert [message["text"] for message in ticket["messages"]] == [FORM["message"]]


async def test_a_tickets_token_is_no_key_to_these_routes(service: Service) -> None:
    accepted = await submit(service.client)
    expect_problem(await read(service, accepted["ticket_ref"], hold_token(accepted)), 401)


@pytest.mark.parametrize("ref", ["TF-20261121-9999", "x", "0"])
async def test_an_unknown_ticket_is_not_found(service: Service, sign_in: SignIn, ref: str) -> None:
    staff, _ = await sign_in.staff()
    expect_problem(await read(service, ref, staff), 404)


@pytest.mark.parametrize("ref", ["%00", "x" * 41, "TF_1", "%F0%9F%98%80"])
async def test_what_is_no_reference_is_refused_by_name(service: Service, sign_in: SignIn, ref: str) -> None:
    staff, _ = await sign_in.staff()
    assert name_fields(expect_problem(await read(service, ref, staff), 422)) == {"ref"}
