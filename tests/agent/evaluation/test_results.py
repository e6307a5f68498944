"""Rows of results: kept beside earlier ones, shown beside targets."""

import json
from pathlib import Path

from rich.console import Console

from agent.evaluation.results import Row, merge_results, tabulate_rows


def test_later_rows_replace_those_of_the_same_measure_alone(tmp_path: Path) -> None:
    path = tmp_path / "results" / "eval.json"
    merge_results(path, [Row("banking77", "accuracy", 0.5), Row("banking77", "ece", 0.1)])
    merge_results(path, [Row("banking77", "accuracy", 0.9), Row("suite", "accuracy", 0.123456789)])
    assert json.loads(path.read_text())["rows"] == [
        {"set": "banking77", "measure": "accuracy", "value": 0.9},
        {"set": "banking77", "measure": "ece", "value": 0.1},
        {"set": "suite", "measure": "accuracy", "value": 0.12346},
    ]


def test_the_table_shows_targets_and_what_others_reach() -> None:
    console = Console(width=120, record=True, file=None, quiet=True)
    console.quiet = False
    with console.capture() as capture:
        console.print(tabulate_rows([Row("banking77", "accuracy", 0.91), Row("own", "accuracy", 0.5)]))
    shown = capture.get()
    assert "0.9100" in shown
    assert "≥ 0.94" in shown
    assert "BERT" in shown
    assert "own" in shown


def test_a_figure_is_green_on_the_right_side_of_its_target() -> None:
    table = tabulate_rows([Row("banking77", "accuracy", 0.95), Row("banking77", "ece", 0.02)])
    assert [str(cell.style) for cell in table.columns[2].cells] == ["green", "red"]  # type: ignore[union-attr]
