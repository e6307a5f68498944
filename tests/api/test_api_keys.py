"""Staff routes are closed to everybody without a key that carries their scope."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.service import Service, expect_problem, hold_token, issue_key, submit

ROUTES = [
    ("GET", f"/conversations/{uuid4()}", "tickets:read", 404),
    ("GET", "/customers/lookup?email=a@example.com", "customers:read", 200),
    ("GET", "/deliveries", "tickets:read", 200),
    ("GET", "/notices", "tickets:read", 200),
    ("GET", f"/attachments/{uuid4()}", "tickets:read", 404),
    ("POST", f"/deliveries/{uuid4()}/verdict", "tickets:write", 422),
    ("POST", f"/conversations/{uuid4()}/identity", "tickets:write", 422),
    ("POST", "/test/queue", "admin", 504),
]
EACH_ROUTE = pytest.mark.parametrize(
    ("method", "path", "scope", "inside"), ROUTES, ids=[path for _, path, *_ in ROUTES]
)


async def call(client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """Call a staff route; a probe waits for the workers that tests do not have as shortly as it can."""
    arguments: dict[str, Any] = {"json": {"timeout_seconds": 0.01}} if method == "POST" else {}
    return await client.request(method, path, headers=headers, **arguments)


@EACH_ROUTE
async def test_nobody_enters_without_a_key(
    client: httpx.AsyncClient, method: str, path: str, scope: str, inside: int
) -> None:
    response = await call(client, method, path, {})
    expect_problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@EACH_ROUTE
async def test_nobody_enters_with_a_wrong_key(
    client: httpx.AsyncClient, method: str, path: str, scope: str, inside: int
) -> None:
    for key in ("nd_wrong", " ", "x" * 10_000, "Bearer", "' OR ''='"):
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            expect_problem(await call(client, method, path, headers), 401)


@EACH_ROUTE
async def test_nobody_enters_with_a_key_without_the_scope(
    service: Service, method: str, path: str, scope: str, inside: int
) -> None:
    others = {"tickets:read", "customers:read"} - {scope}
    key = await issue_key(service.pool, *others, f"{scope}:more", scope[:-1], scope.upper())
    response = await call(service.client, method, path, {"X-API-Key": key})
    assert scope in expect_problem(response, 403)["detail"]


@EACH_ROUTE
async def test_nobody_enters_with_a_revoked_key(
    service: Service, method: str, path: str, scope: str, inside: int
) -> None:
    key = await issue_key(service.pool, scope)
    headers = {"X-API-Key": key}
    assert (await call(service.client, method, path, headers)).status_code == inside
    async with service.pool.acquire() as conn:
        await conn.execute("UPDATE api_keys SET revoked_at = now()")
    expect_problem(await call(service.client, method, path, headers), 401)


@EACH_ROUTE
async def test_a_key_with_the_scope_enters_in_either_header(
    service: Service, method: str, path: str, scope: str, inside: int
) -> None:
    key = await issue_key(service.pool, scope)
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": f"bearer {key}"}):
        assert (await call(service.client, method, path, headers)).status_code == inside


@EACH_ROUTE
async def test_a_key_with_admin_enters_everywhere(
    service: Service, method: str, path: str, scope: str, inside: int
) -> None:
    key = await issue_key(service.pool, "admin")
    assert (await call(service.client, method, path, {"X-API-Key": key})).status_code == inside


@EACH_ROUTE
async def test_another_kind_of_credentials_is_no_key(
    service: Service, method: str, path: str, scope: str, inside: int
) -> None:
    key = await issue_key(service.pool, scope)
    expect_problem(await call(service.client, method, path, {"Authorization": f"Basic {key}"}), 401)
    expect_problem(await call(service.client, method, f"{path}{'&' if '?' in path else '?'}key={key}", {}), 401)


@EACH_ROUTE
async def test_the_token_of_a_ticket_is_no_key(
    client: httpx.AsyncClient, method: str, path: str, scope: str, inside: int
) -> None:
    accepted = await submit(client)
    expect_problem(await call(client, method, path, hold_token(accepted)), 401)


async def test_a_key_does_not_open_a_ticket(service: Service) -> None:
    key = await issue_key(service.pool, "admin")
    accepted = await submit(service.client)
    response = await service.client.get(
        f"/support/ticket/{accepted['ticket_ref']}", headers={"Authorization": f"Bearer {key}"}
    )
    expect_problem(response, 404)


async def test_a_caller_without_a_key_learns_nothing_from_the_checks_of_the_request(client: httpx.AsyncClient) -> None:
    expect_problem(await client.get("/conversations/not-a-uuid"), 401)
    expect_problem(await client.get("/customers/lookup?email=nobody"), 401)
    expect_problem(await client.get("/customers/lookup"), 401)
    expect_problem(await client.post("/test/queue", json={"unknown": 1}), 401)


async def test_a_used_key_is_noted_and_stored_only_as_a_hash(fresh: Service) -> None:
    key = await issue_key(fresh.pool, "customers:read")
    await fresh.client.get("/customers/lookup?email=a@example.com", headers={"X-API-Key": key})
    async with fresh.pool.acquire() as conn:
        row = await conn.fetchrow("SELECT last_used_at, key_hash, api_keys::text AS whole FROM api_keys")
    assert row is not None
    assert row["last_used_at"] is not None
    assert key not in row["whole"]
