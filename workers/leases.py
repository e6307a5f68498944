"""The leases a worker holds, each with the task that works on it."""

import asyncio
from typing import Any

from core.logging import get_logger
from database.types import Lease

_log = get_logger(__name__)


class Leases:
    """Written by the turns; read by the heartbeat, which runs in another thread."""

    def __init__(self) -> None:
        self._held: dict[object, tuple[Lease, asyncio.Task[Any] | None]] = {}

    def hold(self, lease: Lease, task: asyncio.Task[Any] | None) -> None:
        """From now on this lease is renewed, and its task cancelled when it is lost."""
        self._held[lease.key] = lease, task

    def let_go(self, lease: Lease) -> None:
        """The task is about to end."""
        del self._held[lease.key]

    def list(self) -> list[Lease]:
        """All of them. Safe in any thread: copying a dict is one step to the others."""
        return [lease for lease, _task in self._held.copy().values()]

    def cancel(self, lease: Lease) -> None:
        """Cancel the task of a lost lease. It may have been settled a moment ago; then nobody works on it."""
        _lease, task = self._held.get(lease.key, (None, None))
        if task is not None:
            _log.warning("lease lost, cancelling its turn", thread_id=str(lease.thread_id))
            task.cancel()
