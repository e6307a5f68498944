"""Replies of which nobody knows whether they were sent, and those that need a person: found, asked about, settled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database.outbox.send import DeliveryLeaseLost, read_outbound
from database.pool import Conn
from database.statements import load_statements
from database.types import ConversationId, DeliveryState, MessageId, OutboundMessage, ThreadId

_SQL = load_statements("outbox")


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A reply in doubt whose vendor is to be asked now.

    `checks` counts how often it was, this time included, and `absences` how often the vendor surely did not have it.
    """

    reply: OutboundMessage
    checks: int
    absences: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """Sends that were taken back from dead workers. `given_up` are those that no vendor can be asked about."""

    requeued: int
    doubted: int
    given_up: list[tuple[MessageId, str]]


async def recover_expired(
    conn: Conn, repeatable_channels: Sequence[str], askable_channels: Sequence[str] = (), *, check_seconds: float = 30.0
) -> Recovered:
    """Take back sends whose worker died: queued again where repeating is harmless, otherwise in doubt."""
    requeued = await _SQL["requeue_expired"].fetch(conn, repeatable_channels=repeatable_channels)
    doubted = await _SQL["doubt_expired"].fetch(
        conn,
        repeatable_channels=repeatable_channels,
        askable_channels=askable_channels,
        check_seconds=check_seconds,
    )
    abandoned = await _SQL["abandon_doubtful"].fetch(conn, askable_channels=askable_channels)
    given_up = [(row["id"], row["error"]) for row in doubted if row["needs_person"]]
    given_up += [(row["id"], row["error"]) for row in abandoned]
    return Recovered(len(requeued), len(doubted), given_up)


async def doubt_older(conn: Conn, before: datetime, repeatable_channels: Sequence[str], error: str) -> int:
    """Replies of before this moment that are unsent may have been sent all the same: how many are in doubt now."""
    return len(
        await _SQL["doubt_older"].fetch(conn, before=before, repeatable_channels=repeatable_channels, error=error)
    )


async def claim_doubtful(
    conn: Conn,
    *,
    channels: Sequence[str],
    max_replies: int,
    lease_seconds: float,
    only_thread: ThreadId | None = None,
) -> list[Doubtful]:
    """Lease replies in doubt whose time to ask has come."""
    rows = await _SQL["claim_doubtful"].fetch(
        conn, channels=channels, max_replies=max_replies, lease_seconds=lease_seconds, only_thread=only_thread
    )
    return [Doubtful(read_outbound(row), row["checks"], row["absences"]) for row in rows]


async def ask_again(conn: Conn, reply: OutboundMessage, *, is_absent: bool, delay_seconds: float) -> None:
    """The vendor could not say, or does not have it yet: ask again later."""
    if not await _SQL["ask_again"].fetch_value(
        conn, id=reply.id, token=reply.lease_token, absent=int(is_absent), delay_seconds=delay_seconds
    ):
        raise DeliveryLeaseLost


async def send_again(conn: Conn, reply_id: MessageId, *, lease: OutboundMessage | None = None) -> ConversationId | None:
    """Queue a reply that surely was not sent; None if it is not one of those that wait for this.

    Whoever asked the vendor gives their `lease`; a person needs none.
    """
    token = None if lease is None else lease.lease_token
    row = await _SQL["send_again"].fetch_row(conn, id=reply_id, token=token)
    return None if row is None else ConversationId(row["conversation_id"])


async def confirm_sent(conn: Conn, reply_id: MessageId) -> ConversationId | None:
    """A person knows that the reply was sent; None if it is not one of those that wait for this."""
    row = await _SQL["confirm_sent"].fetch_row(conn, id=reply_id)
    return None if row is None else ConversationId(row["conversation_id"])


async def list_undelivered(conn: Conn, state: DeliveryState | None, *, max_rows: int) -> list[dict[str, Any]]:
    """Replies that failed, are in doubt or wait for the customer, oldest first."""
    return [dict(row) for row in await _SQL["list_undelivered"].fetch(conn, state=state, max_rows=max_rows)]


async def measure_undelivered(conn: Conn) -> dict[str, int]:
    """How many replies failed, are in doubt or wait for the customer; states without any are left out."""
    return {row["state"]: row["replies"] for row in await _SQL["measure"].fetch(conn)}
