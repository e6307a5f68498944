"""Reads of figures that may be some seconds old: at a replica while it follows the primary, else at the primary."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from core.logging import RareLog, get_logger
from database.pool import DATABASE_ERRORS, Conn, DbPool, open_pool
from database.queries.operations import measure_lag

_log = get_logger(__name__)

T = TypeVar("T")

# Each worker commits a heartbeat every 15 s, so a replica that follows has always something younger than this.
MAX_LAG_SECONDS = 30.0
_CONNECTIONS = 4
_PATIENCE_SECONDS = 1.0
_PAUSE_SECONDS = 5.0  # or everybody who wants figures would wait for a replica that does not answer


class Reader:
    """Does reads at the replica, if there is one and it is fit, else on the pool of the primary."""

    def __init__(
        self, primary: DbPool, replica: DbPool | None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._primary = primary
        self._replica = replica
        self._monotonic = monotonic
        self._ask_again_at = float("-inf")
        self._rare_log = RareLog(_log)

    async def read(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        """What `work` finds, which only reads and may be run twice. Raises DATABASE_ERRORS of the primary alone."""
        if self._replica is not None and self._monotonic() >= self._ask_again_at:
            try:
                async with self._replica.acquire(timeout=_PATIENCE_SECONDS) as conn:
                    lag = await measure_lag(conn)
                    if lag is not None and lag <= MAX_LAG_SECONDS:
                        return await work(conn)
                self._leave_out("no replica that follows" if lag is None else f"{lag:.0f} s behind")
            except DATABASE_ERRORS as error:
                self._leave_out(type(error).__name__)
        async with self._primary.acquire() as conn:
            return await work(conn)

    def _leave_out(self, reason: str) -> None:
        self._ask_again_at = self._monotonic() + _PAUSE_SECONDS
        self._rare_log.warning("figures are read from the primary", reason=reason)


@asynccontextmanager
async def open_reader(
    primary: DbPool, replica_url: str | None, *, statement_timeout_seconds: int
) -> AsyncIterator[Reader]:
    """A reader, and where there is a replica the few connections to it, which cannot write."""
    if replica_url is None:
        yield Reader(primary, None)
        return
    async with open_pool(
        replica_url,
        application="nightdesk figures",
        max_size=_CONNECTIONS,
        statement_timeout_seconds=statement_timeout_seconds,
        is_read_only=True,
        is_standby_fine=True,
    ) as replica:
        yield Reader(primary, replica)
