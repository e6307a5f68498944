"""Buckets of requests, by GCRA: all that is kept of one is when it will be full again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("limits")

BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Bucket:
    """One request comes back every `interval`; an empty bucket is full after `whole`."""

    key: UUID
    interval: timedelta
    whole: timedelta


async def spend(conn: Conn, buckets: Sequence[Bucket]) -> timedelta | None:
    """Take one request out of each bucket: None, or how long until there is one in all of them.

    What an empty bucket refuses has been taken out of the others.
    """
    wait: timedelta | None = await _SQL["spend"].fetch_value(
        conn,
        keys=[bucket.key for bucket in buckets],
        intervals=[bucket.interval for bucket in buckets],
        wholes=[bucket.whole for bucket in buckets],
    )
    return wait


async def delete_full(conn: Conn, after: UUID | None) -> UUID | None:
    """Forget the full ones of the next BATCH_ROWS buckets; the key to go on from, or None at the end."""
    row = await _SQL["delete_full"].fetch_row(conn, after=after or UUID(int=0))
    return row["last"] if row is not None and row["seen"] == BATCH_ROWS else None
