"""The emulator of Gmail: what it answers is what Google defines, and it can be told and asked over HTTP."""

import base64
import subprocess
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from google.auth import jwt

from channels.gmail.client import read_profile
from tests.acceptance.processes import find_free_port
from tests.channels.gmail.desk import Desk, make_mail, make_reply
from tests.emulators.gmail_rest import Gmail
from tests.emulators.gmail_schemas import SchemaViolation, check_schema


@pytest.fixture
async def control(gmail: Gmail) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=gmail.url) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Message", {"id": "1", "threadId": "1", "labelIds": ["SENT"], "internalDate": "5", "raw": "YQ=="}),
        ("ListHistoryResponse", {"history": [{"id": "7", "messagesAdded": [{"message": {"id": "a"}}]}]}),
        ("WatchResponse", {"historyId": "18446744073709551615", "expiration": "-5"}),
    ],
)
def test_googles_definition_takes_googles_answers(name: str, body: object) -> None:
    check_schema(name, body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("Message", {"id": 1}),
        ("Message", {"id": "1", "thread": "1"}),
        ("Message", {"labelIds": "SENT"}),
        ("Message", {"raw": "YQ+/"}),
        ("Message", {"payload": {"headers": [{"name": "To", "content": "x"}]}}),
        ("Profile", {"historyId": 5}),
        ("Profile", {"historyId": "-5"}),
        ("Profile", {"messagesTotal": 2**31}),
        ("WatchRequest", {"labelFilterBehavior": "only"}),
        ("WatchResponse", {"expiration": str(2**63)}),
        ("Thread", []),
    ],
)
def test_googles_definition_refuses_what_google_would_not_say(name: str, body: object) -> None:
    with pytest.raises(SchemaViolation):
        check_schema(name, body)


async def test_it_is_told_and_asked_over_http(gmail: Gmail, desk: Desk, control: httpx.AsyncClient) -> None:
    raw = base64.b64encode(make_mail()).decode()
    delivered = (await control.post("/_control/deliver", json={"raw": raw, "copies": 2})).json()
    assert len(delivered["ids"]) == 2
    first, second = delivered["ids"]
    await control.post("/_control/change", json={"id": first, "add": ["STARRED"], "remove": ["UNREAD"]})
    await control.post("/_control/change", json={"delete": second})
    assert gmail.mailbox.mails[first].labels == ["INBOX", "STARRED"]
    reply = make_reply(thread=gmail.mailbox.mails[first].thread_id)
    await desk.sender.send(reply)
    (accepted,) = (await control.get("/_inspect/accepted")).json()
    assert (accepted["reply"], accepted["joined"]) == (str(reply.id), True)
    assert (await control.get("/_inspect/requests")).json()["messages.send"] == 1


async def test_its_faults_are_planned_over_http(gmail: Gmail, desk: Desk, control: httpx.AsyncClient) -> None:
    plan = {"getProfile": [{"kind": "error", "status": 429, "retry_after": "3"}, {"kind": "html", "status": 500}]}
    await control.post("/_control/faults", json=plan)
    await read_profile(desk.client)
    assert desk.waits == [3.0, 2.0]


async def test_it_forgets_and_changes_as_it_is_told(gmail: Gmail, desk: Desk, control: httpx.AsyncClient) -> None:
    await read_profile(desk.client)
    await control.post("/_control/forget", json={"tokens": True})
    await read_profile(desk.client)
    assert gmail.requests["token"] == 2
    await control.post("/_control/configure", json={"page_size": 7, "is_revoked": True, "max_age": 60})
    await control.post("/_control/forget", json={})
    assert (gmail.mailbox.page_size, gmail.accounts.is_revoked, gmail.max_age) == (7, True, 60)
    assert gmail.mailbox.forgotten_through == gmail.mailbox.history_id


async def test_it_makes_pushes_with_the_newest_key(gmail: Gmail, control: httpx.AsyncClient) -> None:
    await control.post("/_control/rotate", json={})
    push = (await control.post("/_control/push", json={"audience": "us"})).json()
    certificates = (await control.get("/certs")).json()
    token = push["authorization"].removeprefix("Bearer ")
    assert jwt.decode_header(token)["kid"] == "key-2"  # type: ignore[no-untyped-call]
    assert jwt.decode(token, certificates, audience="us")["email_verified"]  # type: ignore[no-untyped-call]


async def test_a_stranger_reads_nothing(control: httpx.AsyncClient) -> None:
    for path in ("profile", "history?startHistoryId=1", "messages", "messages/1", "threads/1"):
        assert (await control.get(f"/gmail/v1/users/me/{path}")).status_code == 401


def test_it_runs_as_a_process_of_its_own() -> None:
    port = find_free_port()
    with subprocess.Popen([sys.executable, "-m", "tests.emulators.gmail", str(port), "box@example.com"]) as process:
        try:
            transport = httpx.HTTPTransport(retries=8)  # connects again, with a growing pause, until it listens
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client:
                assert client.get("/_inspect/accepted").json() == []
        finally:
            process.terminate()
