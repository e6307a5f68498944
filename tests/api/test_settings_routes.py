"""The settings in the console: inboxes and their test messages, escalation routes, and what the desk runs with."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from agent.knowledge.embedder import Embedders
from agent.knowledge.search import KnowledgeSearch
from api.access import allow, list_declarations
from api.openapi import list_routes
from channels.registry import build_channels
from core.channel_settings import MailboxSettings, MetaSettings
from core.settings import Settings
from database.queries import inboxes, jobs
from database.queries.customers import add_stranger
from tests.api.service import Service, expect_problem, issue_key, name_fields, open_service
from tests.api.test_probe import answer_probe
from tests.api.turns import woken
from tests.emulators.smtp import PASSWORD, USER, SmtpServer, run_smtp
from workers.jobs import JobKeeper

CHANNELS, ROUTES = "/settings/channels", "/settings/routes"
MAILBOX = f"{CHANNELS}/mailbox/{USER}"
NUMBER = "+14155238886"


@asynccontextmanager
async def desk_with_mailbox(settings: Settings, url: str, port: int) -> AsyncIterator[Service]:
    """An application whose mailbox sends through this server, and that has a number on WhatsApp."""
    mailbox = MailboxSettings(
        address=USER,
        password=SecretStr(PASSWORD),
        imap_host="127.0.0.1",
        imap_security="none",
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_security="none",
    )
    meta = MetaSettings(phone_number_id="12345678", access_token=SecretStr("token"))
    async with open_service(settings.model_copy(update={"mailbox": mailbox, "meta": meta}), url) as service:
        yield service


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpServer]:
    """A mail server that takes what it is given."""
    async with run_smtp() as server:
        yield server


@pytest.fixture
async def desk(settings: Settings, database_url: str, smtp: SmtpServer) -> AsyncIterator[Service]:
    """A desk that can send mail."""
    async with desk_with_mailbox(settings, database_url, smtp.port) as service:
        yield service


@pytest.fixture
async def admin(desk: Service) -> dict[str, str]:
    """The headers of an administrator of that desk."""
    return {"X-API-Key": await issue_key(desk.pool, "admin")}


@pytest.fixture
async def visitor(service: Service) -> dict[str, str]:
    """The headers of an administrator of the desk that tests share."""
    return {"X-API-Key": await issue_key(service.pool, "admin")}


async def work(desk: Service) -> None:
    """Send the test messages that wait, as a worker does."""
    keeper = JobKeeper(
        desk.pool,
        Embedders(),
        KnowledgeSearch(desk.pool, None),
        build_channels(desk.desk.settings),
        confidence_threshold=0.75,
        notify=lambda _channel, _payload: None,
        poll_seconds=1.0,
    )
    async with desk.pool.acquire() as conn:
        waiting = await jobs.claim(conn, "test_message", max_jobs=10, max_attempts=1, lease_seconds=60)
    for job in waiting:
        await keeper.handle(job)


async def test_every_inbox_is_listed_with_its_state_and_without_a_secret(desk: Service, admin: dict[str, str]) -> None:
    async with desk.pool.acquire() as conn:
        await inboxes.note_problem(conn, "gmail", "old@example.com", "read", "needs sign-in")
    response = await desk.client.get(CHANNELS, headers=admin)
    rows = {(row["channel"], row["inbox"]): row for row in response.json()["channels"]}
    assert {place: row["is_configured"] for place, row in rows.items()} == {
        ("gmail", "old@example.com"): False,
        ("mailbox", USER): True,
        ("web", "form"): True,
        ("whatsapp", "12345678"): True,
    }
    assert rows["gmail", "old@example.com"]["read_problem"] == "needs sign-in"
    assert rows["mailbox", USER]["enabled"] is True
    assert PASSWORD not in response.text
    assert "token" not in response.text


async def test_an_inbox_is_closed_and_opened_and_the_rest_of_it_stays(desk: Service, admin: dict[str, str]) -> None:
    url = f"{CHANNELS}/web/form"
    closed = await desk.client.patch(url, json={"enabled": False, "quiet_seconds": 3}, headers=admin)
    assert (closed.json()["enabled"], closed.json()["quiet_seconds"]) == (False, 3.0)
    expect_problem(await desk.client.post("/support/submit", json=_form()), 503)
    opened = (await desk.client.patch(url, json={"enabled": True}, headers=admin)).json()
    assert (opened["enabled"], opened["quiet_seconds"]) == (True, 3.0)
    reset = (await desk.client.patch(url, json={"quiet_seconds": None}, headers=admin)).json()
    assert (reset["enabled"], reset["quiet_seconds"]) == (True, None)
    assert (await desk.client.post("/support/submit", json=_form())).status_code == 202


async def test_a_number_whose_messages_nobody_could_keep_back_is_not_closed(
    desk: Service, admin: dict[str, str]
) -> None:
    url = f"{CHANNELS}/whatsapp/12345678"
    problem = expect_problem(await desk.client.patch(url, json={"enabled": False}, headers=admin), 409)
    assert "webhook" in problem["detail"]
    expect_problem(await desk.client.patch(f"{CHANNELS}/whatsapp/nobody", json={"enabled": False}, headers=admin), 404)
    assert (await desk.client.patch(url, json={"quiet_seconds": 2}, headers=admin)).json()["enabled"] is True


def _form() -> dict[str, str]:
    return {"name": "Ada", "email": "ada@example.com", "subject": "Hi", "message": "How do I sign in?"}


async def test_an_inbox_that_nobody_configured_yet_can_be_set(desk: Service, admin: dict[str, str]) -> None:
    changed = await desk.client.patch(MAILBOX, json={"enabled": False}, headers=admin)
    assert (changed.json()["enabled"], changed.json()["quiet_seconds"]) == (False, None)


@pytest.mark.parametrize("change", [{"quiet_seconds": 9}, {"quiet_seconds": "NaN"}, {"enabled": "x"}, {"colour": 1}])
async def test_a_change_that_makes_no_sense_is_refused(
    service: Service, visitor: dict[str, str], change: dict[str, Any]
) -> None:
    response = await service.client.patch(f"{CHANNELS}/web/form", json=change, headers=visitor)
    assert name_fields(expect_problem(response, 422)) == set(change)


async def test_what_is_no_inbox_is_not_found(service: Service, visitor: dict[str, str]) -> None:
    client = service.client
    expect_problem(await client.patch(f"{CHANNELS}/web/other", json={}, headers=visitor), 404)
    expect_problem(await client.post(f"{CHANNELS}/web/other/test", json={}, headers=visitor), 404)
    expect_problem(await client.patch(f"{CHANNELS}/fax/form", json={}, headers=visitor), 422)
    expect_problem(await client.patch(f"{CHANNELS}/web/%00", json={}, headers=visitor), 422)
    expect_problem(await client.get(f"/settings/test-messages/{uuid4()}", headers=visitor), 404)


async def test_a_test_mail_is_sent_by_the_worker_and_leaves_no_conversation(
    desk: Service, smtp: SmtpServer, admin: dict[str, str]
) -> None:
    response = await desk.client.post(f"{MAILBOX}/test", json={"to": "Admin@Example.com"}, headers=admin)
    assert response.status_code == 202
    sent = response.json()
    assert (sent["state"], sent["to"]) == ("queued", "admin@example.com")
    await work(desk)
    found = (await desk.client.get(f"/settings/test-messages/{sent['id']}", headers=admin)).json()
    assert (found["state"], found["problem"]) == ("done", None)
    (mail,) = smtp.accepted
    assert mail.recipients == ("admin@example.com",)
    assert "This is a test message from Harborline" in str(mail.describe()["text"])
    async with desk.pool.acquire() as conn:
        for table in ("conversations", "customers", "messages", "outbox", "message_queue", "tickets"):
            assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0  # names of our own


@pytest.mark.parametrize(
    ("answer", "problem"),
    [("550 5.1.1 no such user", "no such user"), ("stop", "may or may not"), ("451 4.7.1 later", "later")],
)
async def test_a_test_mail_that_is_refused_or_in_doubt_is_not_tried_again(
    desk: Service, smtp: SmtpServer, admin: dict[str, str], answer: str, problem: str
) -> None:
    if answer == "stop":
        smtp.fail("DATA", "drop", accepts=True)
    else:
        smtp.fail("RCPT", answer)
    sent = (await desk.client.post(f"{MAILBOX}/test", json={"to": "admin@example.com"}, headers=admin)).json()
    await work(desk)
    await work(desk)
    found = (await desk.client.get(f"/settings/test-messages/{sent['id']}", headers=admin)).json()
    assert found["state"] == "failed"
    assert problem in found["problem"]
    assert len(smtp.accepted) == (answer == "stop")


async def test_a_test_message_reaches_no_customer(desk: Service, admin: dict[str, str]) -> None:
    async with desk.pool.acquire() as conn:
        customer = await add_stranger(conn)
        await conn.execute(
            "INSERT INTO customer_identifiers (kind, value, level, customer_id) "
            "VALUES ('email', 'ada@example.com', 'self_reported', $1), ('phone', $2, 'proven', $1)",
            customer,
            NUMBER,
        )
    to_mail = await desk.client.post(f"{MAILBOX}/test", json={"to": "Ada@example.com"}, headers=admin)
    to_phone = await desk.client.post(f"{CHANNELS}/whatsapp/12345678/test", json={"to": NUMBER}, headers=admin)
    for response in (to_mail, to_phone):
        assert "customer" in expect_problem(response, 409)["detail"]


async def test_test_messages_are_few(desk: Service, admin: dict[str, str]) -> None:
    """Also where they are asked for at once."""
    asked = [desk.client.post(f"{MAILBOX}/test", json={"to": "a@example.com"}, headers=admin) for _ in range(8)]
    statuses = sorted(response.status_code for response in await asyncio.gather(*asked))
    assert statuses == [202] * jobs.TESTS_PER_TEN_MINUTES + [429] * 3


@pytest.mark.parametrize("to", [None, "", "x", "no address", "a@b@c", NUMBER, "\u0000", "\ud800", "x" * 300, 7])
async def test_a_test_mail_needs_an_address(desk: Service, admin: dict[str, str], to: object) -> None:
    headers = {**admin, "Content-Type": "application/json"}
    response = await desk.client.post(f"{MAILBOX}/test", content=json.dumps({"to": to}), headers=headers)
    assert name_fields(expect_problem(response, 422)) == {"to"}


async def test_a_test_on_whatsapp_needs_a_number(desk: Service, admin: dict[str, str]) -> None:
    response = await desk.client.post(f"{CHANNELS}/whatsapp/12345678/test", json={"to": "a@example.com"}, headers=admin)
    assert name_fields(expect_problem(response, 422)) == {"to"}
    accepted = await desk.client.post(f"{CHANNELS}/whatsapp/12345678/test", json={"to": NUMBER}, headers=admin)
    assert accepted.status_code == 202
    async with desk.pool.acquire() as conn:
        (job,) = await jobs.claim(conn, "test_message", max_jobs=1, max_attempts=1, lease_seconds=60)
    assert json.loads(job.request)["path"] == {
        "kind": "whatsapp",
        "provider": "meta",
        "phone": NUMBER,
        "user_id": None,
    }


async def test_an_inbox_that_is_no_longer_configured_cannot_be_tested(desk: Service, admin: dict[str, str]) -> None:
    async with desk.pool.acquire() as conn:
        await conn.execute("INSERT INTO channel_configs (channel, inbox) VALUES ('gmail', 'old@example.com')")
    response = await desk.client.post(f"{CHANNELS}/gmail/old@example.com/test", json={"to": "a@b.com"}, headers=admin)
    expect_problem(response, 409)


async def test_the_web_form_is_tested_by_a_probe_through_the_whole_pipeline(
    desk: Service, database_url: str, admin: dict[str, str]
) -> None:
    async with woken(database_url) as event, asyncio.timeout(60):
        probing = asyncio.ensure_future(desk.client.post(f"{CHANNELS}/web/form/test", json={}, headers=admin))
        await event.wait()
        await answer_probe(desk)
        response = await probing
    tested = response.json()
    assert (response.status_code, tested["state"], tested["to"], tested["id"]) == (202, "done", None, None)
    assert tested["probe"]["outcome"] == "answered"


async def test_routes_are_listed_and_changed(desk: Service, admin: dict[str, str]) -> None:
    change = {"team": "  Money\tpeople ", "instructions": "Look\0 twice."}
    changed = await desk.client.put(f"{ROUTES}/billing", json=change, headers=admin)
    assert changed.json() == {"category": "billing", "team": "Money people", "instructions": "Look twice."}
    routes = (await desk.client.get(ROUTES, headers=admin)).json()["routes"]
    assert [route["category"] for route in routes] == [
        "account",
        "billing",
        "general",
        "legal",
        "security",
        "technical",
    ]
    assert changed.json() in routes


@pytest.mark.parametrize(
    ("category", "change", "blamed"),
    [
        ("gossip", {"team": "A", "instructions": ""}, {"category"}),
        ("billing", {"team": "", "instructions": ""}, {"team"}),
        ("billing", {"team": "x" * 121, "instructions": ""}, {"team"}),
        ("billing", {"team": "A", "instructions": "x" * 2_001}, {"instructions"}),
        ("billing", {"team": "A"}, {"instructions"}),
    ],
)
async def test_a_route_that_makes_no_sense_is_refused(
    service: Service, visitor: dict[str, str], category: str, change: dict[str, str], blamed: set[str]
) -> None:
    response = await service.client.put(f"{ROUTES}/{category}", json=change, headers=visitor)
    assert name_fields(expect_problem(response, 422)) == blamed


async def test_the_overview_says_what_the_desk_runs_with(service: Service, visitor: dict[str, str]) -> None:
    overview = (await service.client.get("/settings/overview", headers=visitor)).json()
    assert (overview["company"], overview["confidence_threshold"], overview["ticket_prefix"]) == (
        "Harborline",
        0.75,
        "TF",
    )
    assert overview["model"] is None


def test_only_admins_see_the_settings_and_all_staff_the_names_of_teams(service: Service) -> None:
    routes = [route for route in list_routes(service.app) if route.path.startswith("/settings")]
    assert len(routes) == 7
    for route in routes:
        is_of_teams = route.path == ROUTES and route.methods == {"GET"}
        assert list_declarations(route.dependant) == {allow("tickets:read" if is_of_teams else "admin")}
