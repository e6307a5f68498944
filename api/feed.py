"""Who follows which ticket live. Notifications wake followers; what they then see is read from the database."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class TooManyStreams(Exception):
    """This process already holds as many live connections as it is allowed to."""


class TicketFeed:
    """One event per follower. Setting an event that is already set costs nothing, so a burst wakes once."""

    def __init__(self, max_followers: int) -> None:
        self._max_followers = max_followers
        self._count = 0
        self._followers: dict[str | None, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def follow(self, ref: str | None) -> Iterator[asyncio.Event]:
        """An event that is set whenever the ticket may have changed; without a reference, whenever any may."""
        if self._count >= self._max_followers:
            raise TooManyStreams
        changed = asyncio.Event()
        self._count += 1
        self._followers[ref].add(changed)
        try:
            yield changed
        finally:
            self._count -= 1
            self._followers[ref].discard(changed)
            if not self._followers[ref]:
                del self._followers[ref]

    def announce(self, ref: str) -> None:
        """The ticket may have changed."""
        for changed in (*self._followers.get(ref, ()), *self._followers.get(None, ())):
            changed.set()

    def announce_all(self) -> None:
        """Notifications may have been missed: everybody looks again."""
        for followers in self._followers.values():
            for changed in followers:
                changed.set()
