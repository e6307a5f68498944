"""The queue's results: tables on screen, and `.data/results/queue.json` beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.queue.figures import Figures
from benchmarks.queue.goals import Goal
from benchmarks.results import RESULTS_FILE, format_value

QUEUE_FILE = RESULTS_FILE.with_name("queue.json")


def write_report(machine: dict[str, Any], figures: Figures, goals: Sequence[Goal], *, is_quick: bool) -> Path:
    """Write everything to QUEUE_FILE in place of the last run."""
    content = {
        "machine": machine,
        "quick": is_quick,
        "rows": figures.list_rows(),
        "goals": [goal.to_json() for goal in goals],
    }
    QUEUE_FILE.parent.mkdir(parents=True, exist_ok=True)
    QUEUE_FILE.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return QUEUE_FILE


def print_report(console: Console, machine: dict[str, Any], figures: Figures, goals: Sequence[Goal]) -> None:
    """First every figure, then what they come to."""
    console.print(_tabulate_rows(machine, figures))
    console.print(_tabulate_goals(goals))


def _tabulate_rows(machine: dict[str, Any], figures: Figures) -> Table:
    table = Table(title=f"Queues on {machine['cores']} cores, {machine['cpu']}, PostgreSQL {machine['postgres']}")
    for name in ("Measure", "System"):
        table.add_column(name, no_wrap=True)
    for name in ("Value", "Spread"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("How", style="dim")
    for row in sorted(figures.list_rows(), key=_order):
        table.add_row(
            row["measure"],
            row["system"],
            f"{format_value(row['value'])} {row['unit']}".rstrip(),
            f"{row['spread']:.0%} of {len(row['runs'])}",
            _describe(row),
        )
    return table


def _order(row: dict[str, Any]) -> tuple[object, ...]:
    params = row["params"]
    held = (params["waiting"], params["finished"], params["distribution"], params["processes"])
    return (row["measure"], *held, params.get("concurrency", 0), params.get("rate", 0), params["batch"])


def _describe(row: dict[str, Any]) -> str:
    """What is out of the ordinary about it."""
    params = row["params"]
    parts = [
        f"{params['processes']} processes" if params["processes"] > 1 else "",
        f"batch {params['batch']}",
        row["setting"],
        *(f"{params[name]:,} {name}" for name in ("waiting", "finished") if params[name]),
        params["distribution"] if params["distribution"] != "uniform" else "",
        f"{params['concurrency']} at once" if "concurrency" in params else "",
        f"{params['rate']}/s" if "rate" in params else "",
    ]
    return ", ".join(part for part in parts if part)


def _tabulate_goals(goals: Sequence[Goal]) -> Table:
    table = Table(title="Goals")
    table.add_column("Nightdesk")
    for name in ("Value", "Target"):
        table.add_column(name, justify="right", no_wrap=True)
    for goal in goals:
        style = {True: "green", False: "red", None: "dim"}[goal.is_met]
        value = "not measured" if goal.value is None else format_value(goal.value)
        table.add_row(goal.name, Text(value, style=style), goal.shown_target)
    return table
