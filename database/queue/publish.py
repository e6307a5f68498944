"""Publishing: a message goes to the end of its thread, once, in the caller's transaction."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

from asyncpg import DeadlockDetectedError, Record, UniqueViolationError

from core.ids import new_id
from core.tracing import Span, describe_queueing, trace_step
from database.pool import Conn
from database.statements import load_statements
from database.types import InboundMessage, MessageId, Published

_SQL = load_statements("queue")

# A claim may bring 50 such messages for each free slot of a worker.
MAX_PAYLOAD_BYTES = 256 * 1024
# On chat customers write in bursts: so long after their last message, or at most so long after the first, the turn
# begins. An inbox may say otherwise in channel_configs; channels that are not named here have no quiet period.
QUIET_SECONDS = {"whatsapp": 1.5}
QUIET_LIMIT_SECONDS = 8.0

_Key = tuple[str, str, str]


class MessageTooLarge(ValueError):
    """The message is larger than the queue takes; the channel must cut it or refuse it."""


async def publish(conn: Conn, message: InboundMessage) -> Published:
    """Append a message to its thread and make the thread claimable; a redelivery is a no-op, also after an erasure.

    Durable with the caller's commit. Raises MessageTooLarge beyond MAX_PAYLOAD_BYTES.
    """
    attributes = describe_queueing("publish", "message_queue", message.channel)
    with trace_step("publish message_queue", "producer", attributes) as span:
        published = await _publish(conn, message, span)
        span.note({"messaging.message.id": str(published.message_id)})
        if not published.is_new:
            span.link(published.trace)
        return published


async def _publish(conn: Conn, message: InboundMessage, span: Span) -> Published:
    message_id = MessageId(new_id())
    payload = _dump(message)
    try:
        # Inside a transaction a savepoint keeps a lost race from spoiling the rest of it.
        async with conn.transaction() if conn.is_in_transaction() else nullcontext():
            thread_id = await _SQL["publish"].fetch_value(
                conn,
                thread_id=message.thread_id,
                channel=message.channel,
                inbox=message.inbox,
                contact=message.contact,
                default_quiet_seconds=QUIET_SECONDS.get(message.channel, 0.0),
                quiet_limit_seconds=QUIET_LIMIT_SECONDS,
                id=message_id,
                external_id=message.external_id,
                payload=payload,
                trace=span.trace,
            )
    except UniqueViolationError:
        thread_id = None
    if thread_id is not None:
        return Published(thread_id, message_id, message, is_new=True, trace=span.trace)
    await _SQL["confirm_stored"].execute(conn)
    published = await find_published(conn, message.channel, message.inbox, message.external_id)
    return published or _read_erased(message)


async def publish_many(conn: Conn, messages: Sequence[InboundMessage]) -> list[Published]:
    """`publish` for many messages, in one statement and all or nothing; results in the order given."""
    channel = messages[0].channel if messages else ""
    with trace_step(
        "publish message_queue", "producer", describe_queueing("publish", "message_queue", channel)
    ) as span:
        span.note({"messaging.batch.message_count": len(messages)})
        results = await _publish_many(conn, messages, span)
        for published in results:
            if not published.is_new:
                span.link(published.trace)
        return results


async def _publish_many(conn: Conn, messages: Sequence[InboundMessage], span: Span) -> list[Published]:
    first_of: dict[_Key, InboundMessage] = {}
    for message in messages:
        first_of.setdefault(_key(message), message)
    ids = {key: MessageId(new_id()) for key in first_of}
    new: dict[_Key, Published] = {}
    for attempt in range(1, 4):
        try:
            async with conn.transaction() if conn.is_in_transaction() else nullcontext():
                rows = await _send_many(conn, first_of, ids, span.trace)
            stored = {row["id"] for row in rows}
            new = {
                key: Published(first_of[key].thread_id, message_id, first_of[key], is_new=True, trace=span.trace)
                for key, message_id in ids.items()
                if message_id in stored
            }
            break
        except (UniqueViolationError, DeadlockDetectedError):
            # A redelivery won the race for one of them; it is committed by now, and known to the next attempt.
            if attempt == 3:
                raise
    known = await _find_many(conn, [key for key in first_of if key not in new])
    results, told = [], set[_Key]()
    for message in messages:
        key = _key(message)
        first = new.get(key) or known.get(key) or _read_erased(message)
        results.append(replace(first, is_new=key in new.keys() - told))
        told.add(key)
    return results


async def find_published(conn: Conn, channel: str, inbox: str, external_id: str) -> Published | None:
    """The message that was published under this external id, if any."""
    row = await _SQL["find_published"].fetch_row(conn, channel=channel, inbox=inbox, external_id=external_id)
    return None if row is None else _read_published(row)


def _key(message: InboundMessage) -> _Key:
    return message.channel, message.inbox, message.external_id


def _dump(message: InboundMessage) -> str:
    payload = message.model_dump_json()
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise MessageTooLarge(f"a message of more than {MAX_PAYLOAD_BYTES:,} bytes cannot be queued")
    return payload


async def _send_many(
    conn: Conn, messages: dict[_Key, InboundMessage], ids: dict[_Key, MessageId], trace: str | None
) -> list[Record]:
    given = [(messages[key], ids[key]) for key in ids]
    return await _SQL["publish_many"].fetch(
        conn,
        thread_ids=[message.thread_id for message, _ in given],
        channels=[message.channel for message, _ in given],
        inboxes=[message.inbox for message, _ in given],
        contacts=[message.contact for message, _ in given],
        ids=[message_id for _, message_id in given],
        external_ids=[message.external_id for message, _ in given],
        payloads=[_dump(message) for message, _ in given],
        default_quiet_seconds=[QUIET_SECONDS.get(message.channel, 0.0) for message, _ in given],
        quiet_limit_seconds=QUIET_LIMIT_SECONDS,
        trace=trace,
    )


async def _find_many(conn: Conn, keys: list[_Key]) -> dict[_Key, Published]:
    if not keys:
        return {}
    await _SQL["confirm_stored"].execute(conn)
    channels, inboxes, external_ids = zip(*keys, strict=True)
    rows = await _SQL["find_many_published"].fetch(conn, channels=channels, inboxes=inboxes, external_ids=external_ids)
    return {(row["channel"], row["inbox"], row["external_id"]): _read_published(row) for row in rows}


def _read_erased(message: InboundMessage) -> Published:
    """Neither queued now nor known from before: it was erased, and stays so."""
    return Published(message.thread_id, MessageId(new_id()), message, is_new=False, is_erased=True)


def _read_published(row: Record) -> Published:
    first = InboundMessage.model_validate_json(row["payload"])
    return Published(row["thread_id"], row["id"], first, is_new=False, trace=row["trace"])
