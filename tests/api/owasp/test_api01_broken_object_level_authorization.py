"""API1:2023 Broken Object Level Authorization. Somebody asks for another one's object by its id."""

import httpx

from tests.api.service import expect_problem
from tests.api.world import World


async def test_a_foreign_ticket_looks_like_none_however_its_name_is_written(
    world: World, client: httpx.AsyncClient
) -> None:
    ref = world.owner.ref
    for name in (ref, ref.lower(), f"{ref}%00", f"{ref}/", f"./{ref}", f"{world.other.ref}/../{ref}"):
        answer = await client.get(f"/tickets/{name}", headers=world.other.headers, follow_redirects=True)
        assert answer.status_code in {404, 422}, name
    foreign = await client.get(f"/tickets/{ref}", headers=world.other.headers)
    unknown = await client.get("/tickets/TF-20200101-9999", headers=world.other.headers)
    assert foreign.json() == unknown.json()


async def test_no_filter_search_or_cursor_leads_to_foreign_tickets(world: World, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post("/tickets", json={"subject": "More", "message": "Hello"}, headers=world.owner.headers)
    page = (await client.get("/tickets", params={"limit": 1}, headers=world.owner.headers)).json()
    attempts: list[dict[str, str]] = [{"q": "password"}, {"sort": "urgency"}, {"cursor": page["next_cursor"]}]
    for asked in attempts:
        answer = await client.get("/tickets", params=asked, headers=world.other.headers)
        assert world.owner.ref not in answer.text
        assert {row["customer_id"] for row in answer.json().get("tickets", [])} <= {str(world.other.customer_id)}
    asked = {"customer_id": str(world.owner.customer_id)}
    expect_problem(await client.get("/tickets", params=asked, headers=world.other.headers), 403)


async def test_a_ticket_token_opens_no_other_tickets_page_and_no_file_of_it(
    world: World, client: httpx.AsyncClient
) -> None:
    mine, theirs = world.other, world.owner
    for path in (
        f"{theirs.ref}",
        f"{theirs.ref}/attachments/{theirs.file_id}",
        f"{mine.ref}/attachments/{theirs.file_id}",
    ):
        expect_problem(await client.get(f"/support/ticket/{path}", headers=mine.holding), 404)
    assert (await client.get(f"/support/ticket/{mine.ref}/attachments/{mine.file_id}", headers=mine.holding)).is_success


async def test_an_export_of_oneself_holds_nobody_else(world: World, client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/me/export", params={"customer_id": str(world.owner.customer_id)}, headers=world.other.headers
    )
    assert world.other.ref in answer.text
    for secret in (world.owner.ref, world.owner.email, str(world.owner.customer_id)):
        assert secret not in answer.text
