"""A claim loop: take work when woken or every few seconds, never more than there are free slots."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from core.background import wait_briefly
from core.logging import RareLog, get_logger
from core.telemetry import WorkerTelemetry
from database.pool import DATABASE_ERRORS

_log = get_logger(__name__)

T = TypeVar("T")

_MAX_BACKOFF_SECONDS = 5.0


class Pump(Generic[T]):
    """Runs `handle` for everything `claim` returns, at most `concurrency` at a time.

    `handle` must not raise: it settles what it was given in every case. `find_next_due` gives the seconds until there
    will be something to claim without a wake-up.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Callable[[int], Awaitable[Sequence[T]]],
        handle: Callable[[T], Awaitable[None]],
        concurrency: int,
        poll_seconds: float,
        find_next_due: Callable[[], Awaitable[float | None]] | None = None,
        telemetry: WorkerTelemetry | None = None,
        outage_log: RareLog | None = None,
    ) -> None:
        self._name = name
        self._claim = claim
        self._handle = handle
        self._concurrency = concurrency
        self._poll_seconds = poll_seconds
        self._find_next_due = find_next_due
        self._telemetry = telemetry or WorkerTelemetry()
        self._telemetry.watch(name, lambda: self.in_flight)
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._outage_log = outage_log or RareLog(_log)

    @property
    def in_flight(self) -> int:
        """How many items are being handled."""
        return len(self._running)

    def wake(self, _payload: str = "") -> None:
        """Look for work now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Claim and handle until `stop`. A claim under way is never cancelled: its leases would be stranded."""
        failures = 0
        while not self._stopping.is_set():
            self._wake.clear()
            free = self._concurrency - len(self._running)
            try:
                claimed = await self._look(free) if free else []
                failures = 0
            except DATABASE_ERRORS as error:
                if failures == 0:
                    self._outage_log.warning(
                        "cannot claim, waiting for the database", pump=self._name, error=type(error).__name__
                    )
                failures += 1
                await wait_briefly(self._stopping, min(_MAX_BACKOFF_SECONDS, 0.1 * 2**failures))
                continue
            for item in claimed:
                self._start(item)
            if self._may_wait() and (not free or len(claimed) < free):
                pause = await self._choose_pause() if free else self._poll_seconds
                await wait_briefly(self._wake, pause)

    def stop(self) -> None:
        """Claim nothing more. What is in flight goes on; `drain` waits for it."""
        self._stopping.set()
        self._wake.set()

    async def claim_once(self, seconds: float) -> None:
        """After the end of the loop: begin with what is ready now."""
        try:
            async with asyncio.timeout(seconds):
                claimed = await self._claim(self._concurrency)
        except DATABASE_ERRORS as error:
            _log.warning("cannot claim at the end, the next start will", pump=self._name, error=type(error).__name__)
            return
        for item in claimed:
            self._start(item)

    async def drain(self, seconds: float, *, settle_seconds: float = 1.0) -> None:
        """Let what is in flight finish, cancel what has not after `seconds`, and wait so long for its end."""
        if not self._running:
            return
        _done, late = await asyncio.wait(self._running, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            _done, stuck = await asyncio.wait(late, timeout=settle_seconds)
            if stuck:
                _log.warning("work was left at the end; its leases will expire", pump=self._name, items=len(stuck))

    async def _look(self, free: int) -> Sequence[T]:
        with self._telemetry.time_claim(self._name):
            return await self._claim(free)

    async def _choose_pause(self) -> float:
        """Until the next poll, or until something becomes claimable by itself, of which nobody sends word."""
        if self._find_next_due is None or self._wake.is_set():
            return self._poll_seconds
        try:
            due = await self._find_next_due()
        except DATABASE_ERRORS:
            return self._poll_seconds
        return self._poll_seconds if due is None else min(self._poll_seconds, due)

    def _may_wait(self) -> bool:
        return not self._stopping.is_set()

    def _start(self, item: T) -> None:
        task = asyncio.ensure_future(self._handle(item))
        self._running.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work was left unsettled; its lease will expire", pump=self._name, exc_info=error)
        self._wake.set()
