"""The processes that work and publish. They are started once, so that no round waits for a start."""

import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.processes import BenchmarkError, run_module
from benchmarks.queue.case import Setting
from benchmarks.queue.meter import Window

_ANSWER_SECONDS = 60.0


class Hand:
    """One process of the crew."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def work(self, system: str, url: str, setting: Setting, window: Window) -> None:
        """Have it claim and complete."""
        self._order(task="work", system=system, url=url, setting=asdict(setting), window=asdict(window))

    def publish(self, system: str, url: str, concurrency: int, batch: int, window: Window) -> None:
        """Have it publish as fast as it can."""
        self._order(task="publish", system=system, url=url, concurrency=concurrency, batch=batch, window=asdict(window))

    def send(self, system: str, url: str, times: list[float]) -> None:
        """Have it publish at these times."""
        self._order(task="send", system=system, url=url, times=times)

    def pick_up(self, system: str, url: str, jobs: int, until: float) -> None:
        """Have it wait for jobs."""
        self._order(task="pick_up", system=system, url=url, jobs=jobs, until=until)

    def take_rate(self) -> float:
        """How much it has done per second."""
        rate: float = self.take_result()["rate"]
        return rate

    def take_result(self) -> dict[str, Any]:
        """What came out of the last order."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _ANSWER_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)  # where it died, whoever started it shows its log
            raise BenchmarkError(f"a measuring process gave no result within {_ANSWER_SECONDS:g} seconds")
        result: dict[str, Any] = json.loads(line)
        return result

    def _order(self, **order: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()


@contextmanager
def run_crew(directory: Path) -> Iterator[tuple[Hand, Hand]]:
    """Two processes, ended with the block."""
    with _run_hand(1, directory) as first, _run_hand(2, directory) as second:
        yield first, second


@contextmanager
def _run_hand(number: int, directory: Path) -> Iterator[Hand]:
    arguments = ["benchmarks.queue.worker", str(number)]
    with run_module(arguments, directory=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Hand(process)
