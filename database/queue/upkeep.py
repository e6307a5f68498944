"""Upkeep: what one elected worker does for all, a little at a time."""

from typing import Any

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("upkeep")

_ELECTION_KEY = 0x6E64_7570  # "ndup"; any number will do as long as every worker uses the same
LONGEST_DELAY_SECONDS = 2 * 3600.0
# A few milliseconds each, so that nobody waits for a lock. The statements have it too.
BATCH_ROWS = 1_000


async def elect(conn: Conn, *, silence_seconds: float) -> bool:
    """Try to become the one worker that does the upkeep, for as long as this connection lives and is used.

    Needs a connection of its own: behind a pooler in transaction mode the lock would belong to anybody. The server
    ends it after `silence_seconds` without a statement.
    """
    is_elected: bool = await _SQL["elect"].fetch_value(
        conn, key=_ELECTION_KEY, silence_ms=str(round(silence_seconds * 1000))
    )
    return is_elected


async def delete_finished(conn: Conn, days: int) -> int:
    """Delete up to BATCH_ROWS finished messages that arrived so many days ago. Returns how many there were.

    With them goes the memory of their external ids: a redelivery that comes later than this is a new message.
    """
    deleted: int = await _SQL["delete_finished"].fetch_value(conn, days=days)
    return deleted


async def delete_history(conn: Conn, days: int) -> int:
    """Delete the failures of turns that succeeded, and dead letters that were settled, so many days ago."""
    failures: int = await _SQL["delete_failures"].fetch_value(conn, days=days)
    letters: int = await _SQL["delete_settled_dead_letters"].fetch_value(conn, days=days)
    return failures + letters


async def delete_arrivals(conn: Conn, days: int) -> int:
    """Delete sources that arrived so many days ago, names of threads of 400 days, and one-time codes of yesterday."""
    sources: int = await _SQL["delete_sources"].fetch_value(conn, days=days)
    keys: int = await _SQL["delete_thread_keys"].fetch_value(conn)
    codes: int = await _SQL["delete_codes"].fetch_value(conn)
    return sources + keys + codes


async def delete_orphans(conn: Conn, days: int) -> int:
    """Delete contents of so many days ago that no message refers to. Looks at all of them: now and then is enough."""
    orphans: int = await _SQL["delete_orphans"].fetch_value(conn, days=days)
    return orphans


async def count_overdue(conn: Conn, *, overdue_seconds: float) -> list[dict[str, Any]]:
    """Channels with threads that have been claimable for longer, how many, and the oldest in seconds."""
    return [dict(row) for row in await _SQL["count_overdue"].fetch(conn, overdue_seconds=overdue_seconds)]


async def rescue(conn: Conn) -> int:
    """Make claimable what is put off for longer than any delay of ours. Returns how many threads there were."""
    return len(await _SQL["rescue"].fetch(conn, longest_seconds=LONGEST_DELAY_SECONDS))
