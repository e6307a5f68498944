"""How a process ends at a signal: in its own way if it can, and otherwise by force."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from api.desk import LAST_SECONDS
from api.server import GRACE_SECONDS
from core import background
from core.otlp import FLUSH_SECONDS as OTLP_SECONDS
from core.reports import FLUSH_SECONDS as SENTRY_SECONDS
from core.stopping import STOP_SECONDS, TERMINATED
from database import notify, pool
from workers.ending import STOP_BUDGET

BEGIN = """
import asyncio, sys, time
from core import stopping

def say(word):
    print(word, flush=True)
"""
ENDS = """
async def work():
    stop = asyncio.Event()
    stopping.hear_signals(stop)
    say("ready")
    await stop.wait()
    say("ended")
"""
HANGS = """
stopping.STOP_SECONDS = 0.1

async def work():
    stopping.hear_signals(asyncio.Event())
    say("ready")
    time.sleep(600)
"""
UNDOES = """
async def undo_at_the_end():
    try:
        say("ready")
        await asyncio.sleep(600)
    finally:
        say("undone")

async def work():
    await stopping.run_until_terminated(undo_at_the_end())
"""


async def run_and_stop(program: str, loop: str = "asyncio", number: int = signal.SIGTERM) -> tuple[int | None, str]:
    """Its exit code and what it has said after `ready`, when the signal comes."""
    code = f"{BEGIN}{program}\nimport {loop}\n{loop}.run(work())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    return await end(process)


async def end(process: Process) -> tuple[int | None, str]:
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return process.returncode, said.decode().strip()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_that_hears_the_signal_ends_well(loop: str, number: int) -> None:
    assert await run_and_stop(ENDS, loop, number) == (0, "ended")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_one_whose_event_loop_hangs_ends_by_force(loop: str) -> None:
    code, said = await run_and_stop(HANGS, loop)
    assert code == 1
    assert "not everything could be ended in time" in said


async def test_work_that_is_terminated_undoes_what_it_has_begun() -> None:
    assert await run_and_stop(UNDOES) == (TERMINATED, "undone")


def test_the_parts_of_a_stop_fit_into_it_one_after_the_other() -> None:
    closing = (notify._FLUSH_SECONDS, background._END_SECONDS, pool._CLOSE_SECONDS, OTLP_SECONDS, SENTRY_SECONDS)
    settling = 1.0  # what is cut off is still given back, and probes and figures end their thread
    assert STOP_BUDGET.sides < STOP_BUDGET.turns < STOP_BUDGET.given_back < STOP_BUDGET.sends
    assert STOP_BUDGET.sends + settling + sum(closing) < STOP_SECONDS
    assert LAST_SECONDS < GRACE_SECONDS
    assert GRACE_SECONDS + pool._CLOSE_SECONDS + sum(closing) < STOP_SECONDS, "with the pool of a replica"
