"""Locks that a process holds for as long as some work takes, without a transaction that is open meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from database.pool import DATABASE_ERRORS, connect
from database.statements import load_statements

_SQL = load_statements("locks")

_COMMAND_SECONDS = 60.0


@asynccontextmanager
async def hold_alone(url: str, key: int, *, application: str) -> AsyncIterator[bool]:
    """Whether nobody else holds the lock with this key while the block runs.

    It belongs to a connection of its own and ends with it; on one of a pool it would outlive a block that failed, and
    behind a pooler it would be anybody's.
    """
    conn = await connect(url, application=application, command_timeout=_COMMAND_SECONDS)
    try:
        is_alone = bool(await _SQL["try_lock"].fetch_value(conn, key=key))
        try:
            yield is_alone
        finally:
            if is_alone:
                # At once; the server takes a moment to see a connection end.
                with suppress(*DATABASE_ERRORS):
                    await _SQL["unlock"].execute(conn, key=key)
    finally:
        conn.terminate()
