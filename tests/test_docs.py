"""What the documentation names exists: pages and chapters, commands and options, settings, make targets, files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from core.settings import Settings
from tests.core.test_settings import list_variables

ROOT = Path(__file__).parents[1]
_NOT_OURS = {"node_modules", "sample-knowledge"}
_MADE = {".data", ".venv", ".env"}  # what a desk or its operator makes
DOCUMENTS = sorted(
    page
    for pattern in ("*.md", ".github/**/*.md", "[a-z]*/**/*.md")
    for page in ROOT.glob(pattern)
    if _NOT_OURS.isdisjoint(page.relative_to(ROOT).parts)
)

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4,}\S.*\n?)+", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
# A command begins a line or a span, or follows a path, a prompt, a shell's joint or the `--` of another command.
_COMMAND = re.compile(r"(?:^ *|[/;&|$(] *|-- )nightdesk((?: [^\s`;&|)]+)*)", re.MULTILINE)
_TARGET = re.compile(r"^ *make ([a-z-]+)", re.MULTILINE)
_PATH = re.compile(r"`((?:\.?[a-z_-]+/)+[\w*.-]*)`")
_VARIABLE = re.compile(r"(?<![\w…*.])[A-Z][A-Z\d]*(?:_[A-Z\d]+)+(?![\w*…])")


def list_code(text: str) -> str:
    """Every block and span of code, a line or more each."""
    blocks = _FENCED.findall(text)
    rest = _FENCED.sub("", text)
    return "\n".join([*blocks, *_INDENTED.findall(rest), *_SPAN.findall(rest)])


def list_anchors(page: Path) -> set[str]:
    """The anchors of a page's chapters, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def list_broken_links(page: Path) -> Iterator[str]:
    """Links to files and chapters that are not there. Addresses of other sites are left alone."""
    for found in _LINK.finditer(_SPAN.sub("", _FENCED.sub("", page.read_text()))):
        link = found[1] or found[2]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in list_anchors(target)):
            yield link


def find_command(words: list[str]) -> str | None:
    """What is wrong with a command line of `nightdesk`, or None. Words in capitals and in quotes are arguments."""
    command: Any = typer.main.get_command(app)
    for place, word in enumerate(words):
        if not hasattr(command, "commands"):
            break
        if re.fullmatch(r"[a-z][a-z-]*", word) is None:
            return None
        if word not in command.commands:
            return f"{' '.join(words[: place + 1])}: no such command"
        command = command.commands[word]
    known = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    for word in words:
        option = word.partition("=")[0]
        if re.fullmatch(r"--[a-z-]+", option) and option not in known | {"--help"}:
            return f"{' '.join(words)}: no option {option}"
    return None


def list_groups() -> set[str]:
    """The first words of settings that belong together: API, GMAIL …"""
    return {name.upper() for name in Settings.model_fields if name.upper() not in list_variables()}


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_chapter(page: Path) -> None:
    assert not list(list_broken_links(page))


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_exists_with_its_options(page: Path) -> None:
    named = _COMMAND.findall(list_code(page.read_text()))
    assert not [problem for words in named if (problem := find_command(words.split()))]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(_TARGET.findall(list_code(page.read_text()))) <= targets


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_into_the_repository_exists(page: Path) -> None:
    folders = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}
    named = [path for path in _PATH.findall(page.read_text()) if path.partition("/")[0] in folders]
    assert not [path for path in named if _MADE.isdisjoint(path.split("/")) and not list(ROOT.glob(path))]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_exists(page: Path) -> None:
    named = {name for name in _VARIABLE.findall(page.read_text()) if name.partition("_")[0] in list_groups()}
    assert named <= list_variables()


def test_what_does_not_exist_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One page\n\n[a](#one-page) [b](#two) [c](gone.md)\n\n```\n[d](code.md)\n```\n")
    assert list(list_broken_links(page)) == ["#two", "gone.md"]
    code = list_code("`.venv/bin/nightdesk kb list` and `nightdesk` alone\n\n    make it\n    nightdesk queue  stats\n")
    assert _COMMAND.findall(code) == [" queue", " kb list", ""]
    assert _TARGET.findall(code) == ["it"]
    assert find_command(["kb", "add", "PATH"]) is None
    assert find_command(["kb", "forget"]) == "kb forget: no such command"
    assert find_command(["worker", "--turbo"]) == "worker --turbo: no option --turbo"
    assert {"API", "GMAIL"} <= list_groups()
    assert _VARIABLE.findall("API_PORT, RATE_*, …_SENDS_PER_MINUTE and `GMAIL_ADDRESS`") == [
        "API_PORT",
        "GMAIL_ADDRESS",
    ]
