"""What was measured: every single value, and their medians as rows for the results file."""

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Params:
    """How a figure was taken. What a measure does not vary keeps its default, and what it does not have is left out."""

    processes: int = 1
    batch: int = 1
    waiting: int = 0
    finished: int = 0
    distribution: str = "uniform"
    concurrency: int | None = None
    rate: int | None = None

    def to_json(self) -> dict[str, Any]:
        """By name, without what the measure does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Figure:
    """What the values of several rounds belong to. `setting` is said beside it, and does not tell figures apart."""

    measure: str
    system: str
    unit: str
    params: Params = Params()
    setting: str = field(default="", compare=False)


class Figures:
    """The values of a run."""

    def __init__(self) -> None:
        self._runs: dict[Figure, list[float]] = {}

    def add(self, figure: Figure, value: float) -> None:
        """One round's value."""
        self._runs.setdefault(figure, []).append(value)

    def find(self, measure: str, system: str, params: Params) -> float | None:
        """The median, where it was measured."""
        for figure, runs in self._runs.items():
            if (figure.measure, figure.system, figure.params) == (measure, system, params):
                return statistics.median(runs)
        return None

    def find_best(self, measure: str, system: str, *, processes: int = 1, waiting: int = 0) -> float | None:
        """The highest median over all batch sizes."""
        medians = [
            statistics.median(runs)
            for figure, runs in self._runs.items()
            if (figure.measure, figure.system) == (measure, system)
            and figure.params == Params(processes=processes, batch=figure.params.batch, waiting=waiting)
        ]
        return max(medians, default=None)

    def list_rows(self) -> list[dict[str, Any]]:
        """One row per figure. `spread` is the range of its values in parts of their median."""
        return [_build_row(figure, runs) for figure, runs in self._runs.items()]


def _build_row(figure: Figure, runs: list[float]) -> dict[str, Any]:
    median = statistics.median(runs)
    return {
        "measure": figure.measure,
        "system": figure.system,
        "params": figure.params.to_json(),
        "value": round(median, 4),
        "unit": figure.unit,
        "runs": [round(value, 4) for value in runs],
        "spread": round((max(runs) - min(runs)) / median, 3) if median else 0.0,
        "setting": figure.setting,
    }
