"""Each action through its real route, and what the audit log says of it: who, what, to which object, from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from database.queries.audit import name_object
from tests.agent.knowledge.desk import make_document, store
from tests.api.callers import SignIn
from tests.api.people import PASSWORD, Browser, bear, hire, open_browser
from tests.api.service import FORM, Service, expect_problem, issue_key, submit
from tests.api.test_audit import read_log
from tests.api.test_feedback import open_answered

Request = tuple[str, str, Any]
NEW_TICKET = {"subject": "Lost", "message": "I am lost.", "customer": {"email": "bob@example.com", "name": "Bob"}}
STEP = "/tickets/{ref}"
REPLY: Request = ("POST", f"{STEP}/replies", {"text": "I have reset it for you."})
CLOSE: Request = ("POST", f"{STEP}/close", None)
TAKEN = {"owner": "person", "status": "escalated", "route": "account"}
WAITED = {"owner": "agent", "status": "auto_resolved", "route": None}


@dataclass(frozen=True, slots=True)
class Case:
    """A request, those `given` before it, and what is recorded: the object's kind is that of the action, or is said."""

    request: Request
    action: str
    object_id: str | None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    given: Sequence[Request] = ()
    object_kind: str | None = None


CASES = [
    Case(
        ("POST", "/tickets", NEW_TICKET),
        "ticket.opened",
        "{answer}",
        None,
        {"category": "general", "priority": "medium"},
    ),
    Case(("GET", STEP, None), "ticket.read", "{ref}"),
    Case(("GET", "/tickets", None), "ticket.listed", None),
    Case(("GET", "/tickets?customer_id={customer}", None), "ticket.listed", "{customer}", object_kind="customer"),
    Case(("POST", f"{STEP}/resolve", None), "ticket.resolution_read", "{ref}"),
    Case(REPLY, "ticket.answered", "{ref}", WAITED | {"assignee": None}, TAKEN | {"assignee": "{me}"}),
    Case(("POST", f"{STEP}/notes", {"text": "She called."}), "ticket.noted", "{ref}", {}, {}),
    Case(
        ("POST", f"{STEP}/assign", {"user_id": "{me}"}),
        "ticket.assigned",
        "{ref}",
        {"assignee": None},
        {"assignee": "{me}"},
    ),
    Case(
        ("POST", f"{STEP}/escalate", {"route": "billing", "reason": "Money."}),
        "ticket.escalated",
        "{ref}",
        WAITED,
        TAKEN | {"route": "billing"},
    ),
    Case(
        ("POST", f"{STEP}/release", None),
        "ticket.released",
        "{ref}",
        TAKEN | {"assignee": "{me}"},
        {"owner": "agent", "status": "open", "route": None, "assignee": None},
        given=[REPLY],
    ),
    Case(CLOSE, "ticket.closed", "{ref}", {"status": "auto_resolved"}, {"status": "closed"}),
    Case(
        ("POST", f"{STEP}/reopen", None),
        "ticket.reopened",
        "{ref}",
        WAITED | {"status": "closed"},
        TAKEN,
        given=[CLOSE],
    ),
    Case(
        ("PATCH", STEP, {"priority": "low", "intent": "password_2"}),
        "ticket.corrected",
        "{ref}",
        {"priority": "high", "intent": None},
        {"priority": "low", "intent": "other"},
    ),
    Case(
        ("POST", "/feedback/{ref}", {"rating": 2, "resolved": False, "comment": "No!"}),
        "ticket.rated",
        "{ref}",
        {"status": "auto_resolved"},
        {"status": "escalated", "rating": 2, "resolved": False},
    ),
    Case(("GET", "/customers/{customer}", None), "customer.read", "{customer}"),
    Case(("GET", "/customers/{customer}/export", None), "customer.exported", "{customer}"),
    Case(("GET", "/users", None), "user.listed", None),
    Case(
        ("POST", "/users", {"email": "new-{me}@example.com", "name": "New", "role": "agent", "password": PASSWORD}),
        "user.opened",
        "{answer}",
        None,
        {"role": "agent", "is_disabled": False, "customer": None},
    ),
    Case(
        ("PATCH", "/users/{other}", {"role": "admin", "name": "Another"}),
        "user.changed",
        "{other}",
        {"role": "agent", "is_disabled": False, "customer": None},
        {"role": "admin", "is_disabled": False, "customer": None, "is_renamed": True},
    ),
    Case(
        ("PATCH", "/users/{other}", {"disabled": True}),
        "user.changed",
        "{other}",
        {"role": "agent", "is_disabled": False, "customer": None},
        {"role": "agent", "is_disabled": True, "customer": None, "is_renamed": False},
    ),
    Case(
        ("POST", "/keys", {"name": "robot", "scopes": ["tickets:read"], "days": 7}),
        "key.made",
        "{answer}",
        None,
        {"scopes": ["tickets:read"], "tier": "standard", "days": 7},
    ),
    Case(("DELETE", "/keys/{key}", None), "key.revoked", "{key}"),
    Case(("POST", "/knowledge/articles/{article}/unpublish", None), "article.unpublished", "{article}"),
    Case(("DELETE", "/knowledge/articles/{draft}", None), "article.deleted", "{draft}"),
]


