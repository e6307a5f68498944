"""Lists of tickets: in every order, a page at a time, filtered, searched; and their numbers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.ids import new_id
from core.settings import Settings
from database.pool import Conn
from database.queries import conversations
from database.types import Author, Channel, ConversationId, MessageId
from tests.api.callers import SignIn
from tests.api.service import Service, expect_problem, name_fields, open_service
from tests.conftest import cloned
from tests.database.builders import open_conversation

DAY = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
Headers = dict[str, str]


@dataclass
class Shelf:
    """A desk with tickets, and somebody of its staff."""

    service: Service
    headers: Headers
    user_id: UUID
    colleague: UUID
    sign_in: SignIn

    async def list(self, **query: Any) -> list[str]:
        """The last digit of each ticket's reference, over all pages of two."""
        found: list[str] = []
        while True:
            page = await self.page(limit=2, **query)
            found += [ticket["ticket_ref"][-1] for ticket in page["tickets"]]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    async def page(self, **query: Any) -> dict[str, Any]:
        response = await self.service.client.get("/tickets", params=query, headers=self.headers)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page


@dataclass(frozen=True)
class Row:
    """A ticket: hours since it was opened and since it last moved, and hours until it is due."""

    digit: str
    status: str
    priority: str
    category: str
    channel: Channel
    age: int
    moved: int
    due: int
    said: str


TICKETS = [
    Row("1", "open", "low", "general", "web", 50, 5, 9, "Where is my second invoice?"),
    Row("2", "escalated", "urgent", "billing", "gmail", 40, 4, 8, "Wo ist meine Rechnung?"),
    Row("3", "escalated", "medium", "billing", "web", 30, 9, 3, "注文の 発送 はいつですか"),
    Row("4", "closed", "high", "orders", "whatsapp", 20, 1, 1, "Thank you."),
    Row("5", "auto_resolved", "urgent", "general", "web", 10, 2, 2, "How do I export my tasks?"),
]


@pytest.fixture(scope="module")
async def shelf(server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shelf]:
    """One that no test changes."""
    assert template_url
    settings = Settings.model_construct(data_dir=tmp_path_factory.mktemp("lists"))
    async with cloned(server_url, "nightdesk_template") as url, open_service(settings, url) as opened:
        yield await fill(opened)


@pytest.fixture
async def own_shelf(fresh: Service) -> Shelf:
    """One for this test alone."""
    return await fill(fresh)


async def fill(service: Service) -> Shelf:
    sign_in = SignIn(service)
    headers, user_id = await sign_in.staff()
    _, colleague = await sign_in.staff("Kim Lee")
    async with service.pool.acquire() as conn, conn.transaction():
        for row in TICKETS:
            await add_ticket(conn, row)
        await open_conversation(conn, "TF-20261121-0006", inbox="probe")
        await conn.execute("UPDATE tickets SET assignee_id = $1 WHERE ref LIKE '%2'", user_id)
        await conn.execute("UPDATE tickets SET assignee_id = $1 WHERE ref LIKE '%5'", colleague)
        await conn.execute("UPDATE tickets SET delivery_problem = 'refused' WHERE ref LIKE '%3'")
    return Shelf(service, headers, user_id, colleague, sign_in)


async def add_ticket(conn: Conn, row: Row) -> None:
    ref = f"TF-20261121-000{row.digit}"
    conversation_id = await open_conversation(conn, ref, channel=row.channel)
    await conn.execute(
        "UPDATE tickets SET status = $2, priority = $3, category = $4, route = $4, handover_reason = 'r', "
        "created_at = $5, updated_at = $6, first_reply_due = $7, subject = 'Matter ' || $8 WHERE conversation_id = $1",
        conversation_id,
        row.status,
        row.priority,
        row.category,
        DAY - timedelta(hours=row.age),
        DAY - timedelta(hours=row.moved),
        DAY + timedelta(hours=row.due),
        row.digit,
    )
    if row.status == "escalated":
        await conn.execute("UPDATE conversations SET owner = 'person' WHERE id = $1", conversation_id)
    await say(conn, ref, row.said)


