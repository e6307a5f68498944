"""Whether a process can do its work: the database answers and has the tables that this version needs."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from core.logging import RareLog, get_logger
from database.migrate import count_missing
from database.pool import DATABASE_ERRORS, DbPool

_log = get_logger(__name__)

# `old_schema`: some of this version's migrations are still missing. A newer schema is fine, as during a deploy.
DatabaseState = Literal["ready", "no_database", "old_schema"]

FRESH_SECONDS = 1.0
ANSWER_SECONDS = 1.0  # a probe gives up after a few


class Readiness:
    """Asks on a connection of the pool, at most once a second however many want to know."""

    def __init__(self, pool: DbPool, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._monotonic = monotonic
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._state: DatabaseState = "no_database"
        self._has_schema = False
        self._log = RareLog(_log)

    async def read(self) -> DatabaseState:
        """How it was a moment ago; takes two seconds at most."""
        async with self._asking:
            if self._monotonic() - self._asked_at >= FRESH_SECONDS:
                self._state = await self._ask()
                self._asked_at = self._monotonic()
            return self._state

    async def _ask(self) -> DatabaseState:
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire(timeout=ANSWER_SECONDS) as conn:
                if self._has_schema:  # and keeps it: migrations only go forward
                    await conn.execute("SELECT 1")
                    return "ready"
                missing = await count_missing(conn)
        except DATABASE_ERRORS as error:
            if self._is_busy():
                # A flood takes all processes alike, and taking them out of service would make it an outage. A database
                # that is silent is seen as soon as the statements that wait for it are given up.
                return self._state
            self._log.warning("not ready, the database does not answer", error=type(error).__name__)
            return "no_database"
        if missing:
            self._log.warning("not ready, the schema is too old; run `nightdesk migrate`", missing_migrations=missing)
            return "old_schema"
        self._has_schema = True
        return "ready"

    def _is_busy(self) -> bool:
        return self._pool.get_idle_size() == 0 and self._pool.get_size() == self._pool.get_max_size()
