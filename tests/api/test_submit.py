"""Submitting the form: what is promised, and that it is stored by the time it is promised."""

import asyncio
import re
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from core.ids import new_id
from core.settings import ApiSettings, Settings, TicketSettings
from database.pool import DbPool
from tests.api.service import FORM, NOW, Service, expect_problem, hold_token, open_service, read_ticket, submit
from tests.api.turns import woken


async def add_customer(pool: DbPool, plan: str) -> str:
    """A customer on this plan; returns the address they hold."""
    email = f"{uuid4().hex}@example.com"
    async with pool.acquire() as conn:
        customer_id = await conn.fetchval(
            "INSERT INTO customers (id, plan) VALUES ($1, $2) RETURNING id", new_id(), plan
        )
        await conn.execute("INSERT INTO customer_identifiers VALUES ('email', $1, 'proven', $2)", email, customer_id)
    return email


async def count_rows(pool: DbPool) -> tuple[int, int, int]:
    """How many messages, threads and days with a counter there are."""
    async with pool.acquire() as conn:
        return tuple(
            await conn.fetchrow(
                "SELECT (SELECT count(*) FROM message_queue), (SELECT count(*) FROM queue_threads),"
                " (SELECT count(*) FROM ticket_days)"
            )
            or ()
        )


async def test_a_submission_is_answered_with_reference_token_promise_and_address(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    assert set(accepted) == {"ticket_ref", "ticket_token", "sla", "status_url"}
    assert set(accepted["sla"]) == {"first_reply_minutes", "first_reply_by"}
    assert accepted["status_url"] == f"/support/ticket/{accepted['ticket_ref']}?token={accepted['ticket_token']}"


async def test_a_reference_carries_the_day_of_the_clock_and_a_four_digit_number(fresh: Service) -> None:
    refs = [(await submit(fresh.client))["ticket_ref"] for _ in range(3)]
    assert refs == ["TF-20261121-0001", "TF-20261121-0002", "TF-20261121-0003"]


async def test_the_ten_thousandth_ticket_of_a_day_has_five_digits_and_opens(fresh: Service) -> None:
    async with fresh.pool.acquire() as conn:
        await conn.execute("INSERT INTO ticket_days VALUES ($1, 9998)", NOW.date())
    assert (await submit(fresh.client))["ticket_ref"] == "TF-20261121-9999"
    accepted = await submit(fresh.client)
    assert accepted["ticket_ref"] == "TF-20261121-10000"
    assert (await read_ticket(fresh.client, accepted))["ticket_ref"] == "TF-20261121-10000"


async def test_concurrent_submissions_get_references_of_their_own(fresh: Service) -> None:
    accepted = await asyncio.gather(*(submit(fresh.client) for _ in range(30)))
    assert len({one["ticket_ref"] for one in accepted}) == 30
    assert len({one["ticket_token"] for one in accepted}) == 30


async def test_the_prefix_of_references_is_a_setting(settings: Settings, database_url: str) -> None:
    renamed = settings.model_copy(update={"ticket": TicketSettings(prefix="HELP")})
    async with open_service(renamed, database_url) as service:
        assert (await submit(service.client))["ticket_ref"] == "HELP-20261121-0001"


async def test_the_day_of_a_reference_changes_at_midnight_utc(settings: Settings, database_url: str) -> None:
    times = [NOW.replace(hour=23, minute=59, second=59), NOW.replace(hour=0) + timedelta(days=1)]
    async with open_service(settings, database_url, clock=lambda: times.pop(0)) as service:
        assert (await submit(service.client))["ticket_ref"] == "TF-20261121-0001"
        assert (await submit(service.client))["ticket_ref"] == "TF-20261122-0001"


async def test_the_status_url_is_whole_when_the_public_address_is_known(settings: Settings, database_url: str) -> None:
    public = settings.model_copy(update={"api": ApiSettings(public_url="https://help.example")})
    async with open_service(public, database_url) as service:
        accepted = await submit(service.client)
        assert accepted["status_url"].startswith("https://help.example/support/ticket/TF-")
        assert (await read_ticket(service.client, accepted))["ticket_ref"] == accepted["ticket_ref"]


@pytest.mark.parametrize(("plan", "minutes"), [("free", 24 * 60), ("pro", 8 * 60), ("enterprise", 60)])
async def test_the_promise_is_that_of_the_customers_plan(service: Service, plan: str, minutes: int) -> None:
    email = await add_customer(service.pool, plan)
    sla = (await submit(service.client, email=email))["sla"]
    assert sla["first_reply_minutes"] == minutes
    assert datetime.fromisoformat(sla["first_reply_by"]) == NOW + timedelta(minutes=minutes)


async def test_the_promise_holds_however_the_address_is_capitalised(service: Service) -> None:
    email = await add_customer(service.pool, "enterprise")
    assert (await submit(service.client, email=email.upper()))["sla"]["first_reply_minutes"] == 60


async def test_an_unknown_address_has_the_promise_of_the_free_plan(client: httpx.AsyncClient) -> None:
    accepted = await submit(client, email=f"{uuid4().hex}@example.com")
    assert accepted["sla"]["first_reply_minutes"] == 24 * 60


async def test_a_plan_without_a_promise_has_that_of_the_free_plan(service: Service) -> None:
    email = await add_customer(service.pool, "legacy")
    assert (await submit(service.client, email=email))["sla"]["first_reply_minutes"] == 24 * 60


async def test_the_ticket_shows_the_promise_that_was_given(service: Service) -> None:
    email = await add_customer(service.pool, "pro")
    accepted = await submit(service.client, email=email)
    shown = (await read_ticket(service.client, accepted))["sla"]
    assert datetime.fromisoformat(shown["first_reply_by"]) == datetime.fromisoformat(accepted["sla"]["first_reply_by"])


async def test_the_message_is_committed_before_it_is_accepted(fresh: Service) -> None:
    accepted = await submit(fresh.client)
    async with fresh.pool.acquire() as conn:
        row = await conn.fetchrow(
            "SELECT t.ready_at <= now() AS claimable, m.payload ->> 'text' AS text"
            "  FROM queue_threads t JOIN message_queue m ON m.thread_id = t.id WHERE t.contact = $1",
            accepted["ticket_ref"],
        )
    assert row is not None
    assert row["claimable"]
    assert row["text"] == FORM["message"]


async def test_a_submission_and_a_reply_wake_the_workers(fresh: Service, database_url: str) -> None:
    async with asyncio.timeout(60):
        async with woken(database_url) as event:
            accepted = await submit(fresh.client)
            await event.wait()
        async with woken(database_url) as event:
            url = f"/support/ticket/{accepted['ticket_ref']}/messages"
            await fresh.client.post(url, json={"message": "Hello?"}, headers=hold_token(accepted))
            await event.wait()


async def test_a_refused_submission_leaves_nothing_behind(fresh: Service) -> None:
    response = await fresh.client.post("/support/submit", json=FORM | {"email": "nobody"})
    expect_problem(response, 422)
    assert await count_rows(fresh.pool) == (0, 0, 0)


async def test_a_closed_form_takes_no_tickets_and_still_takes_replies(fresh: Service) -> None:
    accepted = await submit(fresh.client)
    async with fresh.pool.acquire() as conn:
        await conn.execute("UPDATE channel_configs SET enabled = false WHERE channel = 'web' AND inbox = 'form'")
    response = await fresh.client.post("/support/submit", json=FORM)
    expect_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    assert (await fresh.client.post(url, json={"message": "?"}, headers=hold_token(accepted))).status_code == 202
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM queue_threads") == 1


async def test_a_quiet_period_delays_the_worker_and_not_the_view(fresh: Service) -> None:
    async with fresh.pool.acquire() as conn:
        await conn.execute("UPDATE channel_configs SET quiet_seconds = 8 WHERE channel = 'web' AND inbox = 'form'")
    accepted = await submit(fresh.client)
    async with fresh.pool.acquire() as conn:
        wait = await conn.fetchval("SELECT extract(epoch FROM ready_at - now()) FROM queue_threads")
    assert 5 < wait <= 8
    assert (await read_ticket(fresh.client, accepted))["answering"]


async def test_category_and_priority_may_be_left_out(client: httpx.AsyncClient) -> None:
    form = {key: value for key, value in FORM.items() if key not in {"category", "priority"}}
    response = await client.post("/support/submit", json=form)
    assert response.status_code == 202
    ticket = await read_ticket(client, response.json())
    assert (ticket["category"], ticket["priority"]) == ("general", "medium")


async def test_a_token_has_256_bits_and_cannot_be_made_without_the_secret(
    settings: Settings, database_url: str
) -> None:
    tokens = set()
    for secret in ("a" * 32, "b" * 32):
        async with open_service(settings, database_url, secret_key=secret) as service:
            async with service.pool.acquire() as conn:
                await conn.execute("DELETE FROM ticket_days")
            tokens.add(service.desk.make_ticket_token("TF-20261121-0001"))
    assert len(tokens) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", token) for token in tokens)
