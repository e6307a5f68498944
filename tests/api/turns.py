"""What a worker does to the database, step by step, without the agent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from core.ids import new_id
from database import outbox, queue
from database.notify import WAKE_CHANNEL
from database.pool import Conn, DbPool, connect
from database.queries import conversations, customers, tickets
from database.types import Citation, ConversationId, Lease, MessageId, ThreadId, WorkerId

WORKER = WorkerId(UUID(int=7))


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed thread whose messages are stored."""

    lease: Lease
    conversation_id: ConversationId


async def claim_ticket(conn: Conn, ref: str) -> Lease:
    """Claim the ticket's thread."""
    thread_id: ThreadId = await conn.fetchval("SELECT id FROM queue_threads WHERE contact = $1", ref)
    lease = await queue.claim_thread(conn, WORKER, thread_id, lease_seconds=60)
    assert lease is not None
    return lease


async def take_turn(pool: DbPool, ref: str) -> Turn:
    """Claim the ticket's thread and store what arrived, as a worker does before it thinks."""
    async with pool.acquire() as conn, conn.transaction():
        lease = await claim_ticket(conn, ref)
        thread_id = lease.thread_id
        conversation_id = await conversations.find_conversation(conn, thread_id)
        if conversation_id is None:
            first = lease.messages[0].message
            assert first.sender is not None
            assert first.ticket is not None
            customer_id = await customers.resolve_customer(conn, first.sender)
            conversation_id = await conversations.add_conversation(conn, thread_id, customer_id, first, first.sender)
            await tickets.add_ticket(conn, conversation_id, first.ticket)
        for queued in lease.messages:
            await conversations.add_message(
                conn, queued.id, conversation_id, "customer", queued.message.text, created_at=queued.received_at
            )
        await tickets.reopen_ticket(conn, conversation_id)
    return Turn(lease, conversation_id)


async def answer(pool: DbPool, turn: Turn, text: str, citations: Sequence[Citation] = ()) -> MessageId:
    """Commit a reply that is not sent yet."""
    message_id = MessageId(new_id())
    first = turn.lease.messages[0].message
    async with pool.acquire() as conn, conn.transaction():
        await queue.fence(conn, turn.lease)
        await conversations.add_message(conn, message_id, turn.conversation_id, "assistant", text, citations=citations)
        await outbox.add(conn, message_id, turn.conversation_id, first.channel, first.inbox)
        await tickets.resolve_automatically(conn, turn.conversation_id, confidence=0.9)
        await conversations.record_turn(conn, turn.conversation_id, owner="agent", sentiment=0.1, automatic_replies=1)
        await queue.complete(conn, turn.lease)
    return message_id


async def hand_over(
    pool: DbPool,
    turn: Turn,
    route: str,
    *,
    reason: str = "the internal reason",
    summary: str = "the internal summary",
    draft: str | None = "the internal draft",
) -> None:
    """Commit an escalation."""
    async with pool.acquire() as conn, conn.transaction():
        await queue.fence(conn, turn.lease)
        await tickets.escalate_ticket(
            conn,
            turn.conversation_id,
            route=route,
            reason=reason,
            summary=summary,
            draft=draft,
            confidence=0.2,
        )
        await conversations.record_turn(conn, turn.conversation_id, owner="person", sentiment=0.0, automatic_replies=0)
        await queue.complete(conn, turn.lease)


async def deliver(pool: DbPool, turn: Turn) -> None:
    """Send what waits in the outbox of this turn's conversation."""
    async with pool.acquire() as conn:
        replies = await outbox.claim(conn, max_replies=10, lease_seconds=60, only_thread=turn.lease.thread_id)
        assert replies
        for reply in replies:
            await outbox.mark_sent(conn, reply, "web:test")


@asynccontextmanager
async def woken(database_url: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set when workers are woken."""
    event = asyncio.Event()
    conn = await connect(database_url, application="test")
    try:
        await conn.add_listener(WAKE_CHANNEL, lambda *_: event.set())
        yield event
    finally:
        await conn.close()
