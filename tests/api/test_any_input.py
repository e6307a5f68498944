"""Whatever arrives, the answer is a ticket or a problem, and accepted text is never altered beyond cleaning."""

import json
from typing import get_args

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from channels.web.parse import clean_text
from database.types import Priority, TicketCategory
from tests.api.service import FORM, PROBLEM, Service, hold_token, issue_key, read_ticket, submit

# Fixtures of the session: no example sees another's, because each makes a ticket of its own. No example database:
# a failure prints how to reproduce it, and the checkout stays clean.
SEARCH = settings(
    deadline=None,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
JSON = {"Content-Type": "application/json"}
# In plain random text a lone surrogate is one character in five hundred; here it is in every third text.
FRAGMENT = st.sampled_from(
    ["\ud800", "\udfff", "\x00", "\x1f", "\x85", "\u2028", "\u202e", "\ufeff", "😀", "<b>", "\r\n", "\r", "\t", " "]
)


def draw_text(max_size: int) -> st.SearchStrategy[str]:
    """Any text, and often one of fragments that break programs."""
    plain = st.text(st.characters(exclude_categories=()), max_size=max_size)
    odd = st.lists(st.text(max_size=12) | FRAGMENT, max_size=8).map("".join)
    # Two halves that happen to stand together are one character once JSON has been read.
    return (plain | odd).map(lambda text: str(json.loads(json.dumps(text))))


TEXT = draw_text(60)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ANY_JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
FIELD = st.sampled_from([*FORM, "timeout_seconds"]) | TEXT
WILD_BODY = ANY_JSON | st.dictionaries(FIELD, ANY_JSON, max_size=8)
NEARLY_A_FORM = st.dictionaries(FIELD, ANY_JSON, max_size=2).map(lambda changes: {**FORM, **changes})
A_FORM = st.fixed_dictionaries(
    {
        "name": draw_text(130),
        "email": st.just("ada@example.com") | st.emails(),
        "subject": draw_text(210),
        "category": st.sampled_from(get_args(TicketCategory)),
        "priority": st.sampled_from(get_args(Priority)),
        "message": draw_text(300),
    }
)


async def post(
    client: httpx.AsyncClient, url: str, body: object, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Send a body as JSON, with what JSON cannot say escaped, and expect an answer fit for a client."""
    content = json.dumps(body).encode()
    with capture_logs():  # drawing the traceback of a bug takes seconds, and a search meets it a hundred times
        response = await client.post(url, content=content, headers=JSON | (headers or {}))
    assert response.status_code < 500, response.text
    if response.status_code != 202:
        assert response.headers["content-type"] == PROBLEM
        assert response.json()["status"] == response.status_code
    return response


def clean_line(text: str) -> str:
    """One clean line."""
    return " ".join(clean_text(text).split())


def read_message(body: object) -> str:
    """The message of an accepted reply."""
    assert isinstance(body, dict)
    return str(body["message"])


@SEARCH
@given(body=WILD_BODY | NEARLY_A_FORM)
async def test_any_json_is_a_ticket_or_a_problem(service: Service, body: object) -> None:
    response = await post(service.client, "/support/submit", body)
    if response.status_code == 202:
        await read_ticket(service.client, response.json())


@SEARCH
@given(form=A_FORM)
async def test_accepted_text_comes_back_clean_and_otherwise_unaltered(service: Service, form: dict[str, str]) -> None:
    response = await post(service.client, "/support/submit", form)
    if response.status_code == 202:
        ticket = await read_ticket(service.client, response.json())
        assert ticket["messages"][0]["text"] == clean_text(form["message"])
        assert ticket["subject"] == clean_line(form["subject"])
    else:
        assert response.status_code == 422


@SEARCH
@given(message=st.lists(st.text(max_size=40) | FRAGMENT.filter(str.isprintable), max_size=8).map("".join))
async def test_text_without_lone_surrogates_is_refused_only_when_nothing_is_left(
    service: Service, message: str
) -> None:
    response = await post(service.client, "/support/submit", FORM | {"message": message})
    assert response.status_code == (202 if clean_text(message) else 422)


@SEARCH
@given(body=ANY_JSON | st.fixed_dictionaries({"message": draw_text(300)}))
async def test_any_json_as_a_reply_is_a_message_or_a_problem(service: Service, body: object) -> None:
    accepted = await submit(service.client)
    response = await post(
        service.client, f"/support/ticket/{accepted['ticket_ref']}/messages", body, hold_token(accepted)
    )
    messages = (await read_ticket(service.client, accepted))["messages"]
    if response.status_code == 202:
        assert [message["text"] for message in messages] == [FORM["message"], clean_text(read_message(body))]
    else:
        assert len(messages) == 1


@SEARCH
@given(body=st.binary(max_size=200))
async def test_any_bytes_are_a_problem(service: Service, body: bytes) -> None:
    response = await service.client.post("/support/submit", content=body, headers=JSON)
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == PROBLEM


STEPS = st.sampled_from(["", "/replies", "/notes", "/assign", "/escalate", "/resolve"])
STEP_FIELD = st.sampled_from(["subject", "message", "text", "user_id", "route", "reason", "customer", "email", "name"])


@SEARCH
@given(step=STEPS, body=ANY_JSON | st.dictionaries(STEP_FIELD | FIELD, ANY_JSON, max_size=6))
async def test_any_json_is_a_step_of_a_ticket_or_a_problem(service: Service, step: str, body: object) -> None:
    headers = {"X-API-Key": await issue_key(service.pool, "tickets:write")}
    url = f"/tickets/TF-20261121-9999{step}" if step else "/tickets"
    await post(service.client, url, body, headers)
