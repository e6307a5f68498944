"""API8:2023 Security Misconfiguration. Somebody uses what was left open around the routes."""

import httpx

from tests.api.service import expect_problem
from tests.api.world import World

FOREIGN = "https://evil.example.com"


async def test_another_sites_page_reads_nothing(world: World, client: httpx.AsyncClient) -> None:
    for origin in (FOREIGN, "null", "http://desk.test.evil.example.com"):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        preflight = await client.options("/tickets", headers=asked)
        answer = await client.get("/tickets", headers=world.agent | {"Origin": origin})
        for response in (preflight, answer):
            assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_another_sites_page_signs_nobody_in_or_out(client: httpx.AsyncClient) -> None:
    for origin in (FOREIGN, "null", ""):
        for path in ("/auth/login", "/auth/refresh", "/auth/logout"):
            body = {"email": "a@example.com", "password": "x"}
            expect_problem(await client.post(path, json=body, headers={"Origin": origin}), 403)


async def test_every_answer_is_guarded(world: World, client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/health"),
        await client.get("/nowhere"),
        await client.get("/users"),
        await client.put("/users"),
        await client.get("/users", headers=world.admin),
        await client.post("/support/submit", content=b"{"),
    ]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


async def test_a_wrong_request_is_told_nothing_of_the_inside(world: World, client: httpx.AsyncClient) -> None:
    for path in (
        "/users/x",
        "/tickets?limit=x",
        "/audit?since=x",
        "/%00",
        "/assets/../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/api/main.py",
    ):
        text = (await client.get(path, headers=world.admin)).text.lower()
        assert not [
            word for word in ("traceback", "asyncpg", "pydantic", "select ", "root:", "import ") if word in text
        ]
