"""Results: one row per figure, its target where there is one, the table on screen and the JSON beside it."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS_FILE = Path(__file__).parents[1] / ".data" / "results" / "backbone.json"
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should come to. A target never fails a run; it only shows."""

    limit: float
    is_ceiling: bool

    def __str__(self) -> str:
        return f"{'<' if self.is_ceiling else '≥'} {self.limit:g}"

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side."""
        return value < self.limit if self.is_ceiling else value >= self.limit


TARGETS = {
    "reply_idle_p50": Target(150.0, is_ceiling=True),
    "submit_of_noop": Target(0.35, is_ceiling=False),
    "search_recall_1_in_100": Target(0.97, is_ceiling=False),
    "search_rows_1_in_100": Target(10.0, is_ceiling=False),
    "decision_p95": Target(60.0, is_ceiling=True),
    **{f"metrics_get_{period}_p95": Target(50.0, is_ceiling=True) for period in ("1h", "24h", "7d", "30d")},
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `params` says how it was taken."""

    measure: str
    value: float
    unit: str
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> Target | None:
        """What the figure should come to, where something was promised."""
        return TARGETS.get(self.measure)


def describe_machine(postgres: str, load: float) -> dict[str, Any]:
    """What the figures were taken on. `load` is the load average before the run: how busy others kept it."""
    return {
        "cores": os.cpu_count(),
        "cpu": _read_cpu_model(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "load": round(load, 2),
    }


def write_results(machine: dict[str, Any], rows: Sequence[Row], *, is_quick: bool, file: Path = RESULTS_FILE) -> Path:
    """Write everything to `file` in place of the last run."""
    content = {"machine": machine, "quick": is_quick, "rows": [_to_json(row) for row in rows]}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def print_results(console: Console, machine: dict[str, Any], rows: Sequence[Row]) -> None:
    """The table: what, how much, what was promised, and how it was taken."""
    table = Table(title=f"Nightdesk on {machine['cores']} cores, {machine['cpu']}, PostgreSQL {machine['postgres']}")
    table.add_column("Measure", no_wrap=True)
    table.add_column("Value", justify="right", no_wrap=True)
    table.add_column("Target", justify="right", no_wrap=True)
    table.add_column("How", style="dim")
    for row in rows:
        style = "" if row.target is None else ("green" if row.target.is_met(row.value) else "red")
        table.add_row(
            row.measure,
            Text(f"{format_value(row.value)} {row.unit}".rstrip(), style=style),
            str(row.target or ""),
            ", ".join(f"{name} {value}" for name, value in row.params.items()),
        )
    console.print(table)


def _to_json(row: Row) -> dict[str, Any]:
    target = row.target
    return {
        **asdict(row),
        "value": round(row.value, 4),
        "target": None if target is None else str(target),
        "met": None if target is None else target.is_met(row.value),
    }


def format_value(value: float) -> str:
    """For a table: about three digits."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 10 else f"{value:.1f}"


def _read_cpu_model() -> str:
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
