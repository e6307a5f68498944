"""The knowledge base: loading documents."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.context import open_database, prepare
from core.settings import Settings
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.knowledge.ingest import Ingested

app = typer.Typer(help="What the desk knows.", no_args_is_help=True)


@app.callback()
def describe() -> None:
    """What the desk knows."""


@app.command("add")
def add_documents(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: markdown, text, HTML, PDF.")],
) -> None:
    """Load documents. One that was loaded before is replaced; one that has not changed is skipped."""
    settings = prepare("kb", is_quiet=True)
    found = _find(paths)
    with open_database(settings) as url:
        results = asyncio.run(_load(settings, url, found, root=Path.cwd()))
    problems = [result.problem for result in results if result.problem]
    for problem in problems:
        typer.secho(f"error: {problem}", fg=typer.colors.RED, err=True)
    loaded = [result for result in results if not result.problem and not result.is_unchanged]
    unchanged = sum(result.is_unchanged for result in results)
    typer.echo(
        f"{len(loaded)} documents loaded ({sum(result.passages for result in loaded)} passages), "
        f"{unchanged} unchanged, {len(problems)} left out"
    )
    if problems:
        raise typer.Exit(2)


async def load_folder(settings: Settings, url: str, folder: Path) -> "list[Ingested]":
    """Load every document of a folder, known by its path below that folder."""
    return await _load(settings, url, _find([folder]), root=folder.parent)


def _find(paths: list[Path]) -> list[Path]:
    from agent.knowledge.documents import find_documents

    return find_documents(paths)


async def _load(settings: Settings, url: str, paths: list[Path], *, root: Path) -> "list[Ingested]":
    """Load with a progress bar on standard error."""
    from agent.knowledge.ingest import ingest_documents
    from agent.knowledge.load import load_embedder

    # All cores: nothing else runs in this process, and passages embed four times slower than questions.
    bulk = settings.embedding.model_copy(update={"threads": os.cpu_count() or 1})
    results = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Loading the embedding model", total=None)
        embedder = await asyncio.to_thread(load_embedder, bulk)
        progress.update(task, description="Loading documents", total=len(paths))
        async with open_pool(url, application="nightdesk kb", max_size=2) as pool:
            async for result in ingest_documents(pool, embedder, paths, root=root):
                results.append(result)
                progress.advance(task)
    return results
