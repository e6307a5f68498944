"""Running the command line as a user does."""

import os
import subprocess
import sys
from pathlib import Path


def run(
    *arguments: str, database_url: str | None = None, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """`nightdesk …` in an otherwise empty environment and folder."""
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "200", "NO_COLOR": "1", **variables}
    if database_url:
        environment["DATABASE_URL"] = database_url
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def assert_clear_error(result: subprocess.CompletedProcess[str], expected: str) -> None:
    """It ended with one clear line and code 2."""
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
