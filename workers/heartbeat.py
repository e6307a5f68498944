"""Staying alive: renewing the leases of this worker, and saying so in `workers`."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from core.background import run_in_thread
from core.logging import get_logger
from database import queue
from database.pool import DATABASE_ERRORS, DbConnection, connect
from database.queries import operations
from database.types import WorkerId
from workers.leases import Leases

_log = get_logger(__name__)

_STATEMENT_TIMEOUT_SECONDS = 10.0
_SIGN_OFF_SECONDS = 2.0  # a database that is silent at the end must not keep the worker from ending
# An event loop that has not moved for so long will not recover; its turns are better done by somebody else.
FROZEN_SECONDS = 300.0


class Heartbeat:
    """Beats four times per lease, in a thread and on a connection of its own.

    So neither a busy pool nor a turn that blocks the event loop loses the leases of the others. `brain` says, at each
    beat, who thinks at the moment.
    """

    def __init__(
        self,
        url: str,
        worker_id: WorkerId,
        leases: Leases,
        *,
        brain: Callable[[], str],
        concurrency: int,
        lease_seconds: float,
        is_elected: Callable[[], bool] = lambda: False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._worker_id = worker_id
        self._leases = leases
        self._brain = brain
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._is_elected = is_elected
        self._monotonic = monotonic
        self._moved_at = monotonic()
        self._beaten_at = float("-inf")
        self._missed: set[object] = set()

    @property
    def is_beating(self) -> bool:
        """Whether the database has heard of this worker within a lease. Safe in any thread."""
        return self._monotonic() - self._beaten_at < self._lease_seconds

    async def run(self) -> None:
        """Beat until cancelled. Called on the event loop of the turns, which it watches."""
        turns = asyncio.get_running_loop()
        self._notice_movement()
        await run_in_thread(lambda: self._beat_until_cancelled(turns))

    async def beat(self, conn: DbConnection, turns: asyncio.AbstractEventLoop) -> None:
        """One round: renew, cancel what was lost, report."""
        held = self._leases.list()
        if held and self._monotonic() - self._moved_at > FROZEN_SECONDS:
            _log.error("the worker is frozen, its leases are given up", leases=len(held))
        elif held:
            lost = await queue.renew(conn, held, lease_seconds=self._lease_seconds)
            for lease in lost:
                # At the first beat it may be its own commit that has just ended it, whose answer is still on its way.
                if lease.key in self._missed:
                    turns.call_soon_threadsafe(self._leases.cancel, lease)
            self._missed = {lease.key for lease in lost}
        await operations.beat(
            conn,
            self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            brain=self._brain(),
            concurrency=self._concurrency,
            in_flight=len(held),
            is_elected=self._is_elected(),
        )

    async def _beat_until_cancelled(self, turns: asyncio.AbstractEventLoop) -> None:
        conn: DbConnection | None = None
        is_lost = False
        try:
            while True:
                with suppress(RuntimeError):  # the loop has closed: the worker is gone
                    turns.call_soon_threadsafe(self._notice_movement)
                try:
                    if conn is None or conn.is_closed():
                        conn = await connect(self._url, application="nightdesk heartbeat")
                    async with asyncio.timeout(_STATEMENT_TIMEOUT_SECONDS):
                        await self.beat(conn, turns)
                    self._beaten_at = self._monotonic()
                    is_lost = False
                except DATABASE_ERRORS as error:
                    if not is_lost:
                        _log.warning("heartbeat failed", error=type(error).__name__)
                    is_lost = True
                    if conn is not None:
                        conn.terminate()
                        conn = None
                await asyncio.sleep(min(1.0, self._lease_seconds / 4) if is_lost else self._lease_seconds / 4)
        finally:
            if conn is not None and not conn.is_closed():
                with suppress(*DATABASE_ERRORS):
                    async with asyncio.timeout(_SIGN_OFF_SECONDS):
                        await operations.sign_off(conn, self._worker_id)
                conn.terminate()

    def _notice_movement(self) -> None:
        self._moved_at = self._monotonic()
