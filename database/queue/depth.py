"""How much waits, and how long already."""

from typing import Any

from database.pool import Conn
from database.queue.dead_letters import count_dead_letters
from database.statements import load_statements

_SQL = load_statements("queue")


async def measure_depth(conn: Conn) -> dict[str, float]:
    """How many threads are busy or waiting, how many claimable, the oldest wait in seconds, and the dead letters."""
    row = await _SQL["measure_depth"].fetch_row(conn)
    return {**dict(row or {}), "dead_letters": await count_dead_letters(conn)}


async def measure_channels(conn: Conn) -> list[dict[str, Any]]:
    """Threads by channel and state, messages waiting or in work, and the oldest wait in seconds."""
    return [dict(row) for row in await _SQL["measure_channels"].fetch(conn)]
