"""What vendors report after they accepted a reply, in whatever order it comes."""

from dataclasses import dataclass

from asyncpg import Record

from database.pool import Conn
from database.statements import load_statements
from database.storable import clean_reason
from database.types import ConversationId, MessageId, OutboundMessage, StatusUpdate

_SQL = load_statements("outbox")


@dataclass(frozen=True, slots=True)
class Reported:
    """A reply that a report speaks of, and the trace of its delivery."""

    id: MessageId
    trace: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """A reply that a report moved on."""

    id: MessageId
    conversation_id: ConversationId
    kind: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply that now waits until its customer writes again."""

    id: MessageId
    conversation_id: ConversationId
    in_reply_to: MessageId | None
    channel: str
    inbox: str
    kind: str


async def find_reply(conn: Conn, channel: str, update: StatusUpdate) -> Reported | None:
    """The reply that a report speaks of."""
    row: Record | None = None
    if update.outbox_id is not None:
        row = await _SQL["find_by_id"].fetch_row(conn, id=update.outbox_id, channel=channel)
    if row is None and update.vendor_id is not None:
        row = await _SQL["find_by_vendor"].fetch_row(conn, channel=channel, vendor_id=update.vendor_id)
    if row is None and update.mail_id is not None:
        row = await _SQL["find_by_mail"].fetch_row(conn, channel=channel, mail_id=update.mail_id)
    return None if row is None else Reported(row["id"], row["trace"])


async def apply_status(conn: Conn, channel: str, reply_id: MessageId, update: StatusUpdate) -> Moved | None:
    """Move a reply forward; None if it is as far already, or is no reply of this channel."""
    row = await _SQL["apply_status"].fetch_row(
        conn, id=reply_id, channel=channel, state=update.state, error=update.error, vendor_id=update.vendor_id
    )
    if row is not None:
        return Moved(row["id"], row["conversation_id"], row["kind"])
    await _SQL["note_status"].execute(conn, id=reply_id, channel=channel, vendor_id=update.vendor_id)
    return None


async def retry_reported(
    conn: Conn, channel: str, reply_id: MessageId, update: StatusUpdate, *, max_attempts: int
) -> bool:
    """Queue a reply again that the vendor took and could not deliver for now; False if it is past that."""
    retried = await _SQL["retry_reported"].fetch_value(
        conn,
        id=reply_id,
        channel=channel,
        error=update.error,
        vendor_id=update.vendor_id,
        delay_seconds=update.retry_seconds,
        max_attempts=max_attempts,
    )
    return retried is not None


async def close_window(
    conn: Conn, reply_id: MessageId, error: str, *, lease: OutboundMessage | None = None, vendor_id: str | None = None
) -> Waiting | None:
    """Only a template may be sent to this customer: the reply waits until they write again. A template never does."""
    token = None if lease is None else lease.lease_token
    row = await _SQL["close_window"].fetch_row(
        conn, id=reply_id, error=clean_reason(error), token=token, vendor_id=vendor_id
    )
    return None if row is None else Waiting(**dict(row))


async def has_invitation(conn: Conn, conversation_id: ConversationId) -> bool:
    """Whether a template has invited the customer back since they last wrote."""
    return await _SQL["find_invitation"].fetch_value(conn, conversation_id=conversation_id) is not None


async def reopen_window(conn: Conn, conversation_id: ConversationId) -> int:
    """The customer has written: what waited for that is queued. Returns how many replies there were."""
    return len(await _SQL["reopen_window"].fetch(conn, conversation_id=conversation_id))


async def reopen_if_written(conn: Conn, reply_id: MessageId) -> bool:
    """Queue a reply that waits, if its customer has written since it was tried."""
    return await _SQL["reopen_if_written"].fetch_value(conn, id=reply_id) is not None
