"""API3:2023 Broken Object Property Level Authorization.

Somebody sets, or is shown, what is not theirs to set or to see.
"""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.api.service import expect_problem
from tests.api.world import META_SECRET, World


async def test_no_body_takes_a_field_that_it_does_not_name(world: World, client: httpx.AsyncClient) -> None:
    smuggled = {
        "role": "admin",
        "scopes": ["admin"],
        "status": "closed",
        "customer_id": str(world.owner.customer_id),
    }
    described = world.service.app.openapi()
    tried = 0
    for path, method, schema in list_bodies(described):
        extra = {name: value for name, value in smuggled.items() if name not in schema["properties"]}
        url = path.format(**world.ids)
        holder = path.startswith("/support/ticket/")
        headers = world.owner.holding if holder else world.admin
        problem = expect_problem(await client.request(method, url, json=extra, headers=headers), 422)
        assert set(extra) <= {error["field"] for error in problem["errors"]}, path
        tried += 1
    assert tried > 20


async def test_a_customer_opens_a_ticket_for_nobody_else(world: World, client: httpx.AsyncClient) -> None:
    body = {"subject": "Hello", "message": "Hello", "customer": {"email": world.owner.email, "name": "Ada"}}
    expect_problem(await client.post("/tickets", json=body, headers=world.other.headers), 422)


async def test_a_customer_is_shown_nothing_of_the_inside(world: World, client: httpx.AsyncClient) -> None:
    note = {"text": "The customer is lying."}
    await client.post(f"/tickets/{world.owner.ref}/notes", json=note, headers=world.agent)
    shown = await client.get(f"/tickets/{world.owner.ref}", headers=world.owner.headers)
    page = await client.get(f"/support/ticket/{world.owner.ref}", headers=world.owner.holding)
    assert shown.json() == page.json()
    assert not {"notes", "runs", "route", "assignee", "confidence", "customer", "handover_reason"} & set(page.json())
    assert note["text"] in (await client.get(f"/tickets/{world.owner.ref}", headers=world.agent)).text


async def test_no_answer_holds_a_password_a_hash_or_a_key(world: World, client: httpx.AsyncClient) -> None:
    for path in ("/users", "/keys", "/agents", "/settings/overview", "/settings/channels", "/audit", "/auth/me"):
        text = (await client.get(path, headers=world.admin)).text
        assert not [word for word in ("$2b$", "key_hash", "password_hash", META_SECRET) if word in text], path


def list_bodies(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and schema of every JSON body that the API takes."""
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            references = [each["$ref"] for each in (schema, *schema.get("anyOf", ())) if "$ref" in each]
            for reference in references:
                yield path, method, described["components"]["schemas"][reference.rpartition("/")[2]]
