"""PostgreSQL's own programs pg_dump, pg_restore and psql: found in the right version, without a password that shows."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from core.errors import OperatorError
from database.embedded import list_program_folders

_NAMES = ("pg_dump", "pg_restore", "psql")
_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"(\d+)\.\d+")


class ToolsMissing(OperatorError):
    """The programs are not installed, or only of versions that are too old."""


class ToolFailed(OperatorError):
    """One of them ended with an error."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The three programs of one version, in one folder."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """Such as 17."""
        return int(self.version.partition(".")[0])

    def command(self, name: str, *arguments: str) -> list[str]:
        """What to run."""
        return [str(self.folder / name), *arguments]


@dataclass(frozen=True, slots=True)
class Running:
    """A program at work."""

    input: BinaryIO
    output: BinaryIO


@contextmanager
def run_tool(command: list[str], environment: dict[str, str]) -> Iterator[Running]:
    """Run a program while the block feeds and reads it. Raises ToolFailed at the end, with the line that says why.

    Only that line: the ones below it may quote rows, which are customers' words.
    """
    name = Path(command[0]).name
    with TemporaryFile() as errors:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        with subprocess.Popen(command, env=environment, **pipes) as process:  # type: ignore[call-overload]
            try:
                yield Running(process.stdin, process.stdout)
            except BaseException:
                process.kill()  # or whoever still feeds it would wait for ever
                raise
            finally:
                with suppress(BrokenPipeError):  # it ended early; why is read below
                    process.stdin.close()
        errors.seek(0)
        said = errors.read().decode(errors="replace").splitlines()
    if process.returncode != 0:
        reason = next((line for line in said if "error:" in line.lower()), "no reason was given")
        raise ToolFailed(f"{name} failed: {reason[:500]}")


def find_tools(needed: int) -> Tools:
    """The oldest tools that are not older than the PostgreSQL `needed`. Raises ToolsMissing."""
    found = [tools for folder in _list_folders() if (tools := _read_tools(folder))]
    fitting = sorted((tools for tools in found if tools.major >= needed), key=lambda tools: tools.major)
    if fitting:
        return fitting[0]
    versions = ", ".join(sorted({str(tools.major) for tools in found})) or "none"
    raise ToolsMissing(
        f"pg_dump, pg_restore and psql of PostgreSQL {needed} or newer are needed, found: {versions}; "
        f"install postgresql-client-{needed} or put its programs on PATH"
    )


def describe_connection(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its password, for a command line that everybody on the machine can read, and the environment."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    password = options.pop("password", "") or unquote(password)
    options.setdefault("target_session_attrs", "read-write")  # of several hosts the one that everybody else writes to
    # Put together by hand: urlunsplit leaves the two slashes out where the host stands in the query.
    shown = f"{parts.scheme}://{user}{at}{hosts}{parts.path}?{urlencode(options, quote_via=quote)}"
    return shown, os.environ | ({"PGPASSWORD": password} if password else {})


def _list_folders() -> Iterator[Path]:
    on_path = shutil.which("pg_dump")
    if on_path:
        yield Path(on_path).parent
    yield from sorted(_DEBIAN.glob("*/bin"))
    yield from list_program_folders()


def _read_tools(folder: Path) -> Tools | None:
    if not all(os.access(folder / name, os.X_OK) for name in _NAMES):
        return None
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False).stdout
    version = _VERSION.search(said)
    return Tools(folder, version[0]) if version else None
