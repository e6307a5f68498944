"""What a worker says of itself to whoever watches over it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from core.background import wait_briefly
from core.telemetry import WorkerTelemetry
from database.readiness import DatabaseState, Readiness

WorkerStatus = DatabaseState | Literal["starting", "stopping"]

_RECHECK_SECONDS = 1.0
LOOP_SECONDS = 5.0  # whoever blocks the loop for longer holds up every turn; several times in a row, it hangs


class Vitals:
    """Written on the event loop of the turns, asked in other threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.telemetry = WorkerTelemetry()
        self._loop = loop
        self._is_beating: Callable[[], bool] = lambda: False
        self._status: WorkerStatus = "starting"

    def is_alive(self) -> bool:
        """Whether the event loop moves. Never called on it."""
        moved = threading.Event()
        with suppress(RuntimeError):  # it has closed
            self._loop.call_soon_threadsafe(moved.set)
        return moved.wait(LOOP_SECONDS)

    @property
    def status(self) -> WorkerStatus:
        """`ready` where it claims and the database answers, else what it waits for."""
        return "no_database" if self._status == "ready" and not self._is_beating() else self._status

    async def wait_for_database(self, readiness: Readiness, stop: asyncio.Event) -> bool:
        """Until the database has this version's tables. False where the stop came first."""
        while not stop.is_set():
            state = await readiness.read()
            if state == "ready":
                self._status = "starting"
                return True
            self._status = state
            await wait_briefly(stop, _RECHECK_SECONDS)
        return False

    def begin(self, is_beating: Callable[[], bool]) -> None:
        """It claims from now on, and its heartbeat tells whether the database answers."""
        self._is_beating = is_beating
        self._status = "ready"

    def end(self) -> None:
        """It claims nothing more."""
        self._status = "stopping"
