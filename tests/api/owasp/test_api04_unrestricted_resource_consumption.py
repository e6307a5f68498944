"""API4:2023 Unrestricted Resource Consumption. Somebody makes the desk work hard at little cost."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from tests.api.service import expect_problem
from tests.api.world import World

META = "/webhooks/whatsapp/meta"


@pytest.mark.parametrize("size", ["0", "-1", "1000000000", "9" * 400, "1e9", "NaN"])
async def test_no_page_is_larger_than_its_bound(world: World, client: httpx.AsyncClient, size: str) -> None:
    lists = [
        "/users",
        "/keys",
        "/tickets",
        "/deliveries",
        "/notices",
        "/knowledge/articles",
        "/knowledge/uploads",
        "/audit",
    ]
    for path in lists:
        expect_problem(await client.get(path, params={"limit": size}, headers=world.admin), 422)


@pytest.mark.parametrize(
    "words",
    [
        '"' * 200,
        "(" * 200,
        "a OR " * 40,
        "-" * 200,
        "-(" * 100,
        "- |" * 66,
        "a & | ! <-> :* " * 13,
        "\\" * 200,
        "%_" * 100,
        "'; DROP TABLE tickets; --",
    ],
)
async def test_no_search_is_a_bomb(world: World, client: httpx.AsyncClient, words: str) -> None:
    answer = await client.get("/tickets", params={"q": words}, headers=world.agent)
    assert answer.status_code == 200, answer.text


async def test_no_body_is_read_beyond_its_bound(world: World, client: httpx.AsyncClient) -> None:
    async def pour() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 1_000_000
            poured.append(1)

    for path in ("/auth/login", "/support/submit", "/tickets", META, "/knowledge/uploads"):
        poured: list[int] = []
        headers = world.admin | {"Content-Type": "application/json"}
        if path == "/knowledge/uploads":
            headers["Content-Type"] = "multipart/form-data; boundary=b"
        answer = await client.post(path, content=pour(), headers=headers)
        assert answer.status_code in {400, 413}, path
        assert len(poured) < 20, path


async def test_neither_nesting_nor_parts_nor_compression_break_a_parser(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"[" * 60_000, b'{"a":' * 10_000, b"1" * 60_000):
        refused = await client.post("/support/submit", content=body, headers=headers)
        assert refused.status_code in {400, 422}
    zipped = await client.post(
        "/support/submit", content=b"\x1f\x8b" * 9, headers=headers | {"Content-Encoding": "gzip"}
    )
    assert zipped.status_code in {400, 422}
    many = {f"field{number}": "x" for number in range(1_000)}
    files = {"file": ("a.md", b"# A")}
    refused = await client.post("/knowledge/uploads", files=files, data=many, headers=world.admin)
    assert refused.status_code in {400, 413, 422}


async def test_a_live_connection_more_than_there_are_places_is_refused(world: World) -> None:
    desk = world.service.desk
    world.service.app.state.desk = replace(desk, feed=type(desk.feed)(0))
    try:
        for path, headers in (
            ("/events", world.agent),
            (f"/support/ticket/{world.owner.ref}/events", world.owner.holding),
        ):
            expect_problem(await world.service.client.get(path, headers=headers), 503)
        expect_problem(await world.service.client.post("/test/queue", headers=world.admin), 503)
    finally:
        world.service.app.state.desk = desk
