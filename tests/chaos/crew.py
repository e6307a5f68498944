"""Processes of the chaos tests as pytest sees them: begun, stopped, killed, and told apart by how they ended."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.orders import Order

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
END_SECONDS = 60


class Life:
    """One forked process. `ended` is its exit code as waitpid tells it, negative for a signal."""

    def __init__(self, crew: "Crew", number: int) -> None:
        self._crew = crew
        self._number = number
        self.pid = 0
        self.born = asyncio.Event()
        self.stopped = asyncio.Event()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        self._crew.tell(life=self._number, signal=number)

    async def end(self) -> int:
        """Ask it to drain and wait until it has; returns its exit code."""
        self.send(signal.SIGTERM)
        async with asyncio.timeout(END_SECONDS):
            return await self.ended

    def hear(self, report: dict[str, int]) -> None:
        """What the template says of this process."""
        if "pid" in report:
            self.pid = report["pid"]
            self.born.set()
        if "stopped" in report:
            self.stopped.set()
        if "ended" in report:
            self.ended.set_result(report["ended"])


class Crew:
    """All processes of one test run."""

    def __init__(self, template: Process) -> None:
        self._template = template
        self._lives: list[Life] = []
        self.ready = asyncio.Event()

    async def begin(self, order: Order) -> Life:
        """Fork a process."""
        life = Life(self, len(self._lives))
        self._lives.append(life)
        self.tell(life=len(self._lives) - 1, order=order.model_dump(mode="json"))
        await life.born.wait()
        return life

    def tell(self, **command: object) -> None:
        """Command the template."""
        assert self._template.stdin is not None
        self._template.stdin.write(json.dumps(command).encode() + b"\n")

    async def hear(self) -> None:
        """Listen to the template until it ends."""
        assert self._template.stdout is not None
        async for line in self._template.stdout:
            report = json.loads(line)
            if "ready" in report:
                self.ready.set()
            else:
                self._lives[report["life"]].hear(report)

    async def end_all(self) -> None:
        """Kill whoever is left, and wait until they are reaped."""
        left = [life for life in self._lives if not life.ended.done()]
        for life in left:
            life.send(signal.SIGKILL)
        if left:
            await asyncio.wait([life.ended for life in left], timeout=END_SECONDS)


@asynccontextmanager
async def run_crew(log_file: Path) -> AsyncIterator[Crew]:
    """A template process until the block ends; it and its children log to `log_file`."""
    # One thread each: a fork takes along only the thread that forks.
    environment = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with log_file.open("ab") as log:
        template = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.template", cwd=ROOT, env=environment, stdin=PIPE, stdout=PIPE, stderr=log
        )
        crew = Crew(template)
        hearing = asyncio.create_task(crew.hear())
        try:
            async with asyncio.timeout(START_SECONDS):
                await crew.ready.wait()
            yield crew
        finally:
            assert template.stdin is not None
            template.stdin.close()  # which ends the template, and it its children
            try:
                async with asyncio.timeout(END_SECONDS):
                    await template.wait()
            except TimeoutError:
                template.kill()
                await template.wait()
            await hearing
