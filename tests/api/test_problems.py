"""Every error is a problem document that says what happened, whatever was sent."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from core.settings import Settings
from database.queries import tickets
from tests.api.service import FORM, Service, expect_problem, hold_token, name_fields, serve, submit

JSON = {"Content-Type": "application/json"}
LIMIT = 256 * 1024


async def send(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    """Post these bytes as the form."""
    return await client.post("/support/submit", content=body, headers=JSON | headers)


def fill_to(size: int) -> bytes:
    """A form of exactly this many bytes, valid but for its size."""
    empty = len(json.dumps(FORM))
    return (json.dumps(FORM) + " " * (size - empty)).encode()


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/support",
        "/support/ticket/",
        "/%00",
        "/%F0%9F%98%80",
        "/%ED%A0%80",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/pyproject.toml",
        "/assets/nothing.js",
        "/assets/%00",
        "/health/detailed/more",
        "/" + "x" * 20_000,
    ],
)
async def test_an_unknown_address_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    expect_problem(await client.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/support/submit", "POST"),
        ("PUT", "/support/submit", "POST"),
        ("DELETE", "/support/ticket/TF-20261121-0001", "GET"),
        ("POST", "/health", "GET"),
        ("PATCH", "/", "GET"),
        ("POST", "/assets/app.js", None),
    ],
)
async def test_a_wrong_method_is_a_problem_that_names_the_right_one(
    client: httpx.AsyncClient, method: str, path: str, allowed: str | None
) -> None:
    response = await client.request(method, path)
    expect_problem(response, 405)
    if allowed is not None:
        assert allowed in response.headers["allow"]


async def test_a_body_at_the_limit_is_read(client: httpx.AsyncClient) -> None:
    assert (await send(client, fill_to(LIMIT))).status_code == 202


async def test_a_body_above_the_limit_is_refused_by_its_announced_length(client: httpx.AsyncClient) -> None:
    expect_problem(await send(client, fill_to(LIMIT + 1)), 413)


async def stream_in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """The body in pieces, without its length."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


async def test_a_body_above_the_limit_is_refused_without_an_announced_length(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", content=stream_in_chunks(fill_to(LIMIT + 1)), headers=JSON)
    expect_problem(response, 413)


async def test_a_reply_above_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    accepted = await submit(client)
    url = f"/support/ticket/{accepted['ticket_ref']}/messages"
    body = {"message": "x" * LIMIT}
    expect_problem(await client.post(url, json=body, headers=hold_token(accepted)), 413)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_over_the_network_a_body_above_the_limit_is_the_same_problem(
    settings: Settings, database_url: str, is_chunked: bool
) -> None:
    body = fill_to(4 * LIMIT)
    async with serve(settings, database_url) as service:
        content = stream_in_chunks(body) if is_chunked else body
        response = await service.client.post("/support/submit", content=content, headers=JSON)
        expect_problem(response, 413)
        assert response.headers["x-content-type-options"] == "nosniff"
        await submit(service.client)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "Ada",}',
        b"name=Ada",
        b"\xff\xfe\xfa",
        b'{"name": "\xff"}',
        b'\xef\xbb\xbf{"name": "Ada"}',
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"name": ' + b"9" * 100_000 + b"}",
        b"\x00",
        b'"\\ud800"',
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_no_json_object_is_a_problem(client: httpx.AsyncClient, body: bytes) -> None:
    response = await send(client, body)
    expect_problem(response, response.status_code)
    assert response.status_code in {400, 422}


@pytest.mark.parametrize("body", ["null", "[]", "1", "true", '"text"', "NaN", "[[]]"])
async def test_json_that_is_no_object_is_a_problem(client: httpx.AsyncClient, body: str) -> None:
    expect_problem(await send(client, body.encode()), 422)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"],
)
async def test_another_content_type_is_a_problem(client: httpx.AsyncClient, content_type: str) -> None:
    response = await send(client, json.dumps(FORM).encode(), **{"Content-Type": content_type})
    assert response.status_code in {415, 422}
    expect_problem(response, response.status_code)


async def test_malformed_json_is_said_to_be_malformed(client: httpx.AsyncClient) -> None:
    problem = expect_problem(await send(client, b'{"name": '), 422)
    assert [error["message"] for error in problem["errors"]] == ["The body is not valid JSON."]


async def test_every_missing_field_is_named(client: httpx.AsyncClient) -> None:
    problem = expect_problem(await client.post("/support/submit", json={}), 422)
    assert name_fields(problem) == {"name", "email", "subject", "message"}


async def test_an_unknown_field_is_refused_by_name(client: httpx.AsyncClient) -> None:
    for name in ("plan", "body", "__proto__", "ticket_ref", "<b>", "é"):
        problem = expect_problem(await client.post("/support/submit", json=FORM | {name: "x"}), 422)
        assert name_fields(problem) == {name}


async def test_ten_thousand_unknown_fields_do_not_make_a_large_answer(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", json=FORM | {f"f{number}": 0 for number in range(10_000)})
    expect_problem(response, 422)
    assert len(response.content) < 10_000


async def test_a_problem_does_not_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", json=FORM | {"message": ["private words"], "email": "private@"})
    expect_problem(response, 422)
    assert "private" not in response.text


async def test_a_bug_is_a_problem_that_tells_nothing_of_the_inside(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the inside")

    accepted = await submit(client)
    monkeypatch.setattr(tickets, "view_ticket", fail)
    with capture_logs() as logs:
        response = await client.get(accepted["status_url"])
    expect_problem(response, 500)
    assert [entry["event"] for entry in logs] == ["unhandled error"]
    assert "inside" not in response.text


async def test_the_problem_of_one_request_does_not_outlive_it(service: Service) -> None:
    for body in (b"{", fill_to(LIMIT + 1), json.dumps(FORM | {"email": "x"}).encode()):
        assert (await send(service.client, body)).status_code >= 400
        await submit(service.client)