async def say(conn: Conn, ref: str, text: str, author: Author = "customer") -> None:
    conversation_id = ConversationId(await conn.fetchval("SELECT conversation_id FROM tickets WHERE ref = $1", ref))
    await conversations.add_message(conn, MessageId(new_id()), conversation_id, author, text)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [("activity", "45213"), ("created", "54321"), ("waiting", "32154"), ("priority", "25431")],
)
async def test_every_order_goes_through_all_pages_without_gap_or_repeat(shelf: Shelf, sort: str, expected: str) -> None:
    assert "".join(await shelf.list(sort=sort)) == expected
    # Through a filter that few tickets pass, the order is the same.
    everybody = (await shelf.page())["tickets"][0]["customer_id"]
    assert "".join(await shelf.list(sort=sort, customer_id=everybody)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": ["open", "closed"]}, "14"),
        ({"status": ["open", "open"]}, "1"),
        ({"channel": "gmail"}, "2"),
        ({"route": "billing"}, "23"),
        ({"priority": "urgent"}, "25"),
        ({"category": "general"}, "15"),
        ({"assignee": "none"}, "134"),
        ({"assignee": "me"}, "2"),
        ({"has_delivery_problem": True}, "3"),
        ({"has_delivery_problem": False}, "1245"),
        ({"created_from": (DAY - timedelta(hours=30)).isoformat()}, "345"),
        ({"created_to": (DAY - timedelta(hours=30)).isoformat()}, "12"),
        ({"status": "escalated", "priority": "medium"}, "3"),
        ({"assignee": "me", "status": "open"}, ""),
    ],
)
async def test_a_filter_leaves_what_was_asked_for(shelf: Shelf, query: dict[str, Any], expected: str) -> None:
    assert "".join(sorted(await shelf.list(**query))) == expected


async def test_what_a_colleague_has_is_found_by_their_id(shelf: Shelf) -> None:
    assert await shelf.list(assignee=str(shelf.colleague)) == ["5"]
    assert await shelf.list(assignee=str(uuid4())) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Rechnung", "2"),
        ("rechnung", "2"),
        ("発送", "3"),
        ("invoice OR Rechnung", "12"),
        ('"second invoice"', "1"),
        ('"invoice second"', ""),
        ("invoice -second", ""),
        ("matter 4", "4"),
        ("TF-20261121-0005", "5"),
        ("nowhere", ""),
        ('"', ""),
        ("& | ! ( )", ""),
    ],
)
async def test_words_are_found_in_subjects_and_messages_of_any_language(
    shelf: Shelf, words: str, expected: str
) -> None:
    assert "".join(sorted(await shelf.list(q=words))) == expected


async def test_a_search_keeps_filters_and_order(shelf: Shelf) -> None:
    assert await shelf.list(q="matter", sort="created") == list("54321")
    assert await shelf.list(q="matter", status="escalated", sort="waiting") == ["3", "2"]


async def test_a_text_of_any_length_is_stored_and_its_beginning_searched(own_shelf: Shelf) -> None:
    words = " ".join(f"wörd{n}-ünd-{n}" for n in range(20_000))
    async with own_shelf.service.pool.acquire() as conn:
        await say(conn, "TF-20261121-0001", f"Anfang {words}")
    assert await own_shelf.list(q="anfang") == ["1"]


async def test_a_row_says_who_spoke_last_and_what_waits_for_a_person(own_shelf: Shelf) -> None:
    ref = "TF-20261121-0002"
    (row,) = (await own_shelf.page(q=ref))["tickets"]
    assert (row["awaits_person"], row["last_message"]["author"]) == (True, "customer")
    assert row["page"] is None
    assert row["assignee"] == {"id": str(own_shelf.user_id), "name": "Sam Field"}
    assert (row["customer_name"], row["channel"], row["owner"]) == ("Alice Abbott", "gmail", "person")
    async with own_shelf.service.pool.acquire() as conn:
        await say(conn, ref, "x" * 500, "person")
        await say(conn, ref, "A code was sent.", "system")
    (row,) = (await own_shelf.page(q=ref))["tickets"]
    assert (row["awaits_person"], row["last_message"]["author"]) == (False, "person")
    assert row["last_message"]["excerpt"] == "x" * 200


