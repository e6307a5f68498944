"""All inboxes that are polled, each kept in step by a sync of its own."""

import asyncio
from collections.abc import Callable

from channels.base import Channels
from core.tracing import Tracing
from database.files import FileStore
from database.pool import DbPool
from workers.sync import InboxSync


class Inboxes:
    """The syncs of one worker."""

    def __init__(
        self,
        pool: DbPool,
        files: FileStore,
        channels: Channels,
        *,
        lease_seconds: float,
        on_published: Callable[[], None],
        on_moved: Callable[[], None],
        tracing: Tracing | None = None,
    ) -> None:
        self._syncs = [
            InboxSync(
                pool,
                files,
                poller,
                lease_seconds=lease_seconds,
                on_published=on_published,
                on_moved=on_moved,
                tracing=tracing,
            )
            for kit in channels.values()
            for poller in kit.pollers
        ]

    async def run(self) -> None:
        """Sync until cancelled."""
        await asyncio.gather(*(sync.run() for sync in self._syncs))

    def wake(self, inbox: str) -> None:
        """A push says that this inbox has something new."""
        for sync in self._syncs:
            sync.wake(inbox)
