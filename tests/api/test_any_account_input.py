"""Whatever arrives at the routes of accounts, sessions and keys, the answer is as declared or a problem."""

import json
from itertools import count
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from database.types import ROLE_SCOPES, SCOPES, TIERS
from tests.api.people import PASSWORD
from tests.api.service import PROBLEM, Service, issue_key
from tests.api.test_any_input import ANY_JSON, JSON, LEAF, SEARCH, draw_text

_numbers = count()

FIELDS = {
    "email": st.builds(lambda: f"somebody{next(_numbers)}@example.com") | st.emails() | draw_text(40),
    "password": st.just(PASSWORD) | draw_text(40),
    "name": draw_text(130),
    "role": st.sampled_from([*ROLE_SCOPES]) | LEAF,
    "disabled": LEAF,
    "scopes": st.lists(st.sampled_from(SCOPES) | LEAF, max_size=3),
    "tier": st.sampled_from(TIERS) | LEAF,
    "days": st.integers() | LEAF,
}
SHAPES = {
    "/auth/login": ["email", "password"],
    "/users": ["email", "name", "role", "password"],
    "/keys": ["name", "scopes", "tier", "days"],
}
DECLARED = {"/auth/login": {200}, "/users": {201}, "/keys": {201}}


def draw_body(path: str) -> st.SearchStrategy[object]:
    """Nearly what the route takes, or anything."""
    nearly: st.SearchStrategy[object] = st.fixed_dictionaries(
        {name: FIELDS[name] for name in SHAPES[path]}, optional={"extra": ANY_JSON}
    )
    return nearly | ANY_JSON


def expect_an_answer(response: httpx.Response, declared: set[int]) -> None:
    """What the documentation says, or a whole problem that is the client's."""
    assert response.status_code < 500, response.text
    if response.status_code not in declared:
        assert response.headers["content-type"] == PROBLEM


@pytest.fixture(scope="session")
async def admin(service: Service) -> dict[str, str]:
    return {"X-API-Key": await issue_key(service.pool, "admin")}


@pytest.mark.parametrize("path", SHAPES)
@SEARCH
@given(data=st.data())
async def test_any_body_is_answered(service: Service, admin: dict[str, str], path: str, data: st.DataObject) -> None:
    content = json.dumps(data.draw(draw_body(path)))
    with capture_logs():
        response = await service.client.post(path, content=content, headers=JSON | admin)
    expect_an_answer(response, DECLARED[path] | {429})


@SEARCH
@example(text="/")
@given(text=draw_text(80).filter(lambda text: text != "" and text.isprintable()))
async def test_any_address_and_page_is_answered(service: Service, admin: dict[str, str], text: str) -> None:
    name = quote(text, safe="")
    with capture_logs():
        for method, path in (
            ("PATCH", f"/users/{name}"),
            ("DELETE", f"/keys/{name}"),
            ("GET", f"/users?before={name}&limit={name}"),
            ("GET", f"/keys?before={name}"),
        ):
            response = await service.client.request(method, path, json={} if method == "PATCH" else None, headers=admin)
            expect_an_answer(response, set())


@SEARCH
@given(value=st.binary(max_size=80).filter(lambda value: not {0, 10, 13} & {*value}))
async def test_any_cookie_and_any_token_is_answered(service: Service, value: bytes) -> None:
    with capture_logs():
        for path, header in (("/auth/refresh", b"Cookie"), ("/auth/me", b"Authorization"), ("/users", b"X-API-Key")):
            given = {b"Cookie": b"nightdesk_refresh=" + value, b"Authorization": b"Bearer " + value}.get(header, value)
            method = "POST" if header == b"Cookie" else "GET"
            response = await service.client.request(method, path, headers=[(header, given)])
            expect_an_answer(response, set())
            assert response.status_code in {401, 403, 422}
