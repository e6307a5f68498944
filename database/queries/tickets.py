"""Tickets: their references, their states, and what their customer may see of them."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from asyncpg import Record
from pydantic import ValidationError

from core.ids import new_id
from database.pool import Conn
from database.queries.customers import find_customer
from database.statements import load_statements
from database.types import (
    ConversationId,
    CustomerId,
    InboundMessage,
    MailPath,
    Priority,
    ThreadId,
    TicketCategory,
    TicketRequest,
    TicketStatus,
    derive_thread_id,
)

_SQL = load_statements("tickets")

VISIBLE_MESSAGES = 200


async def take_reference(conn: Conn, prefix: str, day: date) -> str:
    """A new reference such as TF-20261121-0042; after 9,999 on one day the number has five digits.

    Call it outside any transaction: it locks the day's counter until its own commit.
    """
    number: int = await _SQL["take_number"].fetch_value(conn, day=day)
    return _format_reference(prefix, day, number)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a submission is given before it is published."""

    ref: str
    is_open: bool
    plans: list[str]


async def prepare_submission(
    conn: Conn, prefix: str, day: date, *, channel: str, inbox: str, email: str
) -> Preparation:
    """A reference, how the inbox behaves, and the paid plans of customers with this address. As `take_reference`."""
    row = await _SQL["prepare_submission"].fetch_row(conn, day=day, channel=channel, inbox=inbox, email=email)
    if row is None:
        raise LookupError("a statement that always has one row had none")
    ref = _format_reference(prefix, day, row["last"])
    return Preparation(ref, row["enabled"], row["plans"])


def _format_reference(prefix: str, day: date, number: int) -> str:
    return f"{prefix}-{day:%Y%m%d}-{number:04d}"


async def add_ticket(conn: Conn, conversation_id: ConversationId, request: TicketRequest) -> None:
    """Open the conversation's ticket; a conversation that has one keeps it."""
    await _SQL["add_ticket"].execute(
        conn,
        id=new_id(),
        ref=request.ref,
        conversation_id=conversation_id,
        subject=request.subject,
        category=request.category,
        priority=request.priority,
        first_reply_due=request.first_reply_due,
    )


async def categorise_ticket(
    conn: Conn, conversation_id: ConversationId, *, subject: str, category: TicketCategory, priority: Priority
) -> None:
    """Set what the ticket is about."""
    await _SQL["categorise"].execute(
        conn, conversation_id=conversation_id, subject=subject, category=category, priority=priority
    )


async def note_intent(conn: Conn, conversation_id: ConversationId, intent: str, *, trust: float) -> None:
    """Keep what the classifier takes the ticket for, where it is surer than before; never over a person's word."""
    await _SQL["note_intent"].execute(conn, conversation_id=conversation_id, intent=intent, trust=trust)


async def reopen_ticket(conn: Conn, conversation_id: ConversationId) -> None:
    """A new message from the customer opens an answered ticket again."""
    await _SQL["reopen"].execute(conn, conversation_id=conversation_id)


async def touch_ticket(conn: Conn, conversation_id: ConversationId) -> None:
    """Whoever follows the desk live shall look at this ticket again."""
    await _SQL["touch"].execute(conn, conversation_id=conversation_id)


async def undo_reopening(conn: Conn, conversation_id: ConversationId) -> None:
    """The message that opened the ticket again asked nothing: the ticket is what it was before."""
    await _SQL["undo_reopening"].execute(conn, conversation_id=conversation_id)


async def resolve_automatically(conn: Conn, conversation_id: ConversationId, *, confidence: float) -> None:
    """Mark the ticket as answered by the agent; a ticket that a person has stays with that person."""
    await _SQL["resolve_automatically"].execute(conn, conversation_id=conversation_id, confidence=confidence)


async def escalate_ticket(
    conn: Conn,
    conversation_id: ConversationId,
    *,
    route: str,
    reason: str,
    summary: str,
    draft: str | None,
    confidence: float,
) -> str:
    """Hand the ticket to the team of this route and return its name; an unknown route goes to the general team."""
    team: str = await _SQL["escalate"].fetch_value(
        conn,
        conversation_id=conversation_id,
        route=route,
        reason=reason,
        summary=summary,
        draft=draft,
        confidence=confidence,
    )
    return team


@dataclass(frozen=True, slots=True)
class TicketHandle:
    """Which ticket it is, and whose. Before a worker has read it there is no conversation.

    What has arrived goes up to `last_seq`, and what is settled up to `done_seq`. `customer_id` is None where it is not
    known yet, because nothing is proven.
    """

    ref: str
    contact: str
    thread_id: ThreadId
    last_seq: int
    done_seq: int
    status: TicketStatus
    conversation_id: ConversationId | None
    customer_id: CustomerId | None


