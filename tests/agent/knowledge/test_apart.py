"""Reading a file in a process of its own: it ends with the file, whatever that does."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.knowledge import apart
from agent.knowledge.documents import DocumentError
from core.background import run_in_background


@dataclass(frozen=True, slots=True)
class Reader:
    """Stands where Python stands, and does what a test says."""

    folder: Path

    def does(self, *commands: str) -> None:
        """What it does from now on, in its folder."""
        script = self.folder / "reader"
        script.write_text("\n".join(("#!/bin/sh", f"cd {self.folder}", *commands)))
        script.chmod(0o700)

    def find(self, name: str) -> str | None:
        """What it wrote under this name."""
        path = self.folder / name
        return path.read_text() if path.exists() else None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "reader"))
    return Reader(tmp_path)


async def test_a_file_is_read_with_its_category_and_questions() -> None:
    content = b"---\nquestions: ['When do you open?']\n---\n# Hours\r\n\r\nOn Monday.\r\n## Sunday\r\n\r\nNever.\r\n"
    document = await apart.read_apart("contact/hours.md", content)
    assert (document.title, document.category, document.questions) == ("Hours", "contact", ("When do you open?",))
    assert [(section.heading, section.text) for section in document.sections] == [
        ("", "On Monday."),
        ("Sunday", "Never."),
    ]


async def test_whoever_takes_too_long_is_ended(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_WAIT_SECONDS", 0.2)
    reader.does("exec /bin/sleep 1000")
    with pytest.raises(DocumentError, match="too much time or memory"):
        await apart.read_apart("slow.md", b"text")


async def test_whoever_is_killed_has_read_nothing(reader: Reader) -> None:
    reader.does("kill -9 $$")
    with pytest.raises(DocumentError, match=r"big\.md: it cannot be read"):
        await apart.read_apart("big.md", b"text" * 100_000)


async def test_nothing_of_our_environment_reaches_the_reader(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do-not-tell")
    reader.does("/usr/bin/env > seen", "exit 1")
    with pytest.raises(DocumentError):
        await apart.read_apart("a.md", b"text")
    seen = reader.find("seen") or ""
    assert "PYTHONUTF8" in seen
    assert "do-not-tell" not in seen


async def test_a_worker_that_stops_ends_its_reader(reader: Reader) -> None:
    reader.does("echo $$ > new", "mv new pid", "exec /bin/sleep 1000")

    async def read() -> None:
        await apart.read_apart("slow.md", b"text")

    async with run_in_background(read()), asyncio.timeout(60):
        while reader.find("pid") is None:  # noqa: ASYNC110  # all there is to wait for
            await asyncio.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(int(reader.find("pid") or ""), 0)


def test_more_text_than_an_article_may_have_is_refused() -> None:
    reading = apart.read_bounded("long.txt", b"a" * (apart.MAX_CHARACTERS + 1))
    assert reading.document is None
    assert "2,000,000 characters" in (reading.problem or "")