@pytest.fixture
async def names(service: Service, sign_in: SignIn) -> dict[str, str]:
    """What the cases speak of, and as `token` how somebody signs in who may do everything."""
    accepted, turn = await open_answered(service)
    headers, me = await sign_in.staff(role="admin")
    other = await hire(service.pool, "agent", name="Other")
    await issue_key(service.pool, "tickets:read")
    articles = {}
    for kind in ("article", "draft"):
        source = f"{kind}-{me}.md"
        await store(service.pool, source, make_document(is_draft=kind == "draft"))
        async with service.pool.acquire() as conn:
            articles[kind] = str(await conn.fetchval("SELECT id FROM knowledge_articles WHERE source = $1", source))
    async with service.pool.acquire() as conn:
        customer = await conn.fetchval("SELECT customer_id FROM conversations WHERE id = $1", turn.conversation_id)
        key = await conn.fetchval("SELECT id FROM api_keys ORDER BY id DESC LIMIT 1")
    who = {"ref": accepted["ticket_ref"], "customer": customer, "me": me, "other": other.id, "key": key}
    return {name: str(value) for name, value in who.items()} | articles | {"token": headers["Authorization"]}


def fill_in(template: Any, names: dict[str, str]) -> Any:
    """The same with the names in it."""
    if isinstance(template, str):
        return template.format_map(names)
    return {key: fill_in(value, names) for key, value in template.items()} if isinstance(template, dict) else template


def make_headers(names: dict[str, str]) -> dict[str, str]:
    return {"Authorization": names["token"], "User-Agent": "Firefox/140"}


async def send(service: Service, request: Request, names: dict[str, str]) -> httpx.Response:
    method, path, body = request
    response = await service.client.request(
        method, fill_in(path, names), json=fill_in(body, names), headers=make_headers(names)
    )
    assert response.is_success, response.text
    return response