async def find_handle(conn: Conn, ref: str, *, channel: str, inbox: str) -> TicketHandle | None:
    """The ticket of this reference, from the moment it was accepted in this inbox or read in any."""
    row = await _SQL["find_handle"].fetch_row(conn, ref=ref)
    if row is not None:
        return TicketHandle(**dict(row))
    thread = await _find_queued(conn, ref, channel, inbox)
    if thread is None:
        return None
    queued, waiting = thread
    sender = waiting[0][1].sender
    is_proven = sender is not None and sender.level == "proven"
    return TicketHandle(
        ref=ref,
        contact=ref,
        thread_id=queued["thread_id"],
        last_seq=queued["last_seq"],
        done_seq=queued["done_seq"],
        status="open",
        conversation_id=None,
        customer_id=await find_customer(conn, sender) if sender is not None and is_proven else None,
    )


async def view_ticket(conn: Conn, ref: str, *, channel: str, inbox: str) -> dict[str, Any] | None:
    """The ticket as its customer sees it, from the moment it was accepted: also before any worker has seen it."""
    row = await _SQL["view_by_ref"].fetch_row(conn, ref=ref)
    if row is not None:
        visible = await _SQL["list_visible"].fetch(
            conn, conversation_id=row["conversation_id"], max_messages=VISIBLE_MESSAGES
        )
        waiting = await _list_waiting(conn, row["thread_id"], row["done_seq"])
        messages = [{**dict(m), "citations": json.loads(m["citations"])} for m in reversed(visible)]
        return {
            **dict(row),
            "messages": _merge(messages, [message for message, _ in waiting]),
            "feedback": await _SQL["find_feedback"].fetch_row(conn, conversation_id=row["conversation_id"]),
        }
    return await _view_queued(conn, ref, channel, inbox)


async def _find_queued(
    conn: Conn, ref: str, channel: str, inbox: str
) -> tuple[Record, list[tuple[dict[str, Any], InboundMessage]]] | None:
    """The thread of a ticket that no worker has read, with what waits in it: first of all its opening."""
    thread = await _SQL["view_queued"].fetch_row(conn, thread_id=derive_thread_id(channel, inbox, ref))
    if thread is None:
        return None
    waiting = await _list_waiting(conn, thread["thread_id"], thread["done_seq"])
    return (thread, waiting) if waiting and waiting[0][1].ticket is not None else None


async def _view_queued(conn: Conn, ref: str, channel: str, inbox: str) -> dict[str, Any] | None:
    found = await _find_queued(conn, ref, channel, inbox)
    if found is None:
        return None
    thread, waiting = found
    first, opened = waiting[0][0], waiting[0][1].ticket
    if opened is None:
        return None
    return {
        "ref": ref,
        "status": "open",
        "subject": opened.subject,
        "category": opened.category,
        "priority": opened.priority,
        "team": None,
        "first_reply_due": opened.first_reply_due,
        "created_at": first["created_at"],
        "updated_at": waiting[-1][0]["created_at"],
        "answering": thread["answering"],
        "messages": [message for message, _ in waiting],
        "feedback": None,
    }


async def _list_waiting(conn: Conn, thread_id: object, done_seq: int) -> list[tuple[dict[str, Any], InboundMessage]]:
    rows = await _SQL["list_waiting"].fetch(conn, thread_id=thread_id, done_seq=done_seq, max_messages=VISIBLE_MESSAGES)
    waiting = []
    for row in rows:
        try:
            inbound = InboundMessage.model_validate_json(row["payload"])
        except ValidationError:
            continue  # a person gets it with the next turn; the page shows the rest
        shown = {
            "author": "customer",
            "text": inbound.text,
            "citations": [],
            "created_at": row["received_at"],
        }
        waiting.append(({"id": row["id"], **shown}, inbound))
    return waiting


def _merge(stored: list[dict[str, Any]], waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {message["id"] for message in stored}
    messages = stored + [message for message in waiting if message["id"] not in known]
    return sorted(messages, key=lambda message: (message["created_at"], message["id"]))


def default_request(ref: str, message: InboundMessage, due: datetime) -> TicketRequest:
    """The ticket of a conversation that began on a channel without a form."""
    said = message.reply_path.subject if isinstance(message.reply_path, MailPath) else ""
    subject = " ".join((said or message.text).split())[:120] or "(no text)"
    return TicketRequest(ref=ref, subject=subject, category="general", priority="medium", first_reply_due=due)
