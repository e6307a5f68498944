"""Measuring the classifier on a set: which figures there are, and that they are of what was tested."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from rich.progress import Progress

from agent.evaluation.datasets import Division, IntentSet
from agent.evaluation.intents import RememberingEmbedder, Verdicts, list_rows, measure_set
from agent.evaluation.plot import PlotterMissing, plot_risk_coverage
from tests.agent.intents.sample import EXAMPLES, STRANGERS, WordEmbedder

IN_SCOPE = {
    "accuracy",
    "macro_f1",
    "ece",
    "aurc",
    "precision_at_0.75",
    "coverage_at_0.75",
    "precision_at_cp98",
    "coverage_at_cp98",
}
OUT_OF_SCOPE = {"oos_auroc", "oos_rejected_at_90", "oos_recall"}


class CountingEmbedder(WordEmbedder):
    """Counts the texts it is given."""

    def __init__(self) -> None:
        self.count = 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.count += len(texts)
        return super().embed(texts)


def divide(**parts: Sequence[str]) -> IntentSet:
    division = Division(
        train=tuple(EXAMPLES[::2]),
        test=tuple(EXAMPLES[1::4]),
        out_of_scope=tuple(parts.get("out_of_scope", ())),
        strangers=tuple(parts.get("strangers", ())),
    )
    return IntentSet("own", (division,))


@pytest.mark.parametrize("embedder", [WordEmbedder(), None], ids=["with meaning", "words alone"])
def test_a_set_within_scope_has_its_figures(embedder: WordEmbedder | None) -> None:
    with Progress(disable=True) as progress:
        rows, verdicts = measure_set(divide(), embedder, progress)
    assert {(row.set, row.measure) for row in rows} == {("own", measure) for measure in IN_SCOPE}
    values = {row.measure: row.value for row in rows}
    assert values["accuracy"] == verdicts.is_right.mean() > 0.9
    assert len(verdicts.truth) == len(EXAMPLES[1::4])


def test_strangers_add_figures_and_mixed_traffic() -> None:
    with Progress(disable=True) as progress:
        rows, verdicts = measure_set(
            divide(out_of_scope=STRANGERS[::2], strangers=STRANGERS[1::2]), WordEmbedder(), progress
        )
    measures = {(row.set, row.measure): row.value for row in rows}
    assert {measure for name, measure in measures if name == "own"} == IN_SCOPE | OUT_OF_SCOPE
    assert {measure for name, measure in measures if name == "own_mixed"} == IN_SCOPE - {"accuracy", "macro_f1"}
    assert measures["own", "oos_auroc"] > 0.9
    assert len(verdicts.strangers) == 4


def test_folds_are_measured_together() -> None:
    halves = tuple(Division(train=tuple(EXAMPLES[first::2]), test=tuple(EXAMPLES[1 - first :: 2])) for first in (0, 1))
    with Progress(disable=True) as progress:
        _, verdicts = measure_set(IntentSet("own", halves), None, progress)
        (bar,) = progress.tasks
    assert len(verdicts.truth) == len(EXAMPLES)
    assert (bar.completed, bar.total, bar.description) == (2, 2, "own, part 2 of 2, model 6 of 6")


def test_every_text_is_embedded_once_and_the_bar_counts_them() -> None:
    counting = CountingEmbedder()
    with Progress(disable=True) as progress:
        remembering = RememberingEmbedder(counting)
        measure_set(divide(), remembering, progress)
        seen = counting.count
        measure_set(divide(), remembering, progress)
    labels = {example.label for example in EXAMPLES}
    assert seen == counting.count == len(EXAMPLES[::2]) + len(EXAMPLES[1::4]) + len(labels)
    assert all(bar.completed == bar.total for bar in progress.tasks)


def test_one_in_ten_of_mixed_traffic_is_a_stranger() -> None:
    verdicts = Verdicts(
        truth=np.array(["a"] * 900),
        guesses=np.array(["a"] * 900),
        probability=np.full(900, 0.9),
        trust=np.full(900, 0.9),
        strangers=np.full(500, 0.8),
    )
    rows = {(row.set, row.measure): row.value for row in list_rows("own", verdicts)}
    assert rows["own", "precision_at_0.75"] == 1.0
    assert rows["own_mixed", "precision_at_0.75"] == pytest.approx(0.9)
    assert rows["own", "oos_recall"] == 0


def test_the_curve_is_drawn_as_svg_and_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curve = np.array([0.9, 0.8, 0.3]), np.array([True, True, False])
    svg, png = plot_risk_coverage({"own": curve}, tmp_path / "results")
    assert svg.read_text().lstrip().startswith("<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotterMissing, match="pip install matplotlib"):
        plot_risk_coverage({}, tmp_path)
