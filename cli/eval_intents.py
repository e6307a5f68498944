"""How well the intent classifier tells what customers want, and when it does not know."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import show_progress
from cli.measuring import DEFAULT_DATA, DataOption, Evaluation, QuickOption, keep_rows, start_evaluation

if TYPE_CHECKING:
    from agent.evaluation.datasets import IntentSet
    from agent.evaluation.results import Row


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

    Of a file of more than a thousand rows, no more folds are tested than are enough.

    In a file, the label out_of_scope (or oos) stands for "none of the labels".
    """
    evaluation = start_evaluation(data, is_quick=quick)
    if file is None:
        keep_rows(evaluation, measure_public_intents(evaluation))
        return
    from agent.evaluation.labelled import read_labelled_file

    intent_set = read_labelled_file(file, test)
    for note in intent_set.notes:
        evaluation.say(note)
    keep_rows(evaluation, _measure_sets(evaluation, [intent_set]))


def measure_public_intents(evaluation: Evaluation) -> "list[Row]":
    """The public sets that are there; of each other, where it is to be had."""
    from agent.evaluation.datasets import SOURCES, DataMissing, read_source

    sets: list[IntentSet] = []
    for source in SOURCES:
        try:
            sets += read_source(source, evaluation.data)
        except DataMissing as missing:
            evaluation.warn(missing)
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
    with show_progress() as progress:
        for intent_set in sets:
            chosen = sample_set(intent_set) if evaluation.is_quick else intent_set
            measured, verdicts = measure_set(chosen, remembering, progress)
            rows += measured
            curves[intent_set.name] = verdicts.trust, verdicts.is_right
    if not evaluation.is_quick:
        try:
            for path in plot_risk_coverage(curves, evaluation.settings.data_dir / "results"):
                evaluation.say(f"Curve in {path}")
        except PlotterMissing as missing:
            evaluation.warn(missing)
    return rows
