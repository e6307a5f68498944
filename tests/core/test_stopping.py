"""How a process ends at a signal: in its own way if it can, and otherwise by force."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from core.stopping import TERMINATED

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
