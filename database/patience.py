"""Work that outlasts a database which is away for a moment."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from database.pool import DATABASE_ERRORS, Conn, DbPool

T = TypeVar("T")

# The classes of connections, of conflicts between transactions, of resources such as memory and disk, of operators
# and of the system; and a standby that takes no writes, a transaction ended from outside, a lock not to be had.
_PASSING_STATES = ("08", "40", "53", "57", "58", "25006", "25P03", "55P03")
READ_SECONDS = 10.0  # for what a turn looks up while it thinks
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class DatabaseAway(Exception):
    """The database could not do it now; later it may. Nothing was written, or it was written whole."""


# What reading patiently may raise all the same. Not DATABASE_ERRORS: a model's connection breaks with the same OSError.
DATABASE_TROUBLE = (DatabaseAway, asyncpg.PostgresError)


def is_passing(error: BaseException) -> bool:
    """Whether this error of the driver speaks of the database's state and not of what was asked of it."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_PASSING_STATES)
    return isinstance(error, DATABASE_ERRORS)


async def run_patiently(pool: DbPool, work: Callable[[Conn], Awaitable[T]], *, patience_seconds: float) -> T:
    """Run `work` on a connection, again and again while the database is away; then raise DatabaseAway.

    What `work` writes must be fenced by a lease: where the connection breaks in the middle of a commit nobody knows
    what became of it, and the repetition finds the lease settled. A statement that runs into its timeout again and
    again is raised as it is, for that may be the doing of what was asked.
    """
    deadline = time.monotonic() + patience_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            async with pool.acquire(timeout=max(pause, deadline - time.monotonic())) as conn:
                return await work(conn)
        except DATABASE_ERRORS as error:
            if not is_passing(error):
                raise
            if time.monotonic() + pause > deadline:
                if isinstance(error, asyncpg.QueryCanceledError):
                    raise
                raise DatabaseAway(type(error).__name__) from error
        await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311  # jitter, not a secret
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
