"""`nightdesk eval`: how good the agent is, on public sets and on files of one's own."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.context import CommandError, prepare
from core.settings import Settings

if TYPE_CHECKING:
    from agent.evaluation.datasets import IntentSet
    from agent.evaluation.results import Row

DEFAULT_DATA = Path(__file__).parents[2] / "shared" / "data"

app = typer.Typer(help="How good the agent is.", invoke_without_command=True)

DataOption = Annotated[
    Path, typer.Option("--data", envvar="NIGHTDESK_EVAL_DATA", help="Folder of the public sets.", show_default=False)
]
QuickOption = Annotated[bool, typer.Option("--quick", help="A look at samples; nothing is kept.")]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What every part of the evaluation is given."""

    settings: Settings
    data: Path
    is_quick: bool
    console: Console


Part = Callable[[Evaluation], "list[Row]"]


@app.callback()
def evaluate_all(context: typer.Context, data: DataOption = DEFAULT_DATA, quick: QuickOption = False) -> None:
    """Measure everything: tables on screen, rows in .data/results/eval.json, the risk–coverage curve beside it."""
    if context.invoked_subcommand is None:
        evaluation = start_evaluation(data, is_quick=quick)
        keep_rows(evaluation, [row for part in PARTS for row in part(evaluation)])


@app.command("intents")
def evaluate_intents(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE.csv", help="Columns text and label, and split (train, test) if it is divided."),
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="A file of the same columns to test on.")] = None,
    data: DataOption = DEFAULT_DATA,
    quick: QuickOption = False,
) -> None:
    """Measure the intent classifier on the public sets, or on FILE: as it is divided, else by five folds.

    In a file, the label out_of_scope (or oos) stands for "none of the labels".
    """
    evaluation = start_evaluation(data, is_quick=quick)
    if file is None:
        keep_rows(evaluation, measure_public_intents(evaluation))
        return
    from agent.evaluation.datasets import read_labelled_file

    keep_rows(evaluation, _measure_sets(evaluation, [read_labelled_file(file, test)]))


def start_evaluation(data: Path, *, is_quick: bool) -> Evaluation:
    """Read the settings; what commands share."""
    return Evaluation(prepare("eval", is_quiet=True), data, is_quick, Console())


def keep_rows(evaluation: Evaluation, rows: "Sequence[Row]") -> None:
    """Print the table and merge the rows into the file of results, unless they are of samples."""
    from agent.evaluation.results import RESULTS_FILE, merge_results, tabulate_rows

    if not rows:
        raise CommandError("nothing was measured; see above for what is missing")
    evaluation.console.print(tabulate_rows(rows))
    if evaluation.is_quick:
        return
    path = evaluation.settings.data_dir / RESULTS_FILE
    merge_results(path, rows)
    evaluation.console.print(f"Kept in {path}")


def measure_public_intents(evaluation: Evaluation) -> "list[Row]":
    """The public sets that are there; of each other, where it is to be had."""
    from agent.evaluation.datasets import SOURCES, DataMissing, read_source

    sets: list[IntentSet] = []
    for source in SOURCES:
        try:
            sets += read_source(source, evaluation.data)
        except DataMissing as missing:
            evaluation.console.print(f"[yellow]{missing}[/yellow]", soft_wrap=True)
    return _measure_sets(evaluation, sets)


def _measure_sets(evaluation: Evaluation, sets: "Sequence[IntentSet]") -> "list[Row]":
    from agent.evaluation.datasets import sample_set
    from agent.evaluation.intents import RememberingEmbedder, measure_set
    from agent.evaluation.plot import PlotterMissing, plot_risk_coverage
    from agent.knowledge.load import load_embedder

    if not sets:
        return []
    # All cores: nothing else runs in this process.
    embedder = load_embedder(evaluation.settings.embedding.model_copy(update={"threads": os.cpu_count() or 1}))
    remembering = RememberingEmbedder(embedder) if embedder else None
    rows, curves = [], {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for intent_set in sets:
            chosen = sample_set(intent_set) if evaluation.is_quick else intent_set
            measured, verdicts = measure_set(chosen, remembering, progress)
            rows += measured
            curves[intent_set.name] = verdicts.trust, verdicts.is_right
    if not evaluation.is_quick:
        try:
            for path in plot_risk_coverage(curves, evaluation.settings.data_dir / "results"):
                evaluation.console.print(f"Curve in {path}")
        except PlotterMissing as missing:
            evaluation.console.print(f"[yellow]{missing}[/yellow]", soft_wrap=True)
    return rows


# What `nightdesk eval` runs, in this order.
PARTS: tuple[Part, ...] = (measure_public_intents,)
