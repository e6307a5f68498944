"""The knowledge base: loading documents, publishing them, and looking at what is there."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from cli.context import CommandError, format_cell, note, open_database, prepare, run_on, show_progress
from core.settings import Settings
from database.pool import Conn, DbPool, open_pool
from database.queries import knowledge
from database.queries.knowledge import KnownArticle, Shelf

if TYPE_CHECKING:
    from agent.knowledge.embedder import Embedders
    from agent.knowledge.ingest import Ingested
    from database.types import Passage

T = TypeVar("T")

app = typer.Typer(help="What the desk knows.", no_args_is_help=True)

_SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="As `nightdesk kb list` names it.")]


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
    for result in results:
        for hint in result.hints:
            typer.secho(f"{hint.kind}: {result.source} and {hint.other_source}: {hint.reason}", fg=typer.colors.YELLOW)
    loaded = [result for result in results if not result.problem and not result.is_unchanged]
    drafts = sum(result.is_draft for result in loaded)
    typer.echo(
        f"{len(loaded)} documents loaded ({sum(result.passages for result in loaded)} passages), "
        f"{sum(result.is_unchanged for result in results)} unchanged, {len(problems)} left out"
        + (f"; {drafts} are drafts, which the agent does not read" if drafts else "")
    )
    if problems:
        raise typer.Exit(2)


@app.command("list")
def list_articles() -> None:
    """List articles and resolutions with their state."""
    with open_database(prepare("kb", is_quiet=True)) as url:
        articles = run_on(url, knowledge.list_articles)
        version = run_on(url, knowledge.find_version)
    table = Table(box=None)
    # Whole, because the other commands ask for it.
    table.add_column("Source", min_width=max((len(row["source"]) for row in articles), default=0))
    for heading in ("Title", "State", "For"):
        table.add_column(heading)
    for heading in ("Passages", "Revisions", "Hints"):
        table.add_column(heading, justify="right")
    for row in articles:
        state = "published" if row["is_published"] else "draft"
        readers = f"{row['audience']}, {row['language']}"
        counts = (row["passages"], row["revisions"], row["hints"] or "")
        table.add_row(*(Text(format_cell(cell)) for cell in (row["source"], row["title"], state, readers, *counts)))
    Console().print(table)
    since = f"version {version.id}, since {version.published_at:%Y-%m-%d %H:%M} UTC" if version else "nothing published"
    typer.echo(f"{len(articles)} articles; {since}")


@app.command("show")
def show_article(source: _SourceArgument) -> None:
    """Show what an article says, as it was loaded last: read a learned answer before you publish it."""

    async def read(conn: Conn) -> list[dict[str, Any]]:
        async with conn.transaction():
            article = await _find_article(conn, source)
            return await knowledge.list_passages(conn, article.revision_id)

    with open_database(prepare("kb", is_quiet=True)) as url:
        passages = run_on(url, read)
    for passage in passages:
        title = " > ".join(filter(None, (passage["title"], passage["heading"])))
        typer.echo("\n".join(map(format_cell, (title, "", *passage["content"].splitlines(), ""))))


@app.command("publish")
def publish_article(source: _SourceArgument) -> None:
    """Let the agent read an article, as it was loaded last."""

    async def publish(conn: Conn, article: KnownArticle) -> bool:
        return await knowledge.publish_revision(conn, article.revision_id)

    _change(source, "published", publish, "article.published")


@app.command("unpublish")
def unpublish_article(source: _SourceArgument) -> None:
    """Make an article a draft: it stays, and the agent does not read it."""

    async def unpublish(conn: Conn, article: KnownArticle) -> bool:
        return await knowledge.unpublish_article(conn, article.id)

    _change(source, "a draft", unpublish, "article.unpublished")


@app.command("hints")
def list_hints() -> None:
    """List passages that say the same, or that may contradict each other."""
    with open_database(prepare("kb", is_quiet=True)) as url:
        hints = run_on(url, knowledge.list_hints)
    table = Table("Hint", "Passage", "Other passage", "Why", box=None)
    for row in hints:
        first = " > ".join(filter(None, (row["source"], row["heading"])))
        other = " > ".join(filter(None, (row["other_source"], row["other_heading"])))
        table.add_row(*(Text(format_cell(cell)) for cell in (row["kind"], first, other, row["reason"])))
    if hints:
        Console().print(table)
    typer.echo(f"{len(hints)} hints")


@app.command("search")
def search(
    question: Annotated[str, typer.Argument(help="What a customer would write.")],
    language: Annotated[str | None, typer.Option(help="Only passages in this language, such as en.")] = None,
    internal: Annotated[bool, typer.Option("--internal", help="Also what customers must not read.")] = False,
) -> None:
    """Search as the agent does, and show what each score is made of."""
    settings = prepare("kb", is_quiet=True)
    shelf = Shelf(audiences=("public", "internal") if internal else ("public",), language=language)
    with open_database(settings) as url:
        passages = asyncio.run(_search(settings, url, question, shelf))
    table = Table("Score", "Meaning", "Words", "Identifiers", "Passage", box=None)
    for passage in passages:
        where = " > ".join(filter(None, (passage.source, passage.heading)))
        meaning = "–" if passage.similarity is None else f"{passage.similarity:.2f}"
        cells = (f"{passage.score:.2f}", meaning, f"{passage.lexical:.2f}", f"{passage.named:.2f}", where)
        table.add_row(*(Text(format_cell(cell)) for cell in cells))
    if passages:
        Console().print(table)
    else:
        typer.echo("nothing found")


@app.command("reembed")
def reembed(
    forget_others: Annotated[
        bool, typer.Option("--forget-others", help="Delete the vectors of every model that is not set now.")
    ] = False,
) -> None:
    """Embed what the models of the settings have not embedded yet. Workers do the same in the background."""
    settings = prepare("kb", is_quiet=True)
    with open_database(settings) as url:
        typer.echo(asyncio.run(_reembed(settings, url, forgets_others=forget_others)))


def _change(source: str, state: str, change: Callable[[Conn, KnownArticle], Awaitable[bool]], action: str) -> None:
    """Put an article into a state, and say so; `change` is False where it is in that state already."""

    async def find_and_change(conn: Conn) -> bool:
        async with conn.transaction():
            article = await _find_article(conn, source)
            has_changed = await change(conn, article)
            if has_changed:
                await note(conn, settings, action, "article", article.id, after={"revision": article.revision_id})
            return has_changed

    settings = prepare("kb", is_quiet=True)
    with open_database(settings) as url:
        has_changed = run_on(url, find_and_change)
    typer.echo(f"{source} is {state}" if has_changed else f"{source} was {state} already")


async def _find_article(conn: Conn, source: str) -> KnownArticle:
    article = await knowledge.find_article(conn, source)
    if article is None:
        raise CommandError(f"no article {source}; `nightdesk kb list` names them")
    return article


async def load_folder(settings: Settings, url: str, folder: Path) -> "list[Ingested]":
    """Load every document of a folder, known by its path below that folder."""
    return await _load(settings, url, _find([folder]), root=folder.parent)


def _find(paths: list[Path]) -> list[Path]:
    from agent.knowledge.documents import find_documents

    return find_documents(paths)


async def _load(settings: Settings, url: str, paths: list[Path], *, root: Path) -> "list[Ingested]":
    from agent.knowledge.ingest import ingest_documents

    async def record_load(conn: Conn, article_id: UUID, stored: "Ingested") -> None:
        if not stored.is_unchanged:
            await note(conn, settings, "article.loaded", "article", article_id, after={"is_draft": stored.is_draft})

    async def load(pool: DbPool, embedders: "Embedders", progress: Progress) -> "list[Ingested]":
        task, results = progress.add_task("Loading documents", total=len(paths)), []
        async for result in ingest_documents(
            pool, embedders.local, paths, root=root, remote=embedders.remote, settle=record_load
        ):
            results.append(result)
            progress.advance(task)
        return results

    return await _with_models(settings, url, load)


async def _reembed(settings: Settings, url: str, *, forgets_others: bool) -> str:
    from agent.knowledge.embedder import EmbeddingFailed
    from agent.knowledge.vectors import fill_vectors, forget_other_models, keep_alone

    async def fill(pool: DbPool, embedders: "Embedders", progress: Progress) -> str:
        tasks = {one.name: progress.add_task(f"Embedding with {one.name}", total=None) for one in embedders.all}
        done = {}
        try:
            async for name, coverage in fill_vectors(pool, embedders):
                progress.update(tasks[name], completed=coverage.embedded, total=coverage.texts)
                done[name] = coverage
        except EmbeddingFailed as error:
            raise CommandError(f"the embedding model cannot be asked ({error}); what was embedded stays") from None
        lines = [f"{name}: {coverage.embedded} of {coverage.texts} texts embedded" for name, coverage in done.items()]
        if forgets_others and embedders.all:
            lines.append(f"{await forget_other_models(pool, embedders)} vectors of other models forgotten")
        return "\n".join(lines) or "nothing to do: there is no model"

    async with keep_alone(url) as is_alone:
        if not is_alone:
            return "nothing to do: another process is embedding"
        return await _with_models(settings, url, fill)


async def _search(settings: Settings, url: str, question: str, shelf: Shelf) -> "list[Passage]":
    from agent.knowledge.embed import wrap_embedder
    from agent.knowledge.search import KnowledgeSearch

    async def ask(pool: DbPool, embedders: "Embedders", _progress: Progress) -> "list[Passage]":
        local, remote = wrap_embedder(embedders.local), wrap_embedder(embedders.remote)
        return await KnowledgeSearch(pool, local, remote).search(question, shelf=shelf)

    return await _with_models(settings, url, ask)


async def _with_models(
    settings: Settings, url: str, work: "Callable[[DbPool, Embedders, Progress], Awaitable[T]]"
) -> T:
    """Do something with the models and a pool, and show its progress on standard error."""
    from agent.knowledge.load import load_embedders

    # All cores: nothing else runs in this process, and passages embed four times slower than questions.
    bulk = settings.embedding.model_copy(update={"threads": os.cpu_count() or 1})
    with show_progress() as progress:
        loading = progress.add_task("Loading the embedding model", total=None)
        embedders = await asyncio.to_thread(load_embedders, bulk, settings.openai)
        progress.remove_task(loading)
        async with open_pool(url, application="nightdesk kb", max_size=4) as pool:
            return await work(pool, embedders, progress)
