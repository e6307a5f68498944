"""Child processes: started with an environment of their own, and ended with the block that started them."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 8.0
# Nothing else of this shell reaches a measured process: an API key in it would measure another brain.
_KEPT_VARIABLES = ("HOME", "LANG", "PATH", "TMPDIR")
_LOG_TAIL_CHARACTERS = 2_000


class BenchmarkError(Exception):
    """The measurement cannot go on; the message says why."""


@contextmanager
def run_module(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: dict[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m <arguments>` until the block ends. It works and logs in `directory`, where no .env file is."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    with _log_file(directory, arguments).open("ab") as log:
        # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=directory,
            env={**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **(environment or {})},
            stdin=stdin,
            stdout=log if stdout is None else stdout,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
            _require_running(process, directory, arguments)
        except BenchmarkError:
            _require_running(process, directory, arguments)  # its log says more
            raise
        finally:
            _stop(process)


def wait_for_answer(
    url: str, process: subprocess.Popen[bytes], *, is_ready: Callable[[bytes], bool] = lambda _body: True
) -> None:
    """Ask `url` until it answers as wanted."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"{process.args!r} ended with code {process.returncode} instead of starting")
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                if is_ready(response.read()):
                    return
        except OSError:
            pass  # nobody listens yet
        time.sleep(0.05)
    raise BenchmarkError(f"{url} was not ready within {START_SECONDS:g} seconds")


def find_free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def read_cpu_seconds(pid: int) -> float:
    """User and system time that a process, with all its threads, has used so far; 0 where there is no /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _log_file(directory: Path, arguments: Sequence[str]) -> Path:
    return directory / f"{'-'.join(arguments[:2])}.log"


def _require_running(process: subprocess.Popen[bytes], directory: Path, arguments: Sequence[str]) -> None:
    if process.poll() is not None:
        tail = _log_file(directory, arguments).read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARACTERS:]
        raise BenchmarkError(f"{' '.join(arguments)} ended with code {process.returncode} while measured:\n{tail}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
