"""Rows that the tests of the database and of the workers begin with."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from asyncpg import Record

from core.ids import new_id
from core.settings import RetentionSettings
from database import outbox, queue
from database.pool import Conn
from database.queries import conversations, customers, tickets
from database.queries.runs import RunRecord
from database.retention import DATA_CLASSES, sweep
from database.types import (
    Channel,
    ConversationId,
    Failure,
    Identity,
    IdentityLevel,
    InboundMessage,
    Lease,
    MessageId,
    Published,
    RunId,
    ThreadId,
    TicketRequest,
    WorkerId,
)

DUE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ALICE = Identity(kind="email", value="alice@example.com", level="self_reported", name="Alice Abbott")


async def let_go(conn: Conn, name: str) -> int:
    """Delete what is over its time in one class of data, with the settings as they come; how many rows there were."""
    (data,) = (data for data in DATA_CLASSES if data.name == name)
    return await sweep(conn, data, RetentionSettings(), max_batches=1)


def make_worker_id() -> WorkerId:
    """A worker nobody else is."""
    return WorkerId(uuid4())


def make_request(ref: str = "TF-20261121-0001") -> TicketRequest:
    """What a customer chose on the form."""
    return TicketRequest(
        ref=ref, subject="Exporting my data", category="general", priority="medium", first_reply_due=DUE
    )


def make_run(conversation_id: ConversationId, **values: Any) -> RunRecord:
    """A turn of the offline brain that answered; `values` are what a test has otherwise."""
    run = RunRecord(
        id=RunId(new_id()),
        conversation_id=conversation_id,
        attempt=1,
        through_seq=1,
        brain="offline",
        model="rules",
        prompt_hash="0" * 8,
        outcome="answered",
        decision={"action": "answer"},
        stages={},
        input_tokens=0,
        output_tokens=0,
        tool_calls=[],
    )
    return replace(run, **values)


def make_message(
    contact: str = "TF-20261121-0001",
    external_id: str | None = None,
    *,
    text: str = "How do I export my data?",
    channel: Channel = "web",
    inbox: str = "form",
    sender: Identity | None = ALICE,
    ticket: TicketRequest | None = None,
) -> InboundMessage:
    """A message; without an external id it is a new one every time."""
    return InboundMessage(
        channel=channel,
        inbox=inbox,
        contact=contact,
        external_id=external_id or uuid4().hex,
        fingerprint="f" * 64,
        sender=sender,
        text=text,
        ticket=ticket,
    )


async def publish_texts(conn: Conn, contact: str, *texts: str) -> ThreadId:
    """Publish messages of one thread, in order."""
    published: Published | None = None
    for text in texts:
        published = await queue.publish(conn, make_message(contact, text=text))
    assert published is not None
    return published.thread_id


async def claim_one(conn: Conn, worker_id: WorkerId | None = None, *, lease_seconds: float = 60.0) -> Lease:
    """Claim the one thread that is claimable."""
    (lease,) = await queue.claim(conn, worker_id or make_worker_id(), max_threads=10, lease_seconds=lease_seconds)
    return lease


async def settle(conn: Conn, lease: Lease) -> bool:
    """Complete a lease the way a worker does; returns whether the thread has more waiting."""
    async with conn.transaction():
        await queue.fence(conn, lease)
        if lease.messages:
            return await queue.complete(conn, lease)
        await queue.complete_empty(conn, lease)
        return False


def make_failure(text: str = "the model is down") -> Failure:
    """What a worker writes down about an attempt that failed."""
    return Failure(worker="desk:7", error_class="ConnectionError", message=text)


async def expire_lease(conn: Conn, thread_id: UUID) -> None:
    """Let the time of a lease, a delay or a quiet period run out."""
    await conn.execute("UPDATE queue_threads SET ready_at = now() - interval '1 second' WHERE id = $1", thread_id)


async def read_thread(conn: Conn, thread_id: UUID) -> Record:
    """The thread's row, with `delay`: the seconds until it is claimable."""
    row = await conn.fetchrow(
        "SELECT *, extract(epoch FROM ready_at - clock_timestamp())::float8 AS delay FROM queue_threads WHERE id = $1",
        thread_id,
    )
    assert row is not None
    return row


async def open_conversation(
    conn: Conn,
    ref: str = "TF-20261121-0001",
    *,
    channel: Channel = "web",
    inbox: str = "form",
    level: IdentityLevel = "self_reported",
) -> ConversationId:
    """A conversation with its customer, its ticket and its first message, the queue being done with it."""
    sender = Identity(kind="email", value="alice@example.com", level=level, name="Alice Abbott")
    message = make_message(ref, channel=channel, inbox=inbox, sender=sender)
    published = await queue.publish(conn, message)
    await conn.execute("UPDATE queue_threads SET done_seq = 1, ready_at = NULL WHERE id = $1", published.thread_id)
    customer_id = await customers.resolve_customer(conn, sender)
    conversation_id = await conversations.add_conversation(conn, published.thread_id, customer_id, message, sender)
    await tickets.add_ticket(conn, conversation_id, make_request(ref))
    await conversations.add_message(conn, published.message_id, conversation_id, "customer", message.text)
    return conversation_id


async def queue_reply(
    conn: Conn,
    conversation_id: ConversationId,
    text: str = "Open Settings and choose Export.",
    *,
    channel: Channel = "web",
    inbox: str = "form",
) -> MessageId:
    """A committed reply that waits to be sent."""
    message_id = MessageId(new_id())
    await conversations.add_message(conn, message_id, conversation_id, "assistant", text)
    await outbox.add(conn, message_id, conversation_id, channel, inbox)
    return message_id


async def wait_until_blocked(observer: Conn, backends: int = 1) -> None:
    """Return when this many backends of the observer's database wait for a lock; give up after ten seconds."""
    async with asyncio.timeout(60):
        while True:
            blocked = await observer.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if blocked >= backends:
                return
