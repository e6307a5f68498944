"""Waiting for what other processes do. They raise no event here, so their traces are looked at until they show."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.05


async def wait_for(look: Callable[[], Awaitable[T]], *, seconds: float = 120.0) -> T:
    """What `look` finds, as soon as it finds something; TimeoutError after a while."""
    async with asyncio.timeout(seconds):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(_POLL_SECONDS)
