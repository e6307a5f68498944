"""What staff do and whom they look at is recorded, by every route that shows or changes something of customers."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.dependencies.models import Dependant

from api.access import Allow, list_declarations
from api.audit import open_audit
from api.openapi import list_routes
from tests.api.service import Service, expect_problem, issue_key, name_fields, submit
from tests.api.turns import take_turn
from tests.database.test_audit import UNGUARDED

# Routes of staff and machines without anything of customers in them, and why.
UNRECORDED = {
    "GET /audit": "it shows staff, and would fill itself",
    "GET /audit/verify": "numbers and a hash",
    "GET /admin/metrics": "figures",
    "GET /metrics": "figures",
    "GET /metrics/channels": "figures",
    "GET /metrics/channels.csv": "figures",
    "GET /tickets/counts": "figures",
    "GET /events": "references and states; whoever looks at one of the tickets is recorded there",
    "GET /me/export": "what customers see of themselves; staff have nothing there",
    "GET /agents": "names of staff",
    "GET /keys": "names of machines",
    "GET /knowledge/articles": "what customers may read anyway, and drafts of it",
    "GET /knowledge/articles/{article_id}": "the same",
    "GET /knowledge/uploads": "names of files of staff",
    "GET /knowledge/uploads/{upload_id}": "the same",
    "POST /knowledge/search": "a question of staff, and passages",
    "GET /settings/overview": "how the desk is set up",
    "GET /settings/channels": "the same",
    "GET /settings/routes": "the same",
    "GET /settings/test-messages/{message_id}": "an address that is no customer's",
}


@pytest.fixture
async def admin(fresh: Service) -> dict[str, str]:
    """The headers of somebody who may do everything, on an application whose log is empty."""
    return {"X-API-Key": await issue_key(fresh.pool, "admin"), "User-Agent": "Firefox/140"}


async def read_log(service: Service, headers: dict[str, str], **asked: str) -> list[dict[str, Any]]:
    """The entries, newest first."""
    response = await service.client.get("/audit", params=asked, headers=headers)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["entries"]
    return entries


def uses_audit(dependant: Dependant) -> bool:
    """Whether a route has asked for the audit log. An argument that it does not use then fails the linter."""
    return dependant.call is open_audit or any(uses_audit(needed) for needed in dependant.dependencies)


async def test_every_route_of_staff_records_or_shows_nothing_of_customers(service: Service) -> None:
    unrecorded = {
        f"{method} {route.path}"
        for route in list_routes(service.app)
        for method in route.methods or ()
        if any(isinstance(access, Allow) for access in list_declarations(route.dependant))
        and not uses_audit(route.dependant)
    }
    assert unrecorded == set(UNRECORDED)


async def test_a_conversation_that_is_read_is_recorded_with_who_and_from_where(
    fresh: Service, admin: dict[str, str]
) -> None:
    accepted = await submit(fresh.client)
    turn = await take_turn(fresh.pool, accepted["ticket_ref"])
    answers = [await fresh.client.get(f"/conversations/{turn.conversation_id}", headers=admin) for _ in range(3)]
    [entry] = await read_log(fresh, admin)
    assert (entry["action"], entry["object_kind"], entry["object_id"]) == (
        "conversation.read",
        "conversation",
        str(turn.conversation_id),
    )
    assert (entry["actor_kind"], entry["address"], entry["user_agent"]) == ("key", "127.0.0.1", "Firefox/140")
    assert entry["request_id"] == answers[0].headers["x-request-id"], "three readings in a row are one"


async def test_every_customer_that_a_lookup_shows_is_recorded(fresh: Service, admin: dict[str, str]) -> None:
    accepted = await submit(fresh.client, email="ada@example.com")
    await take_turn(fresh.pool, accepted["ticket_ref"])
    found = (await fresh.client.get("/customers/lookup?email=ada@example.com", headers=admin)).json()["customers"]
    await fresh.client.get("/customers/lookup?email=nobody@example.com", headers=admin)
    entries = await read_log(fresh, admin)
    assert [(entry["action"], entry["object_id"]) for entry in entries] == [("customer.looked_up", found[0]["id"])]


@pytest.mark.parametrize(
    ("path", "action"), [("/deliveries", "delivery.listed"), ("/notices", "notice.listed")], ids=str
)
async def test_lists_of_what_customers_were_told_are_recorded(
    fresh: Service, admin: dict[str, str], path: str, action: str
) -> None:
    assert (await fresh.client.get(path, headers=admin)).status_code == 200
    assert [entry["action"] for entry in await read_log(fresh, admin)] == [action]


async def test_what_was_refused_or_not_found_is_not_recorded(fresh: Service, admin: dict[str, str]) -> None:
    assert (await fresh.client.get(f"/conversations/{uuid4()}", headers=admin)).status_code == 404
    assert (await fresh.client.get(f"/attachments/{uuid4()}", headers=admin)).status_code == 404
    settled = await fresh.client.post(f"/deliveries/{uuid4()}/verdict", json={"outcome": "sent"}, headers=admin)
    assert settled.status_code == 409
    assert (await fresh.client.get("/deliveries")).status_code == 401
    assert await read_log(fresh, admin) == []


async def test_the_log_is_for_administrators_alone(service: Service) -> None:
    staff = {"X-API-Key": await issue_key(service.pool, "tickets:read", "customers:read", "metrics:read")}
    for path in ("/audit", "/audit/verify"):
        expect_problem(await service.client.get(path, headers=staff), 403)
        expect_problem(await service.client.get(path), 401)


async def test_pages_of_the_log_follow_one_another_and_take_filters(fresh: Service, admin: dict[str, str]) -> None:
    other = {"X-API-Key": await issue_key(fresh.pool, "admin")}
    for path in ("/deliveries", "/notices"):
        for headers in (admin, other):
            await fresh.client.get(path, headers=headers)
    first = (await fresh.client.get("/audit?limit=3", headers=admin)).json()
    assert [entry["seq"] for entry in first["entries"]] == [4, 3, 2]
    second = (await fresh.client.get(f"/audit?limit=3&before={first['next']}", headers=admin)).json()
    assert [entry["seq"] for entry in second["entries"]] == [1]
    assert second["next"] is None
    actor = first["entries"][0]["actor_id"]
    assert [entry["seq"] for entry in await read_log(fresh, admin, actor_id=actor)] == [4, 2]
    assert [entry["seq"] for entry in await read_log(fresh, admin, action="notice.listed", actor_id=actor)] == [4]
    moment = first["entries"][1]["at"]
    assert [entry["seq"] for entry in await read_log(fresh, admin, since=moment)] == [4, 3]
    assert [entry["seq"] for entry in await read_log(fresh, admin, until=moment)] == [2, 1]


@pytest.mark.parametrize(
    "query",
    [
        "actor_id=1",
        "action=DROP",
        "action=%00",
        "object_kind=ticket",
        "object_id=TF-20261121-0001",
        "object_kind=ticket&object_id=a@b",
        "since=yesterday",
        "since=2026-11-21T09:30:00",
        "until=9999-12-31T23:59:59-12:00",
        "since=-infinity",
        "before=0",
        "before=9223372036854775808",
        "limit=0",
        "limit=501",
    ],
)
async def test_what_is_no_filter_is_refused(service: Service, query: str) -> None:
    headers = {"X-API-Key": await issue_key(service.pool, "admin")}
    assert name_fields(expect_problem(await service.client.get(f"/audit?{query}", headers=headers), 422))


async def test_a_log_that_was_touched_is_not_whole(fresh: Service, admin: dict[str, str]) -> None:
    for path in ("/deliveries", "/notices"):
        await fresh.client.get(path, headers=admin)
    check = (await fresh.client.get("/audit/verify", headers=admin)).json()
    assert (check["is_whole"], check["first_seq"], check["last_seq"], check["broken"]) == (True, 1, 2, None)
    async with fresh.pool.acquire() as conn:
        await conn.execute(f"{UNGUARDED} DELETE FROM audit_log WHERE seq = 2")
    check = (await fresh.client.get("/audit/verify?newest=1", headers=admin)).json()
    assert (check["is_whole"], check["broken"]) == (False, {"seq": 2, "reason": "missing"})


async def test_what_cannot_be_recorded_is_not_shown(
    fresh: Service, admin: dict[str, str], quiet_log: list[Any]
) -> None:
    accepted = await submit(fresh.client)
    turn = await take_turn(fresh.pool, accepted["ticket_ref"])
    async with fresh.pool.acquire() as conn:
        await conn.execute("ALTER TABLE audit_log RENAME TO audit_log_gone")
    response = await fresh.client.get(f"/conversations/{turn.conversation_id}", headers=admin)
    expect_problem(response, 500)
    assert "messages" not in response.text
    assert quiet_log
