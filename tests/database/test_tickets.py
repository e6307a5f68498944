"""Tickets: references nobody shares, and states that a machine cannot take back from a person."""

import asyncio
from datetime import date

import pytest
from asyncpg import Record

from database import queue
from database.pool import Conn, DbConnection, DbPool
from database.queries import conversations, tickets
from database.types import ConversationId, MessageId
from tests.database.builders import (
    claim_one,
    make_message,
    make_request,
    open_conversation,
    publish_texts,
    queue_reply,
    settle,
)

DAY = date(2026, 11, 21)


async def read_ticket(conn: Conn, conversation_id: ConversationId) -> Record:
    row = await conn.fetchrow("SELECT * FROM tickets WHERE conversation_id = $1", conversation_id)
    assert row is not None
    return row


async def escalate(conn: Conn, conversation_id: ConversationId, route: str) -> str:
    return await tickets.escalate_ticket(
        conn, conversation_id, route=route, reason="reason", summary="summary", draft="draft", confidence=0.25
    )


async def test_two_hundred_concurrent_references_are_all_different(pool: DbPool) -> None:
    async def take() -> str:
        async with pool.acquire() as conn:
            return await tickets.take_reference(conn, "TF", DAY)

    references = await asyncio.gather(*(take() for _ in range(200)))
    assert sorted(references) == [f"TF-20261121-{number:04d}" for number in range(1, 201)]


async def test_after_9999_the_number_has_five_digits_and_the_next_day_begins_at_one(conn: DbConnection) -> None:
    await conn.execute("INSERT INTO ticket_days (day, last) VALUES ($1, 9998)", DAY)
    taken = [await tickets.take_reference(conn, "TF", DAY) for _ in range(3)]
    assert taken == ["TF-20261121-9999", "TF-20261121-10000", "TF-20261121-10001"]
    assert await tickets.take_reference(conn, "HD", date(2026, 11, 22)) == "HD-20261122-0001"
    assert await tickets.take_reference(conn, "TF", DAY) == "TF-20261121-10002"


async def test_a_conversation_keeps_its_first_ticket(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1")
    await tickets.add_ticket(conn, conversation_id, make_request("TF-2"))
    assert (await read_ticket(conn, conversation_id))["ref"] == "TF-1"


@pytest.mark.parametrize(
    ("before", "after"),
    [("open", "open"), ("auto_resolved", "open"), ("closed", "open"), ("escalated", "escalated")],
)
async def test_a_new_message_reopens_what_was_answered_and_leaves_a_person_their_ticket(
    before: str, after: str, conn: DbConnection
) -> None:
    conversation_id = await open_conversation(conn)
    await conn.execute("UPDATE tickets SET status = $1, route = 'billing', handover_reason = 'r'", before)
    await tickets.reopen_ticket(conn, conversation_id)
    assert (await read_ticket(conn, conversation_id))["status"] == after


@pytest.mark.parametrize(
    ("before", "after"),
    [("open", "auto_resolved"), ("escalated", "escalated"), ("closed", "closed")],
)
async def test_an_automatic_answer_resolves_only_an_open_ticket(before: str, after: str, conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await conn.execute("UPDATE tickets SET status = $1, route = 'billing', handover_reason = 'r'", before)
    await tickets.resolve_automatically(conn, conversation_id, confidence=0.9)
    assert (await read_ticket(conn, conversation_id))["status"] == after


@pytest.mark.parametrize(
    ("route", "stored", "team"),
    [
        ("billing", "billing", "Billing team"),
        ("legal", "legal", "Legal team"),
        ("security", "security", "Security team"),
        ("general", "general", "Support queue"),
        ("no such route", "general", "Support queue"),
        ("", "general", "Support queue"),
    ],
)
async def test_an_escalated_ticket_goes_to_the_team_of_its_route(
    route: str, stored: str, team: str, conn: DbConnection
) -> None:
    conversation_id = await open_conversation(conn)
    assert await escalate(conn, conversation_id, route) == team
    ticket = await read_ticket(conn, conversation_id)
    assert (ticket["status"], ticket["route"], ticket["team"]) == ("escalated", stored, team)
    assert (ticket["handover_reason"], ticket["handover_summary"], ticket["handover_draft"]) == (
        "reason",
        "summary",
        "draft",
    )
    assert ticket["confidence"] == 0.25


async def test_categorising_changes_what_the_ticket_is_about_and_not_its_state(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn)
    await escalate(conn, conversation_id, "billing")
    await tickets.categorise_ticket(conn, conversation_id, subject="Invoice", category="billing", priority="high")
    ticket = await read_ticket(conn, conversation_id)
    assert (ticket["subject"], ticket["category"], ticket["priority"]) == ("Invoice", "billing", "high")
    assert ticket["status"] == "escalated"


async def test_a_ticket_is_visible_before_any_worker_has_seen_it(conn: DbConnection) -> None:
    assert await tickets.view_ticket(conn, "TF-1", channel="web", inbox="form") is None
    await queue.publish(conn, make_message("TF-1", text="Hello", ticket=make_request("TF-1")))
    view = await tickets.view_ticket(conn, "TF-1", channel="web", inbox="form")
    assert view is not None
    assert (view["status"], view["answering"], view["subject"]) == ("open", True, "Exporting my data")
    assert [(message["author"], message["text"]) for message in view["messages"]] == [("customer", "Hello")]


async def test_a_customer_sees_their_words_and_only_replies_that_were_sent(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1")
    for state in ("queued", "sending", "failed", "unknown", "sent", "delivered", "read"):
        reply_id = await queue_reply(conn, conversation_id, state)
        await conn.execute("UPDATE outbox SET state = $2 WHERE id = $1", reply_id, state)
    view = await tickets.view_ticket(conn, "TF-1", channel="web", inbox="form")
    assert view is not None
    assert [message["text"] for message in view["messages"]] == [
        "How do I export my data?",
        "sent",
        "delivered",
        "read",
    ]


async def test_a_message_stored_and_still_waiting_is_shown_once(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1")
    await publish_texts(conn, "TF-1", "and another thing")
    lease = await claim_one(conn)
    (queued,) = lease.messages
    await conversations.add_message(
        conn, MessageId(queued.id), conversation_id, "customer", queued.message.text, created_at=queued.received_at
    )
    for is_settled in (False, True):
        view = await tickets.view_ticket(conn, "TF-1", channel="web", inbox="form")
        assert view is not None
        assert sorted(message["text"] for message in view["messages"]) == [
            "How do I export my data?",
            "and another thing",
        ]
        assert view["answering"] is not is_settled
        if not is_settled:
            await settle(conn, lease)


async def test_a_ticket_that_a_person_has_is_not_shown_as_being_answered(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, "TF-1")
    await conn.execute("UPDATE conversations SET owner = 'person' WHERE id = $1", conversation_id)
    await publish_texts(conn, "TF-1", "one more thing")
    view = await tickets.view_ticket(conn, "TF-1", channel="web", inbox="form")
    assert view is not None
    assert view["answering"] is False
    assert "one more thing" in [message["text"] for message in view["messages"]]
