"""Rate limits: by address, by customer and by caller, over all processes, and never where they would do harm."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from api.access import Open, list_declarations
from api.limits import Policy, PolicyName, RateLimits, list_policies
from api.openapi import list_routes
from api.tokens import make_access_token, read_access_token
from core.settings import RateSettings, Settings, SettingsError, load_settings
from tests.api.callers import SignIn
from tests.api.people import bear
from tests.api.service import FORM, SECRET_KEY, Service, expect_problem, hold_token, issue_key, open_service, submit

# Open routes, and why nobody is counted there. All others count: tickets by their holder, the rest by its caller.
UNCOUNTED = {
    "GET /": "a file",
    "GET /docs": "a file",
    "GET /ticket/{ref}": "a file",
    "GET /health": "asked every second by whatever keeps the desk running",
    "GET /health/ready": "the same",
    "GET /health/detailed": "the same",
    "GET /webhooks/{address:path}": "vendors call from few addresses, and often",
    "POST /webhooks/{address:path}": "the same; each is signed",
    "GET /desk": "a file",
    "GET /desk/{path:path}": "a file",
    "POST /auth/login": "tries are counted there with pauses that grow, by account and by address",
    "POST /auth/logout": "a cookie of ours ends one session, and any other does nothing",
}
COUNTED_THERE = {"POST /support/submit", "POST /auth/refresh"}
SELDOM = 0.01  # a minute: nothing comes back while a test runs
POLICIES: dict[PolicyName, Policy] = {name: Policy(3, SELDOM) for name in ("form", "ticket", "refused", "standard")}
POLICIES["form_email"] = Policy(2, SELDOM)


def limit(service: Service, policies: dict[PolicyName, Policy]) -> None:
    """Let these limits hold in an application."""
    limits = RateLimits(service.desk.pool, policies, SECRET_KEY)
    service.app.state.desk = replace(service.desk, limits=limits)


@pytest.fixture
async def limited(fresh: Service) -> Service:
    """An application with narrow limits."""
    limit(fresh, POLICIES)
    return fresh


def come_from(service: Service, address: str) -> httpx.AsyncClient:
    """A client at an address."""
    transport = httpx.ASGITransport(service.app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.test")


async def fill_in(client: httpx.AsyncClient, email: str | None = None) -> httpx.Response:
    return await client.post("/support/submit", json=FORM | {"email": email or f"{uuid4().hex}@example.com"})


def expect_too_many(response: httpx.Response) -> None:
    """Check that it says when to come again, in whole seconds."""
    problem = expect_problem(response, 429)
    seconds = int(response.headers["retry-after"])
    assert 1 <= seconds <= 60 / SELDOM
    assert f"{seconds} seconds" in problem["detail"]


async def test_one_address_sends_so_many_forms_and_another_is_not_kept_waiting(limited: Service) -> None:
    async with come_from(limited, "192.0.2.1") as ours, come_from(limited, "192.0.2.2") as theirs:
        assert [(await fill_in(ours)).status_code for _ in range(3)] == [202] * 3
        expect_too_many(await fill_in(ours))
        assert (await fill_in(theirs)).status_code == 202


async def test_a_subscriber_with_many_ipv6_addresses_is_one(limited: Service) -> None:
    for host in range(3):
        async with come_from(limited, f"2001:db8:0:1::{host}") as client:
            assert (await fill_in(client)).status_code == 202
    async with come_from(limited, "2001:db8:0:1:ffff::9") as client, come_from(limited, "2001:db8:0:2::1") as other:
        expect_too_many(await fill_in(client))
        assert (await fill_in(other)).status_code == 202


async def test_one_customer_sends_so_many_forms_from_wherever(limited: Service) -> None:
    for address, status in (("192.0.2.1", 202), ("192.0.2.2", 202), ("192.0.2.3", 429)):
        async with come_from(limited, address) as client:
            assert (await fill_in(client, "Ada@example.com")).status_code == status


async def test_a_form_that_is_refused_leaves_nothing_behind(limited: Service) -> None:
    for _ in range(4):
        await fill_in(limited.client)
    async with limited.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM message_queue") == 3


async def test_the_holder_of_a_ticket_asks_so_often_and_other_tickets_are_others(limited: Service) -> None:
    first, second = await submit(limited.client), await submit(limited.client)
    path = f"/support/ticket/{first['ticket_ref']}"
    assert [(await limited.client.get(path, headers=hold_token(first))).status_code for _ in range(3)] == [200] * 3
    expect_too_many(await limited.client.get(path, headers=hold_token(first)))
    expect_too_many(await limited.client.post(f"{path}/messages", json={"message": "x"}, headers=hold_token(first)))
    assert (await limited.client.get(second["status_url"])).status_code == 200


async def test_each_key_asks_so_often_from_wherever(limited: Service) -> None:
    mine, other = [{"X-API-Key": await issue_key(limited.pool, "tickets:read")} for _ in range(2)]
    for number, status in enumerate((200, 200, 200, 429)):
        async with come_from(limited, f"192.0.2.{number}") as client:
            assert (await client.get("/notices", headers=mine)).status_code == status
    assert (await limited.client.get("/notices", headers=other)).status_code == 200


async def test_whoever_guesses_is_stopped_and_whoever_knows_is_not(limited: Service) -> None:
    key = {"X-API-Key": await issue_key(limited.pool, "tickets:read")}
    accepted = await submit(limited.client)
    ticket = f"/support/ticket/{accepted['ticket_ref']}"
    guess = {"Authorization": "Bearer guessed"}
    assert (await limited.client.get("/notices", headers={"X-API-Key": "guessed"})).status_code == 401
    assert [(await limited.client.get(ticket, headers=guess)).status_code for _ in range(3)] == [404, 404, 429]
    expect_too_many(await limited.client.get("/notices", headers=guess))
    assert (await limited.client.get("/notices", headers=key)).status_code == 200
    assert (await limited.client.get(accepted["status_url"])).status_code == 200


async def test_whoever_guesses_at_the_open_page_of_health_is_stopped_there_too(limited: Service) -> None:
    guess = {"X-API-Key": "nd_guess"}
    statuses = [(await limited.client.get("/health/detailed", headers=guess)).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert (await limited.client.get("/health/detailed")).status_code == 200


async def test_a_token_whose_time_is_over_is_told_so_however_many_keys_were_guessed_there(limited: Service) -> None:
    headers, _ = await SignIn(limited).staff()
    token = read_access_token(SECRET_KEY, headers["Authorization"].split()[1], now=limited.desk.clock())
    assert token is not None
    old = bear(make_access_token(SECRET_KEY, token, now=limited.desk.clock() - timedelta(hours=1), minutes=15))
    for _ in range(5):
        expect_problem(await limited.client.get("/notices", headers=old), 401)
    statuses = [(await limited.client.get("/notices", headers=bear("nd_guess"))).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    expect_problem(await limited.client.get("/notices", headers=old), 401)


async def test_pages_health_and_vendors_are_never_refused(limited: Service) -> None:
    for path in ("/", "/docs", "/health", "/health/detailed", "/openapi.json", "/webhooks/nobody"):
        statuses = {(await limited.client.get(path)).status_code for _ in range(10)}
        assert 429 not in statuses


async def test_every_open_route_counts_or_says_why_not(service: Service) -> None:
    open_routes = {
        f"{method} {route.path}"
        for route in list_routes(service.app)
        for method in route.methods or ()
        if any(isinstance(access, Open) for access in list_declarations(route.dependant))
    }
    assert open_routes == set(UNCOUNTED) | COUNTED_THERE


async def test_exactly_so_many_pass_over_two_processes_at_once(settings: Settings, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(open_service(settings, database_url)) for _ in range(2)]
        for service in services:
            limit(service, {"form": Policy(25, SELDOM)})
        answers = await asyncio.gather(*(fill_in(services[number % 2].client) for number in range(200)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(202), statuses.count(429)) == (25, 175)


async def test_nobody_is_named_in_the_table_of_limits(limited: Service) -> None:
    async with come_from(limited, "192.0.2.1") as client:
        await fill_in(client, "ada@example.com")
    async with limited.pool.acquire() as conn:
        rows = await conn.fetch("SELECT r::text AS text FROM rate_limits r")
    assert len(rows) == 2
    assert not any("ada" in row["text"] or "192.0.2" in row["text"] for row in rows)


async def test_two_desks_on_one_database_are_counted_apart_by_their_keys(limited: Service) -> None:
    for _ in range(3):
        await limited.desk.limits.spend({"form": "192.0.2.1"})
    await RateLimits(limited.desk.pool, POLICIES, "t" * 32).spend({"form": "192.0.2.1"})


def test_the_settings_say_how_often_and_whether_at_all() -> None:
    policies = list_policies(RateSettings(form_per_minute=7, caller_per_minute=11))
    assert policies["form"] == Policy(14, 7)
    assert (policies["standard"].per_minute, policies["high"].per_minute) == (11, 110)
    assert "unlimited" not in policies
    assert list_policies(RateSettings(limits=False)) == {}


async def test_limits_are_on_unless_somebody_switches_them_off(settings: Settings, database_url: str) -> None:
    narrow = settings.model_copy(update={"rate": RateSettings(form_per_minute=1)})
    async with open_service(narrow, database_url) as service:
        statuses = [(await fill_in(service.client)).status_code for _ in range(4)]
    assert statuses[:2] == [202, 202]
    assert 429 in statuses[2:]


def test_production_refuses_to_run_without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("RATE_LIMITS", "false")
    with pytest.raises(SettingsError, match="RATE_LIMITS"):
        load_settings(None)
