"""The outbox: replies that are committed and unsent, claimed with a lease, in order per conversation."""

from typing import Literal

from database.pool import Conn
from database.statements import load_statements
from database.types import ConversationId, MessageId, OutboundMessage, ThreadId

_SQL = load_statements("outbox")

GivenUp = Literal["failed", "unknown"]


class DeliveryLeaseLost(Exception):
    """Another worker took this send over; its result is not ours to record."""


async def add(
    conn: Conn,
    message_id: MessageId,
    conversation_id: ConversationId,
    channel: str,
    inbox: str,
    *,
    in_reply_to: MessageId | None = None,
) -> None:
    """Queue a stored message for sending, in the transaction that settles its turn."""
    await _SQL["add"].execute(
        conn,
        id=message_id,
        conversation_id=conversation_id,
        in_reply_to=in_reply_to,
        channel=channel,
        inbox=inbox,
    )


async def claim(
    conn: Conn, *, max_replies: int, lease_seconds: float, only_thread: ThreadId | None = None
) -> list[OutboundMessage]:
    """Lease replies to send: the oldest of each conversation, and none while an earlier one is under way."""
    rows = await _SQL["claim"].fetch(
        conn, max_replies=max_replies, lease_seconds=lease_seconds, only_thread=only_thread
    )
    return [
        OutboundMessage(
            id=row["id"],
            conversation_id=row["conversation_id"],
            thread_contact=row["contact"],
            channel=row["channel"],
            inbox=row["inbox"],
            text=row["text"],
            attempt=row["attempts"],
            lease_token=row["lease_token"],
            in_reply_to=row["in_reply_to"],
        )
        for row in rows
    ]


async def mark_sent(conn: Conn, reply: OutboundMessage, vendor_id: str | None) -> None:
    """The channel accepted the reply."""
    _require(await _SQL["mark_sent"].fetch_value(conn, id=reply.id, token=reply.lease_token, vendor_id=vendor_id))


async def retry(conn: Conn, reply: OutboundMessage, error: str, *, delay_seconds: float) -> None:
    """The channel surely did not accept the reply; send it again later."""
    _require(
        await _SQL["mark_queued"].fetch_value(
            conn, id=reply.id, token=reply.lease_token, error=error, delay_seconds=delay_seconds
        )
    )


async def give_up(conn: Conn, reply: OutboundMessage, state: GivenUp, error: str) -> None:
    """The reply was refused for good, or nobody can tell whether it was sent."""
    _require(
        await _SQL["mark_given_up"].fetch_value(conn, id=reply.id, token=reply.lease_token, state=state, error=error)
    )


async def recover_expired(conn: Conn, repeatable_channels: list[str]) -> tuple[int, int]:
    """Take back sends whose worker died: (requeued because repeating is harmless, set to unknown)."""
    requeued = await _SQL["requeue_expired"].fetch(conn, repeatable_channels=repeatable_channels)
    doubted = await _SQL["doubt_expired"].fetch(conn, repeatable_channels=repeatable_channels)
    return len(requeued), len(doubted)


def _require(row: object) -> None:
    if row is None:
        raise DeliveryLeaseLost
