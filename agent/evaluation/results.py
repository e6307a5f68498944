"""Results of the evaluation: one row per figure, the JSON that keeps them, and the table beside published figures."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

RESULTS_FILE = "results/eval.json"  # below DATA_DIR


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what it was measured on, what it is, and how much, a share from 0 to 1 unless its name says else."""

    set: str
    measure: str
    value: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a figure is read beside: what we aim at, and what others published."""

    target: float | None = None
    published: str = ""
    is_ceiling: bool = False

    def is_met(self, value: float) -> bool | None:
        """Whether `value` is on the right side of the target; None where there is no target."""
        if self.target is None:
            return None
        return value <= self.target if self.is_ceiling else value >= self.target


# Casanueva 2020 (BERT, USE+ConveRT), Larson 2019 (CLINC150), CPFT and ICDA after jianguoz/Few-Shot-Intent-Detection,
# google/uncertainty-baselines (ECE, AUROC), BERT-FAQ (StackFAQ).
ANCHORS = {
    ("banking77", "accuracy"): Anchor(0.940, "BERT-tuned .937, USE+ConveRT .934"),
    ("banking77", "ece"): Anchor(0.012, is_ceiling=True),
    ("banking77", "coverage_at_cp98"): Anchor(0.84),
    ("banking77_10shot", "accuracy"): Anchor(0.875, "CPFT .872, DNNC .867, ICDA .898"),
    ("banking77_5shot", "accuracy"): Anchor(0.83, "CPFT .809, DNNC .804, ICDA .840"),
    ("clinc150", "accuracy"): Anchor(0.955, "BERT .969, USE-MLP .935, Rasa .915"),
    ("clinc150", "ece"): Anchor(0.012, "BERT .022, SNGP ensemble .009", is_ceiling=True),
    ("clinc150", "oos_auroc"): Anchor(0.975, "BERT .942, SNGP ensemble .973"),
    ("clinc150", "oos_recall"): Anchor(None, "BERT .523, MLP .491, SVM .180 (at their own thresholds)"),
    ("clinc150", "oos_rejected_at_90"): Anchor(0.945),
    ("clinc150", "coverage_at_cp98"): Anchor(0.92),
    ("clinc150_mixed", "coverage_at_cp98"): Anchor(0.75),
    ("stackfaq", "mrr_at_10"): Anchor(0.975, "as MAP: Elasticsearch .665, tuned BERT .978"),
    ("stackfaq", "answerable_precision_at_0.75"): Anchor(0.92),
    ("stackfaq", "answerable_recall_at_0.75"): Anchor(0.80),
    ("suite", "must_escalate_recall"): Anchor(0.99),
    ("suite", "auto_resolution_precision"): Anchor(0.98),
    ("suite", "must_not_say_violations"): Anchor(0, is_ceiling=True),
}


def merge_results(path: Path, rows: Sequence[Row]) -> None:
    """Write `rows` to the JSON file, in place of earlier ones of the same set and measure; others stay."""
    merged = {(row.set, row.measure): row for row in (*_read_rows(path), *rows)}
    content = {"rows": [{**asdict(row), "value": round(row.value, 5)} for row in merged.values()]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def tabulate_rows(rows: Iterable[Row]) -> Table:
    """Every figure beside its target, green where it is met and red where it is not, and beside what others reach."""
    table = Table(title="Evaluation")
    for name in ("Set", "Measure"):
        table.add_column(name, no_wrap=True)
    for name in ("Value", "Target"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Published", style="dim")
    previous = ""
    for row in rows:
        if previous and row.set != previous:
            table.add_section()
        anchor = ANCHORS.get((row.set, row.measure), Anchor())
        style = {True: "green", False: "red", None: ""}[anchor.is_met(row.value)]
        table.add_row(
            row.set if row.set != previous else "",
            row.measure,
            Text(f"{row.value:.4f}", style=style),
            _show_target(anchor),
            anchor.published,
        )
        previous = row.set
    return table


def _show_target(anchor: Anchor) -> str:
    if anchor.target is None:
        return ""
    return f"{'≤' if anchor.is_ceiling else '≥'} {anchor.target:g}"
