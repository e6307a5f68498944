"""Settling: every function matches the lease's token and raises LeaseLost when the thread is no longer ours."""

from collections.abc import Sequence
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Failure, Lease, ThreadId

_SQL = load_statements("queue")


class LeaseLost(Exception):
    """The lease expired or was taken over; nothing that was prepared under it may be kept."""

    def __init__(self, thread_id: ThreadId) -> None:
        super().__init__(f"lease on thread {thread_id} is no longer ours")


async def fence(conn: Conn, lease: Lease) -> bool:
    """Lock the thread until the transaction ends, or raise LeaseLost. Comes first in every settling transaction.

    Returns whether a message has arrived in the thread since the claim.
    """
    row = await _SQL["fence"].fetch_row(conn, thread_id=lease.thread_id, token=lease.token, last_seq=lease.last_seq)
    if row is None or not row["is_held"]:
        raise LeaseLost(lease.thread_id)
    return bool(row["has_newer"])


async def complete(conn: Conn, lease: Lease) -> bool:
    """Settle the messages of this lease. Returns whether the thread has more waiting."""
    row = await _SQL["complete"].fetch_row(
        conn, thread_id=lease.thread_id, token=lease.token, through_seq=lease.through_seq
    )
    if row is None:
        raise LeaseLost(lease.thread_id)
    return bool(row["waiting"])


async def complete_empty(conn: Conn, lease: Lease) -> None:
    """Settle a lease that brought no message, behind `fence`, also where numbers of its thread have no message."""
    through_seq = await _SQL["skip_gap"].fetch_value(conn, thread_id=lease.thread_id)
    await _SQL["complete"].execute(
        conn, thread_id=lease.thread_id, token=lease.token, through_seq=through_seq or lease.through_seq
    )


async def complete_many(conn: Conn, leases: Sequence[Lease]) -> list[Lease]:
    """Settle many leases in one statement. Returns those that were lost; the others are settled."""
    rows = await _SQL["complete_many"].fetch(
        conn,
        thread_ids=[lease.thread_id for lease in leases],
        tokens=[lease.token for lease in leases],
        through_seqs=[lease.through_seq for lease in leases],
    )
    settled = {row["id"] for row in rows}
    return [lease for lease in leases if lease.thread_id not in settled]


async def release(conn: Conn, lease: Lease) -> None:
    """Give the thread back at once, without counting the attempt."""
    await snooze(conn, lease, delay_seconds=0.0)


async def snooze(conn: Conn, lease: Lease, *, delay_seconds: float) -> None:
    """Give the thread back for later, without counting the attempt: what went wrong is not the message's doing."""
    row = await _SQL["release"].fetch_value(
        conn, thread_id=lease.thread_id, token=lease.token, delay_seconds=delay_seconds
    )
    _require(row, lease)


async def retry(conn: Conn, lease: Lease, failure: Failure, *, delay_seconds: float) -> None:
    """Give the thread back for another attempt after a delay, and note what went wrong."""
    row = await _SQL["retry"].fetch_value(
        conn,
        thread_id=lease.thread_id,
        token=lease.token,
        delay_seconds=delay_seconds,
        worker=failure.worker,
        error_class=failure.error_class,
        message=failure.message,
    )
    _require(row, lease)


async def fail(conn: Conn, lease: Lease, failure: Failure, *, handed_over: bool = False) -> UUID:
    """Settle the messages of this lease as a dead letter with the history of their failures. Returns its id.

    `handed_over` says that the caller gives the conversation to a person because of it, in the same transaction.
    """
    row = await _SQL["fail"].fetch_value(
        conn,
        id=new_id(),
        thread_id=lease.thread_id,
        token=lease.token,
        first_seq=lease.done_seq + 1,
        through_seq=lease.through_seq,
        attempts=lease.attempt,
        handed_over=handed_over,
        worker=failure.worker,
        error_class=failure.error_class,
        message=failure.message,
    )
    _require(row, lease)
    return UUID(str(row))


def delay_before_retry(attempt: int, jitter: float, retry_after: float | None = None) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1): full jitter over 2, 4, 8 … capped at 300.

    `jitter` is uniform in [0, 1). Full jitter keeps threads that failed together from coming back together.
    A vendor's `retry_after` is a lower bound, believed up to an hour.
    """
    ceiling: float = min(300.0, 2.0 ** min(attempt, 16))
    delay = 0.5 + jitter * (ceiling - 0.5)
    return delay if retry_after is None else max(delay, min(retry_after, 3600.0))


def _require(row: object, lease: Lease) -> None:
    if row is None:
        raise LeaseLost(lease.thread_id)
