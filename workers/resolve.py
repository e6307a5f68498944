"""From claimed messages to a conversation: customer, conversation, ticket and inbound messages, idempotently."""

from datetime import timedelta

from core.settings import TicketSettings
from database import queue
from database.pool import Conn, DbPool
from database.queries import conversations, customers, tickets
from database.types import ConversationId, ConversationState, InboundMessage, Lease, QueuedMessage, TicketRequest


class UnknownSender(Exception):
    """The first message of a thread does not say who sent it."""


async def resolve_thread(pool: DbPool, lease: Lease, settings: TicketSettings) -> ConversationState:
    """Store what has arrived, in one short transaction, and return the conversation it belongs to."""
    async with pool.acquire() as conn:
        request = await _prepare_ticket(conn, lease, settings)
        async with conn.transaction():
            await queue.fence(conn, lease)
            conversation_id = await _find_or_begin(conn, lease, request)
            for queued in lease.messages:
                await _store(conn, conversation_id, queued)
            await tickets.reopen_ticket(conn, conversation_id)
            return await conversations.load_state(conn, conversation_id)


async def _prepare_ticket(conn: Conn, lease: Lease, settings: TicketSettings) -> TicketRequest | None:
    """The ticket to open if the conversation is new. Taken before the transaction, because numbers are shared."""
    if await conversations.find_conversation(conn, lease.thread_id) is not None:
        return None
    first = lease.messages[0]
    if first.message.ticket is not None:
        return first.message.ticket
    sender = first.message.sender
    plans = await customers.find_plans(conn, sender.kind, sender.value) if sender else []
    due = first.received_at + timedelta(minutes=settings.promise_minutes(plans))
    ref = await tickets.take_reference(conn, settings.prefix, first.received_at.date())
    return tickets.default_request(ref, first.message, due)


async def _find_or_begin(conn: Conn, lease: Lease, request: TicketRequest | None) -> ConversationId:
    known = await conversations.find_conversation(conn, lease.thread_id)
    if known is not None:
        return known
    message: InboundMessage = lease.messages[0].message
    if message.sender is None or request is None:
        raise UnknownSender(f"thread {lease.thread_id} begins with a message that names no sender")
    customer_id = await customers.resolve_customer(conn, message.sender)
    conversation_id = await conversations.add_conversation(conn, lease.thread_id, customer_id, message, message.sender)
    await tickets.add_ticket(conn, conversation_id, request)
    return conversation_id


async def _store(conn: Conn, conversation_id: ConversationId, queued: QueuedMessage) -> None:
    await conversations.add_message(
        conn, queued.id, conversation_id, "customer", queued.message.text, created_at=queued.received_at
    )
