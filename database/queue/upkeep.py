"""Upkeep: what one elected worker does for all, a little at a time."""

from typing import Any

from database.pool import Conn, DbConnection
from database.statements import load_statements

_SQL = load_statements("upkeep")

_ELECTION_KEY = 0x6E64_7570  # "ndup"; any number will do as long as every worker uses the same
LONGEST_DELAY_SECONDS = 2 * 3600.0


async def elect(conn: DbConnection, *, silence_seconds: float) -> bool:
    """Try to become the one worker that does the upkeep, for as long as this connection lives.

    Needs a connection of its own: behind a pooler in transaction mode the lock would belong to anybody. Whoever is
    elected and says nothing for `silence_seconds` is cut off, so that a later try succeeds.
    """
    is_elected: bool = await _SQL["elect"].fetch_value(conn, key=_ELECTION_KEY)
    if not is_elected:
        await _SQL["end_silent"].execute(conn, key=_ELECTION_KEY, silence_seconds=silence_seconds)
    return is_elected


async def count_overdue(conn: Conn, *, overdue_seconds: float) -> list[dict[str, Any]]:
    """Channels with threads that have been claimable for longer, how many, and the oldest in seconds."""
    return [dict(row) for row in await _SQL["count_overdue"].fetch(conn, overdue_seconds=overdue_seconds)]


async def rescue(conn: Conn) -> int:
    """Make claimable what is put off for longer than any delay of ours. Returns how many threads there were."""
    return len(await _SQL["rescue"].fetch(conn, longest_seconds=LONGEST_DELAY_SECONDS))
