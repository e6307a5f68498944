"""Jobs that run beside a block and end with it."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
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

    Cancelling this leaves the thread to itself; see `end_despite_computing`.
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


def end_despite_computing() -> None:
    """The last act of a process that has closed all it had: where a thread still computes, end at once, with code 0.

    Python's own way to the end aborts a process whose native code wants to return into it meanwhile.
    """
    if any(thread.name == _COMPUTING for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
