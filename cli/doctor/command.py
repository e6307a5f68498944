"""The command: progress while vendors are asked, then a table or JSON."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import groupby
from typing import Annotated
from urllib.parse import unquote

import typer
from pydantic import BaseModel, SecretStr
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.context import EMBEDDED_FOLDER, format_cell, open_database, prepare, show_progress
from cli.doctor.checks import Result
from core.findings import Finding, Level
from core.settings import Settings
from core.version import VERSION
from database.embedded import is_running

_LEVELS: tuple[Level, ...] = ("problem", "advice", "ok")
# A shorter one, such as a database's password on a laptop, is part of ordinary words.
_SHORTEST_SECRET = 8
_ADDRESS = re.compile(r"[a-z]+://[^:/@]*:(?P<password>[^/]+)@")
_STYLES: Mapping[Level, str] = {"problem": "bold red", "advice": "yellow", "ok": "green"}


def run_doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False) -> None:
    """Look at everything the desk needs, and say what to do. Changes nothing and sends nothing.

    Ends with 0 if all is well, 1 if there are problems, and 2 if it cannot run.
    """
    # The model's SDK takes a second to import, which no other command must wait for.
    from cli.doctor.examine import examine_desk

    settings = prepare("doctor", is_quiet=True)
    with _find_database(settings) as url, show_progress() as progress:
        task = progress.add_task("Looking at the desk", total=None)
        results = asyncio.run(
            examine_desk(
                settings, url, on_done=lambda done, planned: progress.update(task, completed=done, total=planned)
            )
        )
    results = hide_secrets(results, settings)
    if as_json:
        typer.echo(json.dumps(_write_json(results), indent=2, ensure_ascii=False))
    else:
        print_results(results, Console())
    if _find_worst(results) == "problem":
        raise typer.Exit(1)


def hide_secrets(results: Iterable[Result], settings: Settings) -> list[Result]:
    """The results without anything that is secret in the settings, should a vendor have quoted it."""
    secrets = sorted({text for text in _list_secrets(settings) if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
    return [replace(result, finding=_hide(result.finding, secrets)) for result in results]


def _hide(finding: Finding, secrets: Iterable[str]) -> Finding:
    found, remedy = finding.found, finding.remedy or ""
    for secret in secrets:
        found, remedy = found.replace(secret, "…"), remedy.replace(secret, "…")
    return replace(finding, found=found, remedy=remedy or None)


def print_results(results: Sequence[Result], console: Console) -> None:
    """Grouped by area; below what needs something, what to do."""
    for area, found in groupby(results, key=lambda result: result.area):
        console.print(Text(area, style="bold"))
        console.print(_build_table(list(found)))
        console.print()
    console.print(_sum_up(results))


def _build_table(results: Sequence[Result]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=9)
    table.add_column(min_width=14, overflow="fold")
    table.add_column(overflow="fold")
    shown = None
    for result in results:
        subject = result.subject if result.subject != shown else ""
        shown = result.subject
        level, found, remedy = result.finding.level, result.finding.found, result.finding.remedy
        table.add_row(Text(f"  {level}", style=_STYLES[level]), Text(subject), Text(format_cell(found)))
        if remedy is not None:
            table.add_row("", "", Text(f"→ {format_cell(remedy)}", style=_STYLES[level]))
    return table


def _sum_up(results: Sequence[Result]) -> Text:
    counts = Counter(result.finding.level for result in results)
    words = {"problem": "to mend", "advice": "to consider", "ok": "fine"}
    parts = [f"{counts[level]} {words[level]}" for level in _LEVELS if counts[level]]
    return Text(", ".join(parts) + ".", style=_STYLES[_find_worst(results)])


def _find_worst(results: Sequence[Result]) -> Level:
    return next(level for level in _LEVELS if any(result.finding.level == level for result in results))


def _write_json(results: Sequence[Result]) -> dict[str, object]:
    findings = [{"area": each.area, "subject": each.subject, **asdict(each.finding)} for each in results]
    return {"version": VERSION, "level": _find_worst(results), "findings": findings}


@contextmanager
def _find_database(settings: Settings) -> Iterator[str | None]:
    """The database's URL; None where it would be the embedded one and that does not run."""
    if settings.database.url is None and not is_running(settings.data_dir / EMBEDDED_FOLDER):
        yield None
        return
    with open_database(settings) as url:
        yield url


def _list_secrets(settings: BaseModel) -> Iterator[str]:
    for name in type(settings).model_fields:
        yield from _reveal(getattr(settings, name))


def _reveal(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _list_secrets(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _reveal(part)
    elif isinstance(value, str) and (address := _ADDRESS.match(value)):
        yield from (address["password"], unquote(address["password"]))
