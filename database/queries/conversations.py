"""Conversations and the messages in them."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.queries.attachments import list_attachments
from database.statements import load_statements
from database.types import (
    Author,
    Citation,
    ConversationId,
    ConversationState,
    CustomerId,
    Identity,
    InboundMessage,
    MessageId,
    Owner,
    ThreadId,
)

_SQL = load_statements("conversations")

HISTORY_MESSAGES = 60
MAX_FACTS = 20
VIEW_MESSAGES = 500
VIEW_RUNS = 100
VIEW_RATINGS = 100


async def find_conversation(conn: Conn, thread_id: ThreadId) -> ConversationId | None:
    """The conversation of this thread, if it has begun."""
    conversation_id: ConversationId | None = await _SQL["find_by_thread"].fetch_value(conn, thread_id=thread_id)
    return conversation_id


async def add_conversation(
    conn: Conn, thread_id: ThreadId, customer_id: CustomerId, message: InboundMessage, sender: Identity
) -> ConversationId:
    """Begin the conversation of this thread."""
    conversation_id = ConversationId(new_id())
    await _SQL["add_conversation"].execute(
        conn,
        id=conversation_id,
        thread_id=thread_id,
        customer_id=customer_id,
        channel=message.channel,
        inbox=message.inbox,
        contact_name=sender.name,
        identity_level=sender.level,
    )
    return conversation_id


async def add_message(
    conn: Conn,
    message_id: MessageId,
    conversation_id: ConversationId,
    author: Author,
    text: str,
    *,
    citations: Sequence[Citation] = (),
    created_at: datetime | None = None,
    quoted: str = "",
    source_id: UUID | None = None,
    language: str | None = None,
    written_by: str | None = None,
) -> None:
    """Store one message; storing the same id again changes nothing. `written_by` names the person who answers."""
    await _SQL["add_message"].execute(
        conn,
        id=message_id,
        conversation_id=conversation_id,
        author=author,
        text=text,
        citations=json.dumps([citation.model_dump(mode="json") for citation in citations]),
        created_at=created_at,
        quoted=quoted,
        source_id=source_id,
        language=language,
        written_by=written_by,
    )


async def note_inbound(
    conn: Conn, conversation_id: ConversationId, message: InboundMessage, received_at: datetime
) -> None:
    """What a message changes in its conversation: how to reply, since when, and how far its sender is proven."""
    await _SQL["note_inbound"].execute(
        conn,
        id=conversation_id,
        reply_path=None if message.reply_path is None else message.reply_path.model_dump_json(),
        received_at=received_at,
        level=None if message.sender is None else message.sender.level,
    )


async def load_state(
    conn: Conn, conversation_id: ConversationId, *, waiting: Sequence[MessageId] = ()
) -> ConversationState:
    """The conversation as one turn needs it. Its history leaves out the messages that the turn is about."""
    row = await _SQL["load_state"].fetch_row(conn, id=conversation_id)
    if row is None:
        raise LookupError(f"conversation {conversation_id} has no ticket")
    recent = await _SQL["list_recent"].fetch(
        conn, id=conversation_id, waiting=list(waiting), max_messages=HISTORY_MESSAGES
    )
    is_proven = row["identity_level"] == "proven"
    facts = await _list_facts(conn, row["customer_id"]) if is_proven else ()
    return ConversationState(
        id=row["id"],
        customer_id=row["customer_id"],
        contact_name=row["contact_name"],
        channel=row["channel"],
        inbox=row["inbox"],
        identity_level=row["identity_level"],
        owner=row["owner"],
        automatic_replies=row["automatic_replies"],
        ticket_ref=row["ref"],
        ticket_subject=row["subject"],
        ticket_category=row["category"],
        ticket_priority=row["priority"],
        is_reachable=row["is_reachable"],
        recent_replies=row["recent_replies"],
        history=tuple((message["author"], message["text"]) for message in recent),
        history_ids=tuple(message["id"] for message in recent),
        summary=row["summary"],
        facts=facts,
        language=row["language"],
        sentiments=tuple(message["sentiment"] for message in recent if message["sentiment"] is not None),
    )


async def _list_facts(conn: Conn, customer_id: CustomerId) -> tuple[str, ...]:
    rows = await _SQL["list_facts"].fetch(conn, customer_id=customer_id, max_facts=MAX_FACTS)
    return tuple(row["fact"] for row in rows)


async def add_facts(conn: Conn, conversation_id: ConversationId, message_id: MessageId, facts: Sequence[str]) -> None:
    """Remember what a proven customer has said of themselves in this message; what is known already stays as it is."""
    await _SQL["add_fact"].execute_many(
        conn,
        [
            {"id": new_id(), "conversation_id": conversation_id, "message_id": message_id, "fact": fact}
            for fact in facts
        ],
    )


async def store_summary(
    conn: Conn, conversation_id: ConversationId, summary: str, *, kept: int, waiting: Sequence[MessageId]
) -> None:
    """From now on `summary` stands for all messages but the newest `kept` and those that wait."""
    await _SQL["store_summary"].execute(conn, id=conversation_id, summary=summary, kept=kept, waiting=list(waiting))


async def lock_owner(conn: Conn, conversation_id: ConversationId) -> Owner | None:
    """Who answers this conversation, locked until the transaction ends so that nobody takes it over meanwhile."""
    owner: Owner | None = await _SQL["lock_owner"].fetch_value(conn, id=conversation_id)
    return owner


async def record_turn(
    conn: Conn,
    conversation_id: ConversationId,
    *,
    owner: Owner,
    automatic_replies: int,
    sentiment: float,
    sentiment_trend: float = 0.0,
    language: str | None = None,
    message_ids: Sequence[MessageId] = (),
) -> None:
    """Write what a turn over these messages leaves behind on them and on their conversation."""
    await _SQL["record_turn"].execute(
        conn,
        id=conversation_id,
        owner=owner,
        automatic_replies=automatic_replies,
        sentiment=sentiment,
        sentiment_trend=sentiment_trend,
        language=language,
        message_ids=list(message_ids),
    )


async def view_conversation(conn: Conn, conversation_id: ConversationId) -> dict[str, Any] | None:
    """Everything staff may see of a conversation: messages, deliveries, decisions, tool calls, labels and ratings.

    Each oldest first; where there is too much of it, the newest.
    """
    row = await _SQL["view"].fetch_row(conn, id=conversation_id)
    if row is None:
        return None
    messages = await _SQL["list_messages"].fetch(conn, id=conversation_id, max_messages=VIEW_MESSAGES)
    runs = await _SQL["list_runs"].fetch(conn, id=conversation_id, max_runs=VIEW_RUNS)
    ratings = await _SQL["list_ratings"].fetch(conn, id=conversation_id, max_ratings=VIEW_RATINGS)
    files = await list_attachments(conn, conversation_id)
    return {
        **dict(row),
        "cost_usd": _read_cost(row["cost_usd"]),
        "attachments": files,
        "ratings": [dict(rating) for rating in reversed(ratings)],
        "messages": [
            {**dict(message), "citations": json.loads(message["citations"])} for message in reversed(messages)
        ],
        "runs": [
            {
                **dict(run),
                **{key: json.loads(run[key]) for key in ("decision", "stages", "model_calls", "tool_calls", "labels")},
                "cost_usd": _read_cost(run["cost_usd"]),
            }
            for run in reversed(runs)
        ],
    }


def _read_cost(dollars: Decimal | None) -> float | None:
    return None if dollars is None else float(dollars)
