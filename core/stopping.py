"""How a process ends when it is told to: in order, and within one budget whatever hangs."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from typing import TypeVar

from core.background import HastyExecutor
from core.logging import get_logger

_log = get_logger(__name__)

# Platforms kill after 30 seconds. `workers/ending.py` and `api/server.py` divide it.
STOP_SECONDS = 25.0
TERMINATED = 128 + signal.SIGTERM

T = TypeVar("T")


def hear_signals(stop: asyncio.Event) -> None:
    """Set `stop` at SIGINT or SIGTERM; from then on the process has STOP_SECONDS. Call it on the running loop.

    Its last act must be `end_at_once`: from now on nothing waits for the threads of this loop.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(HastyExecutor())
    is_ending = False

    def begin(_number: int, _frame: object) -> None:
        nonlocal is_ending
        if not is_ending:
            is_ending = True
            end_within(STOP_SECONDS)
            loop.call_soon_threadsafe(stop.set)

    # Not the loop's own handlers: one that hangs would never call them, and the process would not even begin to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, begin)


def end_within(seconds: float) -> None:
    """End this process by force, with code 1, if it still lives then.

    The last resort, in a thread: an event loop that hangs keeps no deadline. What it held comes back with its lease.
    """

    def end() -> None:
        _log.error("not everything could be ended in time, leaving it", seconds=seconds)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def run_until_terminated(work: Coroutine[object, object, T]) -> T:
    """Do the work. SIGTERM cancels it, so that it undoes what it has begun, and then ends the process with code 143."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    is_terminated = False

    def cancel() -> None:
        nonlocal is_terminated
        is_terminated = True
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if is_terminated:
            raise SystemExit(TERMINATED) from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
