"""API keys are made, listed and revoked by admins, and shown once."""

from uuid import uuid4

import pytest

from tests.api.people import bear, hire, open_browser
from tests.api.service import Service, expect_problem, issue_key, name_fields


@pytest.fixture
async def headers(fresh: Service) -> dict[str, str]:
    """Of an admin."""
    async with open_browser(fresh) as browser:
        return bear(await browser.sign_in((await hire(fresh.pool, "admin")).email))


async def test_a_key_is_shown_once_opens_its_scopes_and_is_listed_by_its_beginning(
    fresh: Service, headers: dict[str, str]
) -> None:
    body = {"name": "reporting", "scopes": ["tickets:read", "tickets:read"], "tier": "high", "days": 30}
    made = await fresh.client.post("/keys", json=body, headers=headers)
    assert made.status_code == 201
    key = made.json()["key"]
    assert (await fresh.client.get("/notices", headers={"X-API-Key": key})).status_code == 200
    expect_problem(await fresh.client.get("/keys", headers={"X-API-Key": key}), 403)
    listed = await fresh.client.get("/keys", headers=headers)
    (shown,) = listed.json()["keys"]
    assert (shown["name"], shown["scopes"], shown["tier"]) == ("reporting", ["tickets:read"], "high")
    assert key.startswith(shown["prefix"])
    assert len(shown["prefix"]) == 11
    assert shown["last_used_at"] is not None
    assert shown["expires_at"] is not None
    assert key not in listed.text


async def test_a_revoked_key_opens_nothing_from_then_on_and_stays_in_the_list(
    fresh: Service, headers: dict[str, str]
) -> None:
    made = (await fresh.client.post("/keys", json={"name": "x", "scopes": ["admin"]}, headers=headers)).json()
    assert (made["expires_at"], made["revoked_at"]) == (None, None)
    with_key = {"X-API-Key": made["key"]}
    for _ in range(2):
        assert (await fresh.client.delete(f"/keys/{made['id']}", headers=headers)).status_code == 204
        expect_problem(await fresh.client.get("/keys", headers=with_key), 401)
    (shown,) = (await fresh.client.get("/keys", headers=headers)).json()["keys"]
    assert shown["revoked_at"] is not None
    expect_problem(await fresh.client.delete(f"/keys/{uuid4()}", headers=headers), 404)


async def test_keys_are_listed_in_pages_the_newest_first(fresh: Service, headers: dict[str, str]) -> None:
    for number in range(3):
        body = {"name": f"key {number}", "scopes": ["metrics:read"]}
        await fresh.client.post("/keys", json=body, headers=headers)
    first = (await fresh.client.get("/keys?limit=2", headers=headers)).json()
    second = (await fresh.client.get(f"/keys?limit=2&before={first['next']}", headers=headers)).json()
    assert [key["name"] for key in first["keys"] + second["keys"]] == ["key 2", "key 1", "key 0"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [
        ({"scopes": []}, {"scopes"}),
        ({"scopes": ["everything"]}, {"scopes.0"}),
        ({"tier": "free"}, {"tier"}),
        ({"days": 0}, {"days"}),
        ({"days": 10**30}, {"days"}),
        ({"name": " "}, {"name"}),
        ({"key": "nd_mine"}, {"key"}),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    changes: dict[str, object], blamed: set[str], fresh: Service, headers: dict[str, str]
) -> None:
    body = {"name": "x", "scopes": ["admin"]} | changes
    response = await fresh.client.post("/keys", json=body, headers=headers)
    assert name_fields(expect_problem(response, 422)) == blamed


@pytest.mark.parametrize(("method", "path"), [("GET", "/keys"), ("POST", "/keys"), ("DELETE", f"/keys/{uuid4()}")])
async def test_keys_are_for_admins(method: str, path: str, service: Service) -> None:
    key = await issue_key(service.pool, "tickets:read", "tickets:write", "metrics:read")
    expect_problem(await service.client.request(method, path, json={}, headers={"X-API-Key": key}), 403)
    expect_problem(await service.client.request(method, path, json={}), 401)
