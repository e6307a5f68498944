"""`message_queue`: an append-only log of messages with one cursor row per thread (docs/decisions/0001).

Functions take a connection and never begin or commit. Settling needs the lease's token and raises LeaseLost
when somebody else holds the thread by now.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from itertools import groupby
from uuid import UUID

from asyncpg import Record, UniqueViolationError

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import InboundMessage, Lease, MessageId, Published, QueuedMessage, ThreadId, WorkerId

_SQL = load_statements("queue")

MAX_MESSAGES_PER_TURN = 50


class LeaseLost(Exception):
    """The lease expired or was taken over; nothing that was prepared under it may be kept."""

    def __init__(self, thread_id: ThreadId) -> None:
        super().__init__(f"lease on thread {thread_id} is no longer ours")


async def publish(conn: Conn, message: InboundMessage, *, quiet_seconds: float = 0.0) -> Published:
    """Append a message to its thread and make the thread claimable; a redelivery is a no-op."""
    message_id = MessageId(new_id())
    try:
        # Inside a transaction a savepoint keeps a lost race from spoiling the rest of it.
        async with conn.transaction() if conn.is_in_transaction() else nullcontext():
            thread_id = await _SQL["publish"].fetch_value(
                conn,
                thread_id=new_id(),
                channel=message.channel,
                inbox=message.inbox,
                contact=message.contact,
                quiet_seconds=quiet_seconds,
                id=message_id,
                external_id=message.external_id,
                payload=message.model_dump_json(),
            )
    except UniqueViolationError:
        thread_id = None
    if thread_id is not None:
        return Published(thread_id, message_id, message, is_new=True)
    published = await find_published(conn, message.channel, message.inbox, message.external_id)
    if published is None:  # pragma: no cover  # only under REPEATABLE READ, which we never use
        raise RuntimeError("the first delivery of this message is not visible to this transaction")
    return published


async def find_published(conn: Conn, channel: str, inbox: str, external_id: str) -> Published | None:
    """The message that was published under this external id, if any."""
    row = await _SQL["find_published"].fetch_row(conn, channel=channel, inbox=inbox, external_id=external_id)
    if row is None:
        return None
    first = InboundMessage.model_validate_json(row["payload"])
    return Published(row["thread_id"], row["id"], first, is_new=False)


async def claim(conn: Conn, worker_id: WorkerId, *, max_threads: int, lease_seconds: float) -> list[Lease]:
    """Lease up to `max_threads` claimable threads, the longest waiting first."""
    rows = await _SQL["claim"].fetch(
        conn,
        worker_id=worker_id,
        max_threads=max_threads,
        lease_seconds=lease_seconds,
        max_messages=MAX_MESSAGES_PER_TURN,
    )
    return _build_leases(rows)


async def claim_thread(conn: Conn, worker_id: WorkerId, thread_id: ThreadId, *, lease_seconds: float) -> Lease | None:
    """Lease this thread alone, if it is claimable."""
    rows = await _SQL["claim_thread"].fetch(
        conn,
        worker_id=worker_id,
        thread_id=thread_id,
        lease_seconds=lease_seconds,
        max_messages=MAX_MESSAGES_PER_TURN,
    )
    return next(iter(_build_leases(rows)), None)


async def renew(conn: Conn, worker_id: WorkerId, tokens: Iterable[UUID], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases of one worker; the tokens that do not come back are lost."""
    rows = await _SQL["renew"].fetch(conn, worker_id=worker_id, tokens=list(tokens), lease_seconds=lease_seconds)
    return {row["lease_token"] for row in rows}


async def fence(conn: Conn, lease: Lease) -> None:
    """Lock the thread until the transaction ends, or raise LeaseLost. Comes first in every settling transaction."""
    if not await _SQL["fence"].fetch_value(conn, thread_id=lease.thread_id, token=lease.token):
        raise LeaseLost(lease.thread_id)


async def has_newer(conn: Conn, lease: Lease) -> bool:
    """Whether a message has arrived in the thread since the claim. Call it behind `fence`."""
    newer: bool = await _SQL["has_newer"].fetch_value(conn, thread_id=lease.thread_id, last_seq=lease.last_seq)
    return newer


async def complete(conn: Conn, lease: Lease) -> bool:
    """Settle the messages of this lease, behind `fence`. Returns whether the thread has more waiting."""
    row = await _SQL["complete"].fetch_row(
        conn, thread_id=lease.thread_id, token=lease.token, through_seq=lease.through_seq
    )
    if row is None:
        raise LeaseLost(lease.thread_id)
    return bool(row["waiting"])


async def release(conn: Conn, lease: Lease) -> None:
    """Give the thread back at once, without counting the attempt."""
    if await _SQL["release"].fetch_value(conn, thread_id=lease.thread_id, token=lease.token) is None:
        raise LeaseLost(lease.thread_id)


async def retry(conn: Conn, lease: Lease, *, delay_seconds: float) -> None:
    """Give the thread back for another attempt after a delay."""
    row = await _SQL["retry"].fetch_value(
        conn, thread_id=lease.thread_id, token=lease.token, delay_seconds=delay_seconds
    )
    if row is None:
        raise LeaseLost(lease.thread_id)


async def bury(conn: Conn, lease: Lease, reason: str) -> None:
    """Record the messages of this lease as dead letters. The caller completes the lease in the same transaction."""
    await _SQL["add_dead_letter"].execute(
        conn,
        id=new_id(),
        thread_id=lease.thread_id,
        first_seq=lease.done_seq + 1,
        through_seq=lease.through_seq,
        attempts=lease.attempt,
        reason=reason,
    )


async def measure_depth(conn: Conn) -> dict[str, float]:
    """How many threads are busy or waiting, how many claimable, the oldest wait in seconds, and the dead letters."""
    row = await _SQL["measure_depth"].fetch_row(conn)
    dead = await _SQL["count_dead_letters"].fetch_value(conn)
    return {**dict(row or {}), "dead_letters": dead}


def delay_before_retry(attempt: int, jitter: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1): full jitter over 2, 4, 8 … capped at 300.

    `jitter` is uniform in [0, 1). Full jitter keeps threads that failed together from coming back together.
    """
    ceiling: float = min(300.0, 2.0 ** min(attempt, 16))
    return 0.5 + jitter * (ceiling - 0.5)


def _build_leases(rows: list[Record]) -> list[Lease]:
    leases = []
    for _thread_id, group in groupby(rows, key=lambda row: row["thread_id"]):
        members = list(group)
        first = members[0]
        messages = tuple(
            QueuedMessage(row["id"], row["seq"], row["received_at"], row["payload"])
            for row in members
            if row["id"] is not None
        )
        # The thread row may be newer than the snapshot that found its messages, so it tells what the lease has seen
        # only where the lease was cut: a message that slipped in between must count as newer than the claim.
        is_cut = len(messages) == MAX_MESSAGES_PER_TURN
        seen = messages[-1].seq if messages else first["done_seq"]
        leases.append(
            Lease(
                thread_id=first["thread_id"],
                contact=first["contact"],
                token=first["lease_token"],
                attempt=first["attempts"],
                last_seq=first["last_seq"] if is_cut else seen,
                done_seq=first["done_seq"],
                expires_at=first["ready_at"],
                messages=messages,
            )
        )
    return leases
