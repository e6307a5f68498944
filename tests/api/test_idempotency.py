"""Idempotency-Key: repeating a request is a no-op, however it is repeated."""

import asyncio
from datetime import timedelta

import httpx

from channels.web.parse import parse_submission, scope_key
from core.ids import new_id
from core.settings import Settings
from database import queue
from database.types import TicketRequest
from tests.api.service import FORM, NOW, Service, expect_problem, hold_token, open_service, read_ticket, submit


async def test_the_same_form_under_the_same_key_is_one_ticket(fresh: Service) -> None:
    first = await submit(fresh.client, key="once")
    second = await submit(fresh.client, key="once")
    assert second == first
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 1


async def test_twenty_racing_repetitions_are_one_ticket(fresh: Service) -> None:
    accepted = await asyncio.gather(*(submit(fresh.client, key="race") for _ in range(20)))
    assert len({(one["ticket_ref"], one["ticket_token"]) for one in accepted}) == 1
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 1


async def test_a_lost_race_leaves_no_thread_without_a_message(fresh: Service) -> None:
    request = TicketRequest(
        ref="TF-20261121-0000",
        subject=FORM["subject"],
        category="account",
        priority="high",
        first_reply_due=NOW,
    )
    winner = parse_submission(
        name=FORM["name"],
        email=FORM["email"],
        message=FORM["message"],
        ticket=request,
        external_id=scope_key(FORM["email"], "race"),
    )
    async with fresh.pool.acquire() as conn, fresh.pool.acquire() as observer:
        async with conn.transaction():
            await queue.publish(conn, winner)
            losing = asyncio.ensure_future(submit(fresh.client, key="race"))
            async with asyncio.timeout(60):
                while not await observer.fetchval(
                    "SELECT cardinality(pg_blocking_pids(pid)) > 0 FROM pg_stat_activity"
                    " WHERE application_name = 'nightdesk api' ORDER BY 1 DESC LIMIT 1"
                ):
                    assert not losing.done()
        assert (await losing)["ticket_ref"] == "TF-20261121-0000"
        assert await observer.fetchval("SELECT array_agg(contact) FROM queue_threads") == ["TF-20261121-0000"]


async def test_a_repetition_repeats_the_promise_that_was_given(settings: Settings, database_url: str) -> None:
    times = [NOW, NOW + timedelta(minutes=10)]
    async with open_service(settings, database_url, clock=lambda: times.pop(0)) as service:
        first = await submit(service.client, key="once")
        assert await submit(service.client, key="once") == first


async def test_a_repetition_repeats_the_promise_though_the_plan_has_changed(fresh: Service) -> None:
    first = await submit(fresh.client, key="once")
    async with fresh.pool.acquire() as conn:
        customer_id = await conn.fetchval("INSERT INTO customers (id, plan) VALUES ($1, 'pro') RETURNING id", new_id())
        await conn.execute(
            "INSERT INTO customer_identifiers VALUES ('email', $1, 'proven', $2)", FORM["email"], customer_id
        )
    assert await submit(fresh.client, key="once") == first


async def test_a_key_is_the_same_however_the_address_is_capitalised(client: httpx.AsyncClient) -> None:
    first = await submit(client, key="capital", email="ada@example.com")
    second = await submit(client, key="capital", email="ADA@Example.com")
    assert second["ticket_ref"] == first["ticket_ref"]


async def test_a_repetition_on_the_next_day_has_the_first_reference(settings: Settings, database_url: str) -> None:
    times = [NOW, NOW + timedelta(days=1)]
    async with open_service(settings, database_url, clock=lambda: times.pop(0)) as service:
        first = await submit(service.client, key="once")
        second = await submit(service.client, key="once")
        assert second["ticket_ref"] == first["ticket_ref"] == "TF-20261121-0001"


async def test_another_form_under_a_used_key_is_a_conflict(fresh: Service) -> None:
    await submit(fresh.client, key="once")
    for change in (
        {"name": "Grace"},
        {"subject": "Other"},
        {"category": "billing"},
        {"priority": "low"},
        {"message": "Else?"},
    ):
        response = await fresh.client.post("/support/submit", json=FORM | change, headers={"Idempotency-Key": "once"})
        expect_problem(response, 409)
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 1


async def test_racing_different_forms_under_one_key_are_one_ticket_and_conflicts(fresh: Service) -> None:
    forms = [FORM | {"message": f"Question {number}"} for number in range(10)]
    responses = await asyncio.gather(
        *(fresh.client.post("/support/submit", json=form, headers={"Idempotency-Key": "race"}) for form in forms)
    )
    assert sorted(response.status_code for response in responses) == [202] + [409] * 9


async def test_the_same_key_of_another_customer_is_a_ticket_of_its_own(client: httpx.AsyncClient) -> None:
    hers = await submit(client, key="1", email="grace@example.com")
    his = await submit(client, key="1", email="alan@example.com")
    assert hers["ticket_ref"] != his["ticket_ref"]


async def test_without_a_key_the_same_form_twice_is_two_tickets(client: httpx.AsyncClient) -> None:
    assert (await submit(client))["ticket_ref"] != (await submit(client))["ticket_ref"]


async def test_a_repeated_reply_is_stored_once(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    headers = hold_token(accepted) | {"Idempotency-Key": "again"}
    responses = await asyncio.gather(*(client.post(url, json={"message": "Hello?"}, headers=headers) for _ in range(8)))
    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["message_id"] for response in responses}) == 1
    messages = (await read_ticket(client, accepted))["messages"]
    assert [message["text"] for message in messages] == [FORM["message"], "Hello?"]
    expect_problem(await client.post(url, json={"message": "Else"}, headers=headers), 409)


async def test_the_same_key_on_another_ticket_is_a_message_of_its_own(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        accepted = await submit(client)
        response = await client.post(
            f"/support/ticket/{accepted['ticket_ref']}/messages",
            json={"message": "Hello?"},
            headers=hold_token(accepted) | {"Idempotency-Key": "one"},
        )
        assert response.status_code == 202
        assert len((await read_ticket(client, accepted))["messages"]) == 2
