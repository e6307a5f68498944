"""How fast an inbox may send, over all workers: one row per inbox, taken for a moment before each send."""

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("outbox")

# So many seconds' worth of sends may go at once after a silence.
_BURST_SECONDS = 5.0


async def take_slot(conn: Conn, channel: str, inbox: str, *, per_minute: float) -> float:
    """Take the right to send one reply now: 0, or the seconds until it is worth asking again."""
    taken = await _SQL["take_slot"].fetch_value(
        conn, channel=channel, inbox=inbox, interval_seconds=60 / per_minute, burst_seconds=_BURST_SECONDS
    )
    if taken:
        return 0.0
    wait: float | None = await _SQL["find_next_slot"].fetch_value(conn, channel=channel, inbox=inbox)
    return max(0.01, wait or 0.0)


async def pause(conn: Conn, channel: str, inbox: str, *, seconds: float) -> None:
    """The vendor asked for patience: nobody sends from this inbox meanwhile."""
    await _SQL["pause"].execute(conn, channel=channel, inbox=inbox, seconds=seconds)
