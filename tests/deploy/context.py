"""What `docker build` is given: the files of the repository that .dockerignore lets through."""

import os
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
# Walking through them takes long, and one changes meanwhile; whether they stay outside is asked for by name.
_UNSEEN = {".git", ".venv", "node_modules"}


def is_ignored(path: str) -> bool:
    """Whether a path, relative to the repository, stays outside. As Docker reads it: the last line that matches wins.

    A line matches a path if it matches the path itself or a folder above it.
    """
    places = [path, *(str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")]
    ignored = False
    for is_exception, pattern in _read_patterns():
        if any(pattern.fullmatch(place) for place in places):
            ignored = not is_exception
    return ignored


def list_context() -> Iterator[str]:
    """Every file of the working tree that goes into the build."""
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in _UNSEEN]
        for file in files:
            path = (Path(folder) / file).relative_to(ROOT).as_posix()
            if not is_ignored(path):
                yield path


def copy_context(target: Path) -> None:
    """What the wheel is built from: the context, and the pages as they are built here."""
    for path in list_context():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target / path)
    shutil.copytree(ROOT / "web" / "dist", target / "web" / "dist")


@cache
def _read_patterns() -> list[tuple[bool, re.Pattern[str]]]:
    lines = (line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines())
    return [
        (line.startswith("!"), _translate(line.removeprefix("!")))
        for line in lines
        if line and not line.startswith("#")
    ]


def _translate(pattern: str) -> re.Pattern[str]:
    """A pattern with *, ? and leading **/ as a regular expression."""
    anywhere = pattern.startswith("**/")
    text = re.escape(pattern.removeprefix("**/")).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(rf"(?:.*/)?{text}" if anywhere else text)
