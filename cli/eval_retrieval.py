"""How well the knowledge search finds, measured in a database of its own."""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.context import CommandError, prepare
from core.settings import Settings
from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.evaluation.results import Row
    from agent.evaluation.retrieval import RetrievalSet

DEFAULT_DATA = Path("../shared/data")


def evaluate_retrieval(
    docs: Annotated[Path | None, typer.Argument(help="Folder of documents. (default: StackFAQ)")] = None,
    queries: Annotated[
        Path | None, typer.Argument(help="CSV, TSV or JSONL of query and source: a file's name or path in DOCS.")
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder with the public sets.")] = DEFAULT_DATA,
) -> None:
    """Measure the knowledge search: StackFAQ, or documents and questions of your own."""
    settings = prepare("eval", is_quiet=True)
    print_rows(measure_set(settings, choose_set(docs, queries, data)))


def choose_set(docs: Path | None, queries: Path | None, data: Path) -> "RetrievalSet":
    """What the arguments ask for: a set of one's own, or StackFAQ in the folder `data`."""
    from agent.evaluation.retrieval import read_folder, read_stackfaq

    if docs is None:
        return read_stackfaq(data)
    if queries is None:
        raise CommandError("expected DOCS and QUERIES: a file of questions with columns query and source")
    return read_folder(docs, queries)


def measure_set(settings: Settings, retrieval: "RetrievalSet") -> "list[Row]":
    """Measure one set on an embedded server that is thrown away afterwards; progress on standard error."""
    with TemporaryDirectory(prefix="nightdesk-eval-") as folder, run_embedded(Path(folder) / "postgres") as url:
        asyncio.run(init_db(url))
        return asyncio.run(_measure(settings, url, retrieval))


async def _measure(settings: Settings, url: str, retrieval: "RetrievalSet") -> "list[Row]":
    from agent.evaluation.retrieval import measure_retrieval
    from agent.knowledge.load import load_embedders

    bulk = settings.embedding.model_copy(update={"threads": os.cpu_count() or 1})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Loading the embedding model", total=None)
        embedders = await asyncio.to_thread(load_embedders, bulk, settings.openai)
        async with open_pool(url, application="nightdesk eval", max_size=4) as pool:
            return await measure_retrieval(
                pool,
                embedders,
                retrieval,
                lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            )


def print_rows(rows: "list[Row]") -> None:
    """The figures of one set, in percent."""
    table = Table("Measure", title=f"Retrieval: {rows[0].set}", title_justify="left", box=None)
    table.add_column("%", justify="right")
    for row in rows:
        table.add_row(row.measure, f"{100 * row.value:.1f}")
    Console().print(table)
