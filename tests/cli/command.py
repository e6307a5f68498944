"""Running the command line as a user does."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
# A fork takes along only the thread that forks.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(
    *arguments: str, database_url: str | None = None, folder: Path, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """`nightdesk …` in an otherwise empty environment and folder."""
    done = run_bytes(*arguments, database_url=database_url, folder=folder, stdin=stdin, **variables)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_bytes(
    *arguments: str, database_url: str | None = None, folder: Path, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """The same, for output that need not be text. In a process of its own, forked from one that has imported it all."""
    with TemporaryDirectory(prefix="nightdesk-command-") as kept:
        output, errors, typed = Path(kept) / "stdout", Path(kept) / "stderr", Path(kept) / "stdin"
        typed.write_text(stdin)
        order = {
            "arguments": arguments,
            "environment": make_environment(database_url, variables),
            "folder": str(folder),
            "stdin": str(typed),
            "stdout": str(output),
            "stderr": str(errors),
        }
        server = start_server()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, output.read_bytes(), errors.read_bytes())


def run_cold(
    *arguments: str, database_url: str | None = None, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The same with an interpreter of its own, which takes seconds: one command of each kind proves that it starts."""
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=make_environment(database_url, variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def make_environment(database_url: str | None, variables: dict[str, str]) -> dict[str, str]:
    """What a command sees: nothing of this machine's settings, and the code under test."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **variables}
    return environment | ({"DATABASE_URL": database_url} if database_url else {})


@cache
def start_server() -> subprocess.Popen[str]:
    """The process that forks all commands of this run. It ends with its input, so with this process at the latest."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.cli.server"],
        env=make_environment(None, _ONE_THREAD),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def assert_clear_error(result: subprocess.CompletedProcess[str], expected: str) -> None:
    """It ended with one clear line and code 2."""
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
