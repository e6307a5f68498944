"""Replies on their way: added with their turn, claimed with a lease, and settled by what the channel said."""

import json
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record, UniqueViolationError
from pydantic import TypeAdapter

from core.tracing import describe_queueing, trace_step
from database.pool import Conn
from database.statements import load_statements
from database.storable import clean_reason
from database.types import (
    ConversationId,
    DeliveryKind,
    MessageId,
    OutboundMessage,
    ReplyPath,
    ThreadId,
)

_SQL = load_statements("outbox")

GivenUp = Literal["failed", "unknown"]

MAX_ATTEMPTS = 8
# From the customer's last message on. https://developers.facebook.com/docs/whatsapp/pricing#customer-service-windows
WINDOW = timedelta(hours=24)
_PATHS: TypeAdapter[ReplyPath] = TypeAdapter(ReplyPath)


class DeliveryLeaseLost(Exception):
    """Another worker took this send over, or the vendor has reported already; its result is not ours to record."""


async def add(
    conn: Conn,
    message_id: MessageId,
    conversation_id: ConversationId,
    channel: str,
    inbox: str,
    *,
    in_reply_to: MessageId | None = None,
    kind: DeliveryKind = "reply",
    path: ReplyPath | None = None,
    code_id: UUID | None = None,
) -> None:
    """Queue a stored message for sending, in the transaction that settles its turn.

    Without a `path` it goes to the conversation's customer, as they can be reached when it is sent.
    """
    attributes = {**describe_queueing("publish", "outbox", channel), "messaging.message.id": str(message_id)}
    with trace_step("publish outbox", "producer", attributes) as span:
        await _SQL["add"].execute(
            conn,
            id=message_id,
            conversation_id=conversation_id,
            in_reply_to=in_reply_to,
            channel=channel,
            inbox=inbox,
            kind=kind,
            path=None if path is None else path.model_dump_json(),
            code_id=code_id,
            trace=span.trace,
        )


async def claim(
    conn: Conn, *, max_replies: int, lease_seconds: float, only_thread: ThreadId | None = None
) -> list[OutboundMessage]:
    """Lease replies to send: the oldest of each conversation, and none while another one is under way."""
    try:
        # Inside a transaction a savepoint keeps a lost race from spoiling the rest of it.
        async with conn.transaction() if conn.is_in_transaction() else nullcontext():
            rows = await _SQL["claim"].fetch(
                conn, max_replies=max_replies, lease_seconds=lease_seconds, only_thread=only_thread
            )
    except UniqueViolationError:
        # An earlier reply was queued again while another worker claimed a later one: the next claim sees both.
        return []
    return [read_outbound(row) for row in rows]


async def mark_handed(conn: Conn, reply: OutboundMessage) -> None:
    """From now on the vendor may have it. Raises DeliveryLeaseLost, and then it must not be sent."""
    _require(await _SQL["mark_handed"].fetch_value(conn, id=reply.id, token=reply.lease_token))


async def mark_sent(
    conn: Conn,
    reply: OutboundMessage,
    vendor_id: str | None,
    *,
    mail_id: str | None = None,
    hold_seconds: float = 0.0,
) -> None:
    """The channel accepted the reply. Later ones of the conversation wait for `hold_seconds`, or for a status."""
    _require(
        await _SQL["mark_sent"].fetch_value(
            conn, id=reply.id, token=reply.lease_token, vendor_id=vendor_id, mail_id=mail_id, hold_seconds=hold_seconds
        )
    )


async def retry(conn: Conn, reply: OutboundMessage, error: str, *, delay_seconds: float) -> None:
    """The channel surely did not accept the reply; send it again later."""
    await _requeue(conn, reply, error, delay_seconds, refund=0)


async def postpone(conn: Conn, reply: OutboundMessage, *, delay_seconds: float, reason: str | None = None) -> None:
    """The reply could not even be tried: it is not its fault, so not its attempt."""
    await _requeue(conn, reply, reason, delay_seconds, refund=1)


async def give_up(conn: Conn, reply: OutboundMessage, state: GivenUp, error: str) -> None:
    """The reply was refused for good, or nobody can tell whether it was sent: a person must look."""
    _require(
        await _SQL["mark_given_up"].fetch_value(
            conn, id=reply.id, token=reply.lease_token, state=state, error=clean_reason(error)
        )
    )


async def mark_doubtful(conn: Conn, reply: OutboundMessage, error: str, *, check_seconds: float | None) -> None:
    """It may have been sent. The vendor is asked after `check_seconds`; None means that it cannot be."""
    _require(
        await _SQL["mark_doubtful"].fetch_value(
            conn, id=reply.id, token=reply.lease_token, error=clean_reason(error), check_seconds=check_seconds
        )
    )


def read_outbound(row: Record) -> OutboundMessage:
    """A claimed row as its channel needs it."""
    last_inbound_at = row["last_inbound_at"]
    return OutboundMessage(
        id=row["id"],
        conversation_id=row["conversation_id"],
        thread_contact=row["contact"],
        channel=row["channel"],
        inbox=row["inbox"],
        text=row["text"],
        attempt=row["attempts"],
        lease_token=row["lease_token"],
        in_reply_to=row["in_reply_to"],
        kind=row["kind"],
        path=None if row["path"] is None else _PATHS.validate_python(_read_json(row["path"])),
        ticket_ref=row["ticket_ref"] or "",
        customer_name=row["contact_name"],
        window_until=None if last_inbound_at is None else last_inbound_at + WINDOW,
        tried_at=row["tried_at"],
        known_vendor_ids=frozenset(row["known_vendor_ids"]),
        is_opted_out=row["is_opted_out"],
        code_id=row["code_id"],
        expires_at=row["expires_at"],
        trace=row["trace"],
    )


def _read_json(text: str) -> Any:  # noqa: ANN401  # checked by the adapter
    return json.loads(text)


async def _requeue(conn: Conn, reply: OutboundMessage, error: str | None, delay_seconds: float, *, refund: int) -> None:
    _require(
        await _SQL["mark_queued"].fetch_value(
            conn,
            id=reply.id,
            token=reply.lease_token,
            error=None if error is None else clean_reason(error),
            delay_seconds=delay_seconds,
            refund=refund,
        )
    )


def _require(row: object) -> None:
    if row is None:
        raise DeliveryLeaseLost
