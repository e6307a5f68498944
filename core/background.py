"""Jobs that run beside a block and end with it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from core.logging import get_logger

_log = get_logger(__name__)


@asynccontextmanager
async def run_in_background(*jobs: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run `jobs` while the block does and cancel them at its end. A job that dies is logged with its traceback."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    for task in tasks:
        task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background job died", job=repr(task.get_coro()), exc_info=error)
