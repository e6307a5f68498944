"""API5:2023 Broken Function Level Authorization.

Somebody calls a function of those above them. Every route × every caller: test_access_matrix.py.
"""

import httpx

from tests.api.service import expect_problem
from tests.api.world import World


async def test_no_detour_leads_to_an_admins_route(world: World, client: httpx.AsyncClient) -> None:
    detours = [
        "/./users",
        "/health/../users",
        "/users/",
        "/users;a=b",
        "/USERS",
        "/%75sers",
        "/users%2f",
        "/users.json",
    ]
    for headers in ({}, world.owner.headers, world.agent):
        for path in detours:
            answer = await client.get(path, headers=headers, follow_redirects=True)
            assert answer.status_code in {401, 403, 404}, path


async def test_no_header_and_no_other_verb_changes_what_is_called(world: World, client: httpx.AsyncClient) -> None:
    tricks = {
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/users",
        "X-Rewrite-URL": "/users",
        "X-User-Role": "admin",
    }
    answer = await client.get(f"/keys/{world.ids['key_id']}", headers=world.admin | tricks)
    expect_problem(answer, 405)
    assert (await client.get("/health", headers=tricks)).json()["status"] == "ok"
    for verb in ("HEAD", "TRACE", "CONNECT", "PUT", "DELETE", "PROPFIND", "get"):
        answer = await client.request(verb, "/users", headers=world.agent)
        assert answer.status_code in {403, 405}, verb


async def test_nobody_promotes_themselves(world: World, client: httpx.AsyncClient) -> None:
    for headers in (world.agent, world.owner.headers):
        path = f"/users/{world.agent_id}"
        expect_problem(await client.patch(path, json={"role": "admin"}, headers=headers), 403)
        key = {"name": "mine", "scopes": ["admin"]}
        expect_problem(await client.post("/keys", json=key, headers=headers), 403)
    assert (await client.get("/auth/me", headers=world.agent)).json()["role"] == "agent"
