"""Counting inside a window of time that all processes of a measurement share."""

import asyncio
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """From when on, and for how long, on the monotonic clock: it is the same in all processes of a machine."""

    start: float
    seconds: float

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.seconds


class Meter:
    """Counts what happens inside a window; what comes before it is warm-up."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._counted = 0
        self._empty_since: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether to stop working."""
        return time.monotonic() >= self._window.end

    @property
    def rate(self) -> float:
        """How much per second. Where the queue ran empty, only until then."""
        end = self._window.end if self._empty_since is None else self._empty_since
        return self._counted / (end - self._window.start) if end > self._window.start else 0.0

    def count(self, number: int) -> None:
        """Something was done just now."""
        self._empty_since = None
        if self._window.start <= time.monotonic() < self._window.end:
            self._counted += number

    async def wait_for_more(self) -> None:
        """There was nothing to do just now."""
        self._empty_since = self._empty_since or min(time.monotonic(), self._window.end)
        await asyncio.sleep(0.002)

    async def wait_until_over(self) -> None:
        """For workers that run until they are told to stop."""
        await asyncio.sleep(max(0.0, self._window.end - time.monotonic()))
