"""Jobs that run beside a block and end with it."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from core.logging import get_logger

_log = get_logger(__name__)

_COMPUTING = "computing"
_END_SECONDS = 3.0  # a rollback on a database that is silent would wait for a minute

T = TypeVar("T")


@asynccontextmanager
async def run_in_background(
    *jobs: Coroutine[object, object, None], on_death: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Run `jobs` while the block does and cancel them at its end, which they may not hold up for long.

    A job that dies is logged with its traceback, and `on_death` is called: what depends on it had better stop.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]

    def note_death(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background job died", job=repr(task.get_coro()), exc_info=error)
            on_death()

    for task in tasks:
        task.add_done_callback(note_death)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            _ended, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
            if late:
                _log.warning("background jobs do not end, leaving them", jobs=[repr(task.get_coro()) for task in late])


async def wait_briefly(event: asyncio.Event, seconds: float) -> bool:
    """Until the event is set, `seconds` at most; whether it was.

    Not `asyncio.wait_for`: before Python 3.12 that one swallows a cancellation which comes together with the event, and
    whoever was cancelled goes on.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


async def run_in_thread(job: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run a coroutine on an event loop in a thread of its own, so that nothing on this loop can hold it up.

    Cancelling this cancels the job and waits for its end.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = Future()
    ended: Future[None] = Future()

    async def begin() -> None:
        task = asyncio.ensure_future(job())
        started.set_result((asyncio.get_running_loop(), task))
        await task

    def work() -> None:
        try:
            asyncio.run(begin())
        except asyncio.CancelledError:
            ended.set_result(None)
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits
            ended.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=work, name="background", daemon=True).start()
    waiting = asyncio.wrap_future(ended)
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        loop, task = await asyncio.wrap_future(started)
        with suppress(RuntimeError):  # it has just ended by itself
            loop.call_soon_threadsafe(task.cancel)
        await waiting
        raise


async def compute_in_thread(work: Callable[[], T]) -> T:
    """Compute what takes a minute in a thread of its own. A process that ends does not wait for it, unlike `to_thread`.

    Cancelling this leaves the thread to itself; see `end_at_once`.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # from here on only the thread settles it

    def compute() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits
            done.set_exception(error)

    threading.Thread(target=compute, name=_COMPUTING, daemon=True).start()
    return await asyncio.wrap_future(done)


class HastyExecutor(ThreadPoolExecutor):
    """Threads for `asyncio.to_thread` that nobody waits for at the end; see `end_at_once`.

    One may hang in a vendor's library for longer than a stop may take, and what a process has yet to flush comes after.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=_COMPUTING)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001  # theirs
        """Take nothing more, and go."""
        _ = wait, cancel_futures
        super().shutdown(wait=False, cancel_futures=True)


def end_at_once() -> None:
    """The last act of a process that has closed all it had: it ends with code 0, whatever its threads are at.

    Python's own way to the end takes seconds to free the models, in which nothing else runs that could shorten it, and
    aborts where native code wants to return into Python meanwhile.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
