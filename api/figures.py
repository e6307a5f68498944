"""The desk's figures, read at most every few seconds however many ask for them."""

import asyncio
import time
from collections.abc import Callable

from core.logging import RareLog, get_logger
from database.pool import DATABASE_ERRORS, DbPool
from database.queries.live import DeskFigures, measure_desk

_log = get_logger(__name__)

FRESH_SECONDS = 3.0
_PATIENCE_SECONDS = 3.0


class Figures:
    """What was read last. One caller reads, and whoever asks meanwhile gets the same."""

    def __init__(self, pool: DbPool, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._outage_log = RareLog(_log)
        self.latest: DeskFigures | None = None

    async def read(self) -> DeskFigures | None:
        """The figures, or None while the database cannot be asked."""
        async with self._reading:
            if self._monotonic() - self._read_at >= FRESH_SECONDS:
                self.latest = await self._measure()
                self._read_at = self._monotonic()
            return self.latest

    async def _measure(self) -> DeskFigures | None:
        try:
            async with self._pool.acquire(timeout=_PATIENCE_SECONDS) as conn:
                return await measure_desk(conn)
        except DATABASE_ERRORS as error:
            self._outage_log.warning("the desk cannot be measured", error=type(error).__name__)
            return None