async def test_a_row_shows_an_answer_without_the_markers_of_its_sources(own_shelf: Shelf) -> None:
    ref = "TF-20261121-0002"
    async with own_shelf.service.pool.acquire() as conn:
        await say(conn, ref, "Choose Export [1]. It takes an hour [2].", "assistant")
    (row,) = (await own_shelf.page(q=ref))["tickets"]
    assert row["last_message"]["excerpt"] == "Choose Export. It takes an hour."
    async with own_shelf.service.pool.acquire() as conn:
        await say(conn, ref, "row [1] fails", "customer")
    (row,) = (await own_shelf.page(q=ref))["tickets"]
    assert row["last_message"]["excerpt"] == "row [1] fails"


async def test_a_customer_sees_their_own_tickets_as_their_pages_show_them(own_shelf: Shelf) -> None:
    headers, _, customer_id = await own_shelf.sign_in.customer()
    async with own_shelf.service.pool.acquire() as conn:
        await conn.execute(
            "UPDATE conversations v SET customer_id = $1 FROM tickets t "
            "WHERE t.conversation_id = v.id AND t.ref LIKE '%3'",
            customer_id,
        )
        await say(conn, "TF-20261121-0003", "An answer that is not sent yet.", "person")
    own = replace(own_shelf, headers=headers)
    (row,) = (await own.page())["tickets"]
    assert row["ticket_ref"] == "TF-20261121-0003"
    assert [row[name] for name in ("intent", "route", "assignee", "delivery_problem")] == [None] * 4
    assert row["last_message"]["author"] == "customer"
    shown = await own_shelf.service.client.get(f"/support{row['page']}")
    assert shown.status_code == 200, shown.text
    assert await own.list(q="matter") == ["3"]
    counts = await own_shelf.service.client.get("/tickets/counts", headers=headers)
    assert counts.json() == {"open": 0, "auto_resolved": 0, "escalated": 1, "closed": 0, "unassigned": 0, "mine": 1}


@pytest.mark.parametrize("name", ["route", "assignee", "customer_id", "has_delivery_problem"])
async def test_a_customer_asks_for_nothing_internal(service: Service, sign_in: SignIn, name: str) -> None:
    headers, _, _ = await sign_in.customer()
    values = {"route": "billing", "assignee": "me", "customer_id": str(uuid4()), "has_delivery_problem": "true"}
    response = await service.client.get("/tickets", params={name: values[name]}, headers=headers)
    assert name in expect_problem(response, 403)["detail"]


async def test_tabs_show_how_many_there_are_of_each_status(shelf: Shelf) -> None:
    counts = await shelf.service.client.get("/tickets/counts", headers=shelf.headers)
    assert counts.json() == {"open": 1, "auto_resolved": 1, "escalated": 2, "closed": 1, "unassigned": 1, "mine": 1}


@pytest.mark.parametrize("cursor", ["", "x", "x" * 500, "é", "\x00", "0" * 32, "W10=" + "0" * 32])
async def test_a_cursor_that_is_none_of_ours_is_refused(service: Service, sign_in: SignIn, cursor: str) -> None:
    headers, _ = await sign_in.staff()
    response = await service.client.get("/tickets", params={"cursor": cursor}, headers=headers)
    assert name_fields(expect_problem(response, 422)) == {"cursor"}


async def test_a_cursor_of_one_order_is_none_of_another(shelf: Shelf) -> None:
    cursor = (await shelf.page(limit=1))["next_cursor"]
    response = await shelf.service.client.get(
        "/tickets", params={"cursor": cursor, "sort": "created"}, headers=shelf.headers
    )
    assert name_fields(expect_problem(response, 422)) == {"cursor"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "gone"}, "status"),
        ({"assignee": "you"}, "assignee"),
        ({"customer_id": "1"}, "customer_id"),
        ({"created_from": "0001-01-01T00:00:00+14:00"}, "created_from"),
        ({"created_to": "9999-12-31T23:59:59-12:00"}, "created_to"),
        ({"created_from": "2026-11-21T00:00:00"}, "created_from"),
        ({"limit": 0}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"q": "\x00"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"route": "a\x00"}, "route"),
        ({"sort": "random"}, "sort"),
        ({"more": "1"}, "more"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(
    service: Service, sign_in: SignIn, query: dict[str, Any], field: str
) -> None:
    headers, _ = await sign_in.staff()
    response = await service.client.get("/tickets", params=query, headers=headers)
    assert {name.split(".")[0] for name in name_fields(expect_problem(response, 422))} == {field}
