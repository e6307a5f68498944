"""Notices: a team hears of every reply that did not arrive, once, and again only if it fails again."""

import asyncio

import pytest

from database import outbox, undelivered
from database.pool import Conn, DbConnection, DbPool
from database.queries.notices import list_notices, report_undelivered, settle_notices
from database.types import ConversationId, MessageId, StatusUpdate
from tests.database.deliveries import (
    claim_reply,
    open_chat,
    queue_chat_reply,
    read_problem,
    read_state,
    report,
    send_reply,
)


async def list_open(conn: Conn) -> list[tuple[MessageId, str, str]]:
    return [(row["message_id"], row["kind"], row["text"]) for row in await list_notices(conn, None, max_rows=10)]


async def fail_reply(conn: Conn, conversation_id: ConversationId, reason: str = "no such number") -> MessageId:
    reply_id = await queue_chat_reply(conn, conversation_id)
    await undelivered.fail(conn, await claim_reply(conn), reason)
    return reply_id


async def test_a_failure_marks_the_ticket_hands_it_to_a_person_and_tells_the_team(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await fail_reply(conn, conversation_id)
    assert await read_state(conn, reply_id) == "failed"
    (notice,) = await list_notices(conn, None, max_rows=10)
    general = await conn.fetchval("SELECT team FROM escalation_routes WHERE category = 'general'")
    assert (notice["team"], notice["kind"], notice["text"]) == (general, "undelivered", "no such number")
    assert (notice["conversation_id"], notice["ticket_ref"]) == (conversation_id, "+15550111")
    ticket = await conn.fetchrow("SELECT * FROM tickets WHERE conversation_id = $1", conversation_id)
    assert ticket is not None
    assert (ticket["status"], ticket["delivery_problem"], ticket["route"]) == ("escalated", "no such number", "general")
    assert await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", conversation_id) == "person"


async def test_the_team_that_has_the_ticket_already_is_told_and_its_reason_kept(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    handed_over = (
        "UPDATE tickets SET status = 'escalated', route = 'billing', team = 'Billing', handover_reason = 'a refund'"
    )
    await conn.execute(handed_over)
    await fail_reply(conn, conversation_id)
    (notice,) = await list_notices(conn, "Billing", max_rows=10)
    assert notice["team"] == "Billing"
    assert await list_notices(conn, "Security", max_rows=10) == []
    ticket = await conn.fetchrow("SELECT route, handover_reason FROM tickets")
    assert ticket is not None
    assert tuple(ticket) == ("billing", "a refund")


async def test_the_same_failure_is_told_once(conn: DbConnection) -> None:
    reply_id = await fail_reply(conn, await open_chat(conn))
    await report_undelivered(conn, reply_id, "undelivered", "said once more")
    assert await list_open(conn) == [(reply_id, "undelivered", "no such number")]


async def test_workers_and_callbacks_that_tell_at_once_tell_once(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        reply = await send_reply(conn, await open_chat(conn))

    async def tell(text: str) -> None:
        async with pool.acquire() as conn, conn.transaction():
            await report_undelivered(conn, reply.id, "undelivered", text)

    await asyncio.gather(*(tell(f"from {number}") for number in range(8)))
    async with pool.acquire() as conn:
        assert len(await list_open(conn)) == 1


async def test_a_reply_that_fails_again_after_it_was_settled_is_told_again(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await fail_reply(conn, conversation_id)
    await outbox.send_again(conn, reply_id)
    await settle_notices(conn, reply_id)
    assert (await list_open(conn), await read_problem(conn, conversation_id)) == ([], None)
    await undelivered.fail(conn, await claim_reply(conn), "still no such number")
    assert await list_open(conn) == [(reply_id, "undelivered", "still no such number")]
    assert await read_problem(conn, conversation_id) == "still no such number"


async def test_a_ticket_stays_marked_as_long_as_one_of_its_replies_is_a_problem(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    first, second = await fail_reply(conn, conversation_id, "one"), await fail_reply(conn, conversation_id, "two")
    for reply_id, problem in ((first, "two"), (second, None)):
        await outbox.confirm_sent(conn, reply_id)
        await settle_notices(conn, reply_id)
        assert await read_problem(conn, conversation_id) == problem


async def test_settling_one_conversations_reply_leaves_the_others_alone(conn: DbConnection) -> None:
    mine, other = await open_chat(conn), await open_chat(conn, "+15550122")
    settled, left = await fail_reply(conn, mine), await fail_reply(conn, other)
    await outbox.confirm_sent(conn, settled)
    await settle_notices(conn, settled)
    assert [message_id for message_id, _, _ in await list_open(conn)] == [left]
    assert await read_problem(conn, other) == "no such number"


async def test_the_answer_to_a_send_does_not_settle_what_the_vendor_has_failed_since(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, vendor_id="SM1", error="unreachable"))
    await outbox.mark_sent(conn, reply, "SM1")
    await settle_notices(conn, reply.id)
    assert await list_open(conn) == [(reply.id, "undelivered", "unreachable")]
    assert await read_problem(conn, conversation_id) == "unreachable"


async def test_doubt_and_failure_of_one_reply_are_two_matters_that_end_together(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    await undelivered.leave_in_doubt(conn, reply, "timed out")
    await report(conn, StatusUpdate("failed", outbox_id=reply.id, error="unreachable"))
    assert [kind for _, kind, _ in await list_open(conn)] == ["in_doubt", "undelivered"]
    await report(conn, StatusUpdate("delivered", outbox_id=reply.id))
    assert (await list_open(conn), await read_problem(conn, conversation_id)) == ([], None)


async def test_a_reply_in_doubt_marks_its_ticket_and_leaves_the_conversation_with_the_agent(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await queue_chat_reply(conn, conversation_id)
    await undelivered.leave_in_doubt(conn, await claim_reply(conn), "timed out")
    assert await read_problem(conn, conversation_id) == "timed out"
    assert await conn.fetchval("SELECT owner FROM conversations WHERE id = $1", conversation_id) == "agent"
    assert await conn.fetchval("SELECT status FROM tickets WHERE conversation_id = $1", conversation_id) == "open"


async def test_a_code_that_does_not_arrive_is_nobodys_ticket(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    reply_id = await queue_chat_reply(conn, conversation_id)
    await conn.execute("UPDATE outbox SET kind = 'code'")
    await undelivered.fail(conn, await claim_reply(conn), "no such mailbox")
    assert await read_state(conn, reply_id) == "failed"
    assert (await list_open(conn), await read_problem(conn, conversation_id)) == ([], None)


@pytest.mark.parametrize("text", ["", "a\x00b", "half \ud83d of it", "x" * 100_000])
async def test_any_reason_is_told(text: str, conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await fail_reply(conn, conversation_id, text)
    ((_, _, told),) = await list_open(conn)
    assert told == await read_problem(conn, conversation_id)
    assert "\x00" not in told
    assert len(told) <= len(text)
