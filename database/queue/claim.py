"""Claiming: leases on threads, each with everything that waits in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import get_args
from uuid import UUID, uuid4

from asyncpg import Record

from database.pool import Conn
from database.statements import load_statements
from database.types import Channel, Lease, QueuedMessage, ThreadId, WorkerId

_SQL = load_statements("queue")

MAX_MESSAGES_PER_TURN = 50
NO_FLOOR = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Share:
    """What one claim may take of a channel: at most `threads`, none that became claimable before `floor`."""

    channel: str
    threads: int
    floor: datetime = NO_FLOOR


async def claim(
    conn: Conn,
    worker_id: WorkerId,
    *,
    max_threads: int,
    lease_seconds: float,
    shares: Sequence[Share] | None = None,
    max_messages: int = MAX_MESSAGES_PER_TURN,
    max_suspects: int | None = None,
) -> list[Lease]:
    """Lease up to `max_threads` claimable threads, channel by channel, the longest waiting of each first.

    Without `shares` every channel may have all of them, without `max_suspects` all of them may be suspect: threads
    whose lease has run out for the third time. One statement: autocommit is its short transaction.
    """
    token = uuid4()  # one for all, made here: gen_random_uuid() for each row takes as long as leasing the row
    shares = shares or [Share(channel, max_threads) for channel in get_args(Channel)]
    rows = await _SQL["claim"].fetch(
        conn,
        worker_id=worker_id,
        token=token,
        max_threads=max_threads,
        max_suspects=max_threads if max_suspects is None else max_suspects,
        lease_seconds=lease_seconds,
        max_messages=max_messages,
        channels=[share.channel for share in shares],
        floors=[share.floor for share in shares],
        shares=[share.threads for share in shares],
    )
    return _build_leases(rows, token, max_messages)


async def find_next_due(conn: Conn, channels: Sequence[str]) -> float | None:
    """Seconds until a thread of these channels becomes claimable by the passing of time; None if none will."""
    seconds: float | None = await _SQL["find_next_due"].fetch_value(conn, channels=list(channels))
    return seconds


async def claim_thread(conn: Conn, worker_id: WorkerId, thread_id: ThreadId, *, lease_seconds: float) -> Lease | None:
    """Lease this thread alone, if it is claimable."""
    token = uuid4()
    rows = await _SQL["claim_thread"].fetch(
        conn,
        worker_id=worker_id,
        token=token,
        thread_id=thread_id,
        lease_seconds=lease_seconds,
        max_messages=MAX_MESSAGES_PER_TURN,
    )
    return next(iter(_build_leases(rows, token, MAX_MESSAGES_PER_TURN)), None)


async def renew(conn: Conn, leases: Sequence[Lease], *, lease_seconds: float) -> list[Lease]:
    """Extend leases, all in one statement. Returns those that were lost."""
    rows = await _SQL["renew"].fetch(
        conn,
        thread_ids=[lease.thread_id for lease in leases],
        tokens=[lease.token for lease in leases],
        lease_seconds=lease_seconds,
    )
    held = {(row["id"], row["token"]) for row in rows}
    return [lease for lease in leases if lease.key not in held]


def _build_leases(rows: list[Record], token: UUID, max_messages: int) -> list[Lease]:
    leases = []
    for _thread_id, group in groupby(rows, key=lambda row: row["thread_id"]):
        members = list(group)
        first = members[0]
        messages = tuple(
            QueuedMessage(row["id"], row["seq"], row["received_at"], row["payload"], row["trace"])
            for row in members
            if row["id"] is not None
        )
        # The thread row may be newer than the snapshot that found its messages, so it tells what the lease has seen
        # only where the lease was cut: a message that slipped in between must count as newer than the claim.
        is_cut = len(messages) == max_messages
        seen = messages[-1].seq if messages else first["done_seq"]
        leases.append(
            Lease(
                thread_id=first["thread_id"],
                channel=first["channel"],
                inbox=first["inbox"],
                contact=first["contact"],
                token=token,
                attempt=first["attempts"],
                last_seq=first["last_seq"] if is_cut else seen,
                done_seq=first["done_seq"],
                ready_since=first["ready_since"],
                is_suspect=first["is_suspect"],
                expires_at=first["ready_at"],
                messages=messages,
                answered_before=first["answered_before"],
            )
        )
    return leases
