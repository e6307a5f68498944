"""How well the knowledge search finds, measured in a database of its own."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import CommandError, show_progress
from cli.measuring import (
    DEFAULT_DATA,
    DataOption,
    Evaluation,
    QuickOption,
    keep_rows,
    run_empty_desk,
    start_evaluation,
)
from core.settings import Settings
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.evaluation.results import Row
    from agent.evaluation.retrieval import RetrievalSet

_SAMPLED = 10  # every tenth question, for a quick look


def evaluate_retrieval(
    docs: Annotated[Path | None, typer.Argument(help="Folder of documents. (default: StackFAQ)")] = None,
    queries: Annotated[
        Path | None, typer.Argument(help="CSV, TSV or JSONL of query and source: a file's name or path in DOCS.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
    quick: QuickOption = False,
) -> None:
    """Measure the knowledge search: StackFAQ, or documents and questions of your own."""
    evaluation = start_evaluation(data, is_quick=quick)
    keep_rows(evaluation, _measure(evaluation, choose_set(docs, queries, data)))


def choose_set(docs: Path | None, queries: Path | None, data: Path) -> "RetrievalSet":
    """What the arguments ask for: a set of one's own, or StackFAQ in the folder `data`."""
    from agent.evaluation.retrieval import read_folder, read_stackfaq

    if docs is None:
        return read_stackfaq(data)
    if queries is None:
        raise CommandError("expected DOCS and QUERIES: a file of questions with columns query and source")
    return read_folder(docs, queries)


def measure_public_retrieval(evaluation: Evaluation) -> "list[Row]":
    """StackFAQ, or no row and a word about where it is to be had."""
    from agent.evaluation.datasets import DataMissing
    from agent.evaluation.retrieval import read_stackfaq

    try:
        return _measure(evaluation, read_stackfaq(evaluation.data))
    except DataMissing as missing:
        evaluation.warn(missing)
        return []


def _measure(evaluation: Evaluation, retrieval: "RetrievalSet") -> "list[Row]":
    if evaluation.is_quick:
        retrieval = replace(retrieval, queries=retrieval.queries[::_SAMPLED])
    return measure_set(evaluation.settings, retrieval)


def measure_set(settings: Settings, retrieval: "RetrievalSet") -> "list[Row]":
    """Measure one set; progress on standard error."""
    with run_empty_desk() as url:
        return asyncio.run(_search(settings, url, retrieval))


async def _search(settings: Settings, url: str, retrieval: "RetrievalSet") -> "list[Row]":
    from agent.evaluation.retrieval import measure_retrieval
    from agent.knowledge.load import load_embedders

    bulk = settings.embedding.model_copy(update={"threads": os.cpu_count() or 1})
    with show_progress() as progress:
        task = progress.add_task("Loading the embedding model", total=None)
        embedders = await asyncio.to_thread(load_embedders, bulk, settings.openai)
        async with open_pool(url, application="nightdesk eval", max_size=4) as pool:
            return await measure_retrieval(
                pool,
                embedders,
                retrieval,
                lambda what, done, total: progress.update(task, description=what, completed=done, total=total),
            )
