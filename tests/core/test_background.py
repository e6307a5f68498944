"""Jobs in the background: they end with what they belong to, and a thread is not held up by the event loop."""

import asyncio
import subprocess
import sys
import threading

import pytest

from core.background import run_in_background, run_in_thread, wait_briefly


async def test_a_job_in_a_thread_goes_on_while_the_event_loop_stands_still() -> None:
    begun, may_go_on, went_on = threading.Event(), threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        while not may_go_on.is_set():  # noqa: ASYNC110  # an event cannot cross threads
            await asyncio.sleep(0)
        went_on.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(run_in_thread(work))
    while not begun.is_set():  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    may_go_on.set()
    assert went_on.wait(60)  # this loop stands still meanwhile
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_cancelling_a_job_in_a_thread_waits_for_its_end() -> None:
    ended = threading.Event()
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            ended.set()

    running = asyncio.ensure_future(run_in_thread(work))
    while not begun.is_set():  # noqa: ASYNC110  # as above
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_the_error_of_a_job_in_a_thread_reaches_whoever_waits() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await run_in_thread(fail)


async def test_the_death_of_a_job_is_told_and_its_end_is_not() -> None:
    deaths = 0

    def count_death() -> None:
        nonlocal deaths
        deaths += 1

    async def die() -> None:
        raise ValueError("broken")

    async def end() -> None:
        return

    async with run_in_background(die(), end(), on_death=count_death):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert deaths == 1


def test_a_process_ends_in_order_although_a_thread_of_it_still_computes() -> None:
    script = """
import asyncio, time
from core.background import compute_in_thread, end_at_once

async def work():
    computing = asyncio.ensure_future(compute_in_thread(lambda: time.sleep(600)))
    await asyncio.sleep(0)
    computing.cancel()

asyncio.run(work())
print("all closed")
end_at_once()
print("not reached")
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "all closed\n")


async def test_a_cancellation_that_comes_with_the_event_is_not_swallowed() -> None:
    event = asyncio.Event()

    async def wait_for_ever() -> None:
        while True:
            await wait_briefly(event, 60)
            event.clear()

    waiting = asyncio.ensure_future(wait_for_ever())
    await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=20)
    assert waiting in done
    assert waiting.cancelled()
