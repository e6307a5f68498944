"""Staying alive: renewing leases, saying so in `workers`, and taking back what dead workers left."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID

from core.logging import get_logger
from database import outbox, queue
from database.pool import DATABASE_ERRORS, DbConnection, connect
from database.queries import operations
from database.types import WorkerId

_log = get_logger(__name__)

_STATEMENT_TIMEOUT_SECONDS = 10.0


class Heartbeat:
    """Beats four times per lease on a connection of its own, so that a busy pool cannot lose the leases."""

    def __init__(
        self,
        url: str,
        worker_id: WorkerId,
        *,
        brain: str,
        concurrency: int,
        lease_seconds: float,
        leases: Mapping[UUID, asyncio.Task[None]],
        repeatable_channels: list[str],
        on_recovered: Callable[[], None],
    ) -> None:
        self._url = url
        self._worker_id = worker_id
        self._brain = brain
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._leases = leases
        self._repeatable_channels = repeatable_channels
        self._on_recovered = on_recovered

    async def run(self) -> None:
        """Beat until cancelled; a lost connection is opened again at the next beat."""
        conn: DbConnection | None = None
        is_lost = False
        try:
            while True:
                try:
                    if conn is None or conn.is_closed():
                        conn = await connect(self._url, application="nightdesk heartbeat")
                    async with asyncio.timeout(_STATEMENT_TIMEOUT_SECONDS):
                        await self.beat(conn)
                    is_lost = False
                except DATABASE_ERRORS as error:
                    if not is_lost:
                        _log.warning("heartbeat failed", error=type(error).__name__)
                    is_lost = True
                    if conn is not None:
                        conn.terminate()
                        conn = None
                await asyncio.sleep(1.0 if is_lost else self._lease_seconds / 4)
        finally:
            if conn is not None and not conn.is_closed():
                with suppress(*DATABASE_ERRORS):
                    await operations.sign_off(conn, self._worker_id)
                await conn.close()

    async def beat(self, conn: DbConnection) -> None:
        """One round: renew, cancel what was lost, report, recover."""
        held = dict(self._leases)
        if held:
            renewed = await queue.renew(conn, self._worker_id, held, lease_seconds=self._lease_seconds)
            for token in held.keys() - renewed:
                # It may have been settled a moment ago; cancelling a finished task does nothing.
                if token in self._leases:
                    _log.warning("lease lost, cancelling its turn")
                    held[token].cancel()
        await operations.beat(
            conn,
            self._worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            brain=self._brain,
            concurrency=self._concurrency,
            in_flight=len(held),
        )
        await operations.forget_silent_workers(conn)
        requeued, doubted = await outbox.recover_expired(conn, self._repeatable_channels)
        if doubted:
            _log.error("sends in doubt after a worker died, a person must look", replies=doubted)
        if requeued:
            self._on_recovered()
