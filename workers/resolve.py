"""From claimed messages to a conversation: customer, conversation, ticket and inbound messages, idempotently."""

from collections.abc import Sequence
from datetime import timedelta

from agent.decision.language import detect_language
from core.errors import PermanentError
from core.settings import TicketSettings
from database import outbox, queue
from database.pool import Conn
from database.queries import attachments, conversations, customers, tickets
from database.types import (
    ConversationId,
    ConversationState,
    Identity,
    InboundMessage,
    Lease,
    QueuedMessage,
    TicketRequest,
    UnreadableMessage,
)
from workers.steps import Announce, Step, announce_nothing

UNREADABLE_TEXT = "(A message that could not be read. `nightdesk queue show` has what arrived.)"


class UnknownSender(PermanentError):
    """The first message of a thread does not say who sent it."""


async def resolve_thread(
    conn: Conn, lease: Lease, settings: TicketSettings, announce: Announce = announce_nothing
) -> ConversationState:
    """Store what has arrived, in one short transaction, and return the conversation it belongs to.

    Raises UnknownSender or UnreadableMessage where that cannot be done; `resolve_anyway` then does what it can.
    """
    for queued in lease.messages:
        if queued.message.problem is not None:
            raise UnreadableMessage(queued.message.problem)
    request = await _prepare_ticket(conn, lease, settings)
    async with conn.transaction():
        await queue.fence(conn, lease)
        conversation_id = await _find_or_begin(conn, lease, lease.messages[0].message, request)
        await _store_all(conn, conversation_id, [(queued, queued.message) for queued in lease.messages])
        await tickets.reopen_ticket(conn, conversation_id)
        announce(Step.RESOLVING)
        return await conversations.load_state(conn, conversation_id, waiting=[queued.id for queued in lease.messages])


async def resolve_anyway(conn: Conn, lease: Lease, settings: TicketSettings) -> ConversationState:
    """The same for messages that cannot be read or name no sender, so that a person gets a ticket for them too."""
    first = read_anyway(lease, lease.messages[0])
    received_at = lease.messages[0].received_at
    due = received_at + timedelta(minutes=settings.promise_minutes([]))
    # On the web the thread is named by the reference that its customer was given.
    is_web = lease.channel == "web"
    ref = lease.contact if is_web else await tickets.take_reference(conn, settings.prefix, received_at.date())
    request = first.ticket or tickets.default_request(ref, first, due)
    async with conn.transaction():
        await queue.fence(conn, lease)
        conversation_id = await _find_or_begin(conn, lease, first, request, may_be_stranger=True)
        await _store_all(conn, conversation_id, [(queued, read_anyway(lease, queued)) for queued in lease.messages])
        return await conversations.load_state(conn, conversation_id, waiting=[queued.id for queued in lease.messages])


async def store_silently(conn: Conn, lease: Lease) -> bool:
    """Keep messages that start no turn, such as an automatic reply, where a conversation is there to keep them in."""
    async with conn.transaction():
        await queue.fence(conn, lease)
        conversation_id = await conversations.find_conversation(conn, lease.thread_id)
        if conversation_id is not None:
            await _store_all(conn, conversation_id, [(queued, queued.message) for queued in lease.messages])
    return conversation_id is not None


async def open_for_person(conn: Conn, lease: Lease, settings: TicketSettings) -> None:
    """Begin a conversation that belongs to a person from its first message on: nobody is answered by a machine."""
    request = await _prepare_ticket(conn, lease, settings)
    async with conn.transaction():
        await queue.fence(conn, lease)
        conversation_id = await _find_or_begin(conn, lease, lease.messages[0].message, request, may_be_stranger=True)
        await _store_all(conn, conversation_id, [(queued, queued.message) for queued in lease.messages])
        await tickets.escalate_ticket(
            conn,
            conversation_id,
            route="general",
            reason="an automatic mail that answers nothing of ours",
            summary=lease.messages[0].message.text[:280],
            draft=None,
            confidence=0.0,
        )
        await conversations.record_turn(conn, conversation_id, owner="person", sentiment=0.0, automatic_replies=0)


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


async def _find_or_begin(
    conn: Conn, lease: Lease, first: InboundMessage, request: TicketRequest | None, *, may_be_stranger: bool = False
) -> ConversationId:
    known = await conversations.find_conversation(conn, lease.thread_id)
    if known is not None:
        return known
    if request is None or (first.sender is None and not may_be_stranger):
        raise UnknownSender(f"thread {lease.thread_id} begins with a message that names no sender")
    sender = first.sender or Identity(kind="email", value="", level="self_reported")
    customer_id = (
        await customers.resolve_customer(conn, sender, first.also)
        if first.sender
        else await customers.add_stranger(conn)
    )
    conversation_id = await conversations.add_conversation(conn, lease.thread_id, customer_id, first, sender)
    await tickets.add_ticket(conn, conversation_id, request)
    return conversation_id


def read_anyway(lease: Lease, queued: QueuedMessage) -> InboundMessage:
    """The message, or what can be said of one that cannot be read."""
    try:
        message = queued.message
    except UnreadableMessage:
        message = InboundMessage(
            channel=lease.channel,
            inbox=lease.inbox,
            contact=lease.contact,
            external_id=str(queued.id),
            fingerprint="",
            sender=None,
            text=UNREADABLE_TEXT,
        )
    if message.problem is None:
        return message
    return message.model_copy(update={"text": f"{UNREADABLE_TEXT}\n{message.problem}"})


async def _store_all(
    conn: Conn, conversation_id: ConversationId, messages: Sequence[tuple[QueuedMessage, InboundMessage]]
) -> None:
    for queued, message in messages:
        await _store(conn, conversation_id, queued, message)
    # Last: whoever reports a delivery locks the reply before its ticket, and so does this.
    await tickets.touch_ticket(conn, conversation_id)


async def _store(conn: Conn, conversation_id: ConversationId, queued: QueuedMessage, message: InboundMessage) -> None:
    await conversations.add_message(
        conn,
        queued.id,
        conversation_id,
        "customer",
        message.text,
        created_at=queued.received_at,
        quoted=message.quoted,
        source_id=message.source_id,
        language=detect_language(message.text),
    )
    if message.attachments:
        await attachments.add_attachments(conn, queued.id, message.attachments)
    if message.reply_path is not None:
        await conversations.note_inbound(conn, conversation_id, message, queued.received_at)
        await outbox.reopen_window(conn, conversation_id)