def name_answer(response: httpx.Response) -> str:
    """What a request has made."""
    made = response.json() if response.content else {}
    return str(made.get("ticket_ref") or made.get("id"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action} {case.request[0]} {case.request[1]}")
async def test_what_staff_do_is_recorded_with_the_change(case: Case, service: Service, names: dict[str, str]) -> None:
    for request in case.given:
        await send(service, request, names)
    response = await send(service, case.request, names)
    entry, *earlier = await read_log(service, make_headers(names), actor_id=names["me"])
    assert len(earlier) == len(case.given)
    object_id = fill_in(case.object_id, names | {"answer": name_answer(response)})
    kind = case.object_kind or case.action.partition(".")[0]
    assert (entry["action"], entry["object_kind"], entry["object_id"]) == (case.action, kind, object_id)
    assert (entry["before"], entry["after"]) == (fill_in(case.before, names), fill_in(case.after, names))
    assert (entry["actor_kind"], entry["actor_id"]) == ("user", names["me"])
    assert (entry["address"], entry["user_agent"]) == ("127.0.0.1", "Firefox/140")
    assert entry["request_id"] == response.headers["x-request-id"]
    assert (await service.client.get("/audit/verify?newest=3", headers=make_headers(names))).json()["is_whole"]


async def test_a_reply_that_is_repeated_under_its_key_is_recorded_once(service: Service, names: dict[str, str]) -> None:
    headers = make_headers(names) | {"Idempotency-Key": "once"}
    for _ in range(2):
        await service.client.post(f"/tickets/{names['ref']}/replies", json={"text": "Done."}, headers=headers)
    entries = await read_log(service, make_headers(names), actor_id=names["me"])
    assert [entry["action"] for entry in entries] == ["ticket.answered"]


async def test_what_is_refused_is_taken_back_and_not_recorded(service: Service, names: dict[str, str]) -> None:
    wrong = await service.client.post(
        f"/tickets/{names['ref']}/escalate", json={"route": "nowhere", "reason": "?"}, headers=make_headers(names)
    )
    expect_problem(wrong, 422)
    expect_problem(await service.client.post(f"/tickets/{names['ref']}/reopen", headers=make_headers(names)), 409)
    assert await read_log(service, make_headers(names), actor_id=names["me"]) == []


async def test_an_upload_is_recorded(fresh: Service) -> None:
    admin = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    file = {"file": ("hours.md", b"# Opening hours\n\nWe are open on Monday.\n", "text/markdown")}
    upload = (await fresh.client.post("/knowledge/uploads", files=file, headers=admin)).json()
    [entry] = await read_log(fresh, admin)
    assert (entry["action"], entry["object_id"], entry["actor_kind"]) == ("upload.added", upload["id"], "key")


async def test_settings_are_recorded_without_the_names_of_inboxes_and_teams(fresh: Service) -> None:
    admin = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    route = {"team": "The Accountants", "instructions": "Be quick."}
    assert (await fresh.client.put("/settings/routes/billing", json=route, headers=admin)).is_success
    change = {"enabled": False, "quiet_seconds": 1.5}
    assert (await fresh.client.patch("/settings/channels/web/form", json=change, headers=admin)).is_success
    channel, team = await read_log(fresh, admin)
    assert (team["action"], team["object_id"]) == ("route.changed", "billing")
    assert team["after"] == {"changed": ["team", "instructions"]}
    assert (channel["action"], channel["object_id"]) == ("channel.changed", "form")
    assert channel["before"] == {"channel": "web", "enabled": True, "quiet_milliseconds": None}
    assert channel["after"] == {"channel": "web", "enabled": False, "quiet_milliseconds": 1500}
    assert isinstance(name_object("support@example.com"), UUID)


async def test_an_erasure_is_recorded_when_it_begins_and_with_its_certificate(fresh: Service) -> None:
    admin = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    await open_answered(fresh)
    found = (await fresh.client.get(f"/customers/lookup?email={FORM['email']}", headers=admin)).json()["customers"]
    customer = found[0]["id"]
    erased = await fresh.client.post(f"/customers/{customer}/erasure", json={"confirm": FORM["email"]}, headers=admin)
    assert erased.is_success, erased.text
    done, begun, _ = await read_log(fresh, admin)
    assert (begun["action"], done["action"]) == ("customer.erasure_begun", "customer.erased")
    assert begun["object_id"] == done["object_id"] == customer
    counts = {f"rows_{table}": rows for table, rows in erased.json()["counts"].items()}
    assert done["after"] == counts | {"subjects": erased.json()["subjects"]}
    assert done["address"] == "127.0.0.1"


async def test_a_customer_who_signed_in_is_recorded_where_they_change_something_and_without_address(
    service: Service, sign_in: SignIn, names: dict[str, str]
) -> None:
    ada, _, customer = await sign_in.customer()
    body = {"subject": "Lost", "message": "I am lost."}
    opened = (await service.client.post("/tickets", json=body, headers=ada)).json()
    for path in ("/tickets", f"/tickets/{opened['ticket_ref']}", "/me/export"):
        assert (await service.client.get(path, headers=ada)).status_code == 200
    ref = opened["ticket_ref"]
    [entry] = await read_log(service, make_headers(names), object_kind="ticket", object_id=ref)
    assert (entry["action"], entry["actor_kind"], entry["address"]) == ("ticket.opened", "user", None)
    assert entry["user_agent"] is None
    exported = await read_log(service, make_headers(names), object_kind="customer", object_id=str(customer))
    assert exported == []


async def test_the_form_and_a_tickets_page_leave_the_log_alone(fresh: Service) -> None:
    accepted = await submit(fresh.client)
    await fresh.client.get(accepted["status_url"])
    assert await read_log(fresh, {"X-API-Key": await issue_key(fresh.pool, "admin")}) == []


@pytest.fixture
async def admin(service: Service, sign_in: SignIn) -> dict[str, str]:
    return (await sign_in.staff(role="admin"))[0]


async def test_signing_in_and_out_are_recorded(service: Service, admin: dict[str, str]) -> None:
    ann = await hire(service.pool)
    async with open_browser(service, address="192.0.2.7") as browser:
        await browser.sign_in(ann.email)
        await browser.client.post("/auth/logout")
        await browser.client.post("/auth/logout")
    ended, opened = await read_log(service, admin, actor_id=str(ann.id))
    assert (opened["action"], ended["action"]) == ("session.opened", "session.ended")
    assert opened["object_id"] == ended["object_id"]
    assert (opened["address"], ended["address"]) == ("192.0.2.7", "192.0.2.7")


async def test_a_refused_sign_in_names_the_account_if_there_is_one_and_no_address_of_a_customer(
    service: Service, admin: dict[str, str]
) -> None:
    ann, customer = await hire(service.pool), await hire(service.pool, "user")
    before = await count_refused(service, admin)
    async with open_browser(service, address="192.0.2.8") as browser:
        for email in (ann.email, customer.email, f"{uuid4().hex}@example.com"):
            expect_problem(await browser.try_password(email, "wrong"), 401)
    entries = await read_log(service, admin, action="session.refused")
    assert len(entries) == before + 3
    assert [(entry["object_id"], entry["address"]) for entry in reversed(entries[:3])] == [
        (str(ann.id), "192.0.2.8"),
        (str(customer.id), None),
        (None, "192.0.2.8"),
    ]
    assert all(entry["actor_kind"] == "system" and entry["after"] is None for entry in entries)


async def count_refused(service: Service, admin: dict[str, str]) -> int:
    return len(await read_log(service, admin, action="session.refused"))


async def test_a_refresh_token_that_was_used_before_is_recorded(fresh: Service) -> None:
    admin = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    ann = await hire(fresh.pool)
    async with open_browser(fresh) as browser:
        await browser.sign_in(ann.email)
        copied = browser.cookie
        for _ in range(2):
            assert (await browser.refresh()).status_code == 200
        expect_problem(await browser.refresh(copied), 401)
        expect_problem(await browser.refresh(copied), 401)
    replayed, opened = await read_log(fresh, admin)
    assert (replayed["action"], replayed["actor_kind"]) == ("session.replayed", "system")
    assert replayed["object_id"] == opened["object_id"]


async def test_a_new_password_and_a_refused_one_are_recorded(service: Service, admin: dict[str, str]) -> None:
    ann = await hire(service.pool)
    async with open_browser(service) as browser:
        token = await browser.sign_in(ann.email)
        for current, status in (("wrong", 422), (PASSWORD, 204)):
            assert (await change_password(browser, token, current)).status_code == status
    changed, refused, *_ = await read_log(service, admin, object_kind="user", object_id=str(ann.id))
    assert (changed["action"], changed["actor_id"]) == ("user.password_changed", str(ann.id))
    assert refused["action"] == "session.refused"


async def change_password(browser: Browser, token: str, current: str) -> httpx.Response:
    body = {"current": current, "new": "nine herons before noon"}
    return await browser.client.post("/auth/password", json=body, headers=bear(token))
