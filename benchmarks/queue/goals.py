"""What the queue was built to reach, beside its peers and beside the ceiling."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.queue.figures import Figures, Params

BATCHES = (1, 10, 100)
CONCURRENCIES = (1, 16, 64)
IDLE_RATE = 30  # jobs/s: each is long done before the next one comes


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio or a time, and what it should come to. Without a value it was not measured."""

    name: str
    value: float | None
    target: float
    is_ceiling: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the value is on the right side, if there is one."""
        if self.value is None:
            return None
        return self.value <= self.target if self.is_ceiling else self.value >= self.target

    @property
    def shown_target(self) -> str:
        """The target with its direction."""
        return f"{'≤' if self.is_ceiling else '≥'} {self.target:g}"

    def to_json(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "goal": self.name,
            "ratio": None if self.value is None else round(self.value, 4),
            "target": self.shown_target,
            "met": self.is_met,
        }


def judge(figures: Figures, *, many: int) -> list[Goal]:
    """Every goal, whether its figures were measured or not. `many` is how many rows the large queues hold."""
    return [
        *_judge_throughput(figures, many),
        *_judge_depth(figures, many),
        *_judge_pickup(figures),
        *_judge_publishing(figures),
        Goal(
            "throughput with a held snapshot, of that without",
            figures.find("held_snapshot", "nightdesk", Params(batch=10, waiting=many)),
            0.4,
        ),
    ]


def _judge_throughput(figures: Figures, many: int) -> Iterator[Goal]:
    for processes in (1, 2):
        ours = figures.find_best("claim_complete", "nightdesk", processes=processes)
        for peer, target in (("pgqueuer", 1.5), ("procrastinate", 10.0)):
            theirs = figures.find_best("claim_complete", peer, processes=processes)
            yield Goal(f"throughput, {_say(processes)}, of {peer}", _divide(ours, theirs), target)
    deep = figures.find_best("claim_complete", "nightdesk", waiting=many)
    locked = figures.find_best("claim_complete_locked", "procrastinate", waiting=many)
    yield Goal(f"throughput, {many:,} waiting, of procrastinate with lock", _divide(deep, locked), 100.0)
    for processes in (1, 2):
        for batch in BATCHES:
            params = Params(processes=processes, batch=batch)
            ours, most = (figures.find("claim_complete", system, params) for system in ("nightdesk", "ceiling"))
            name = f"throughput, {_say(processes)}, batch {batch}, of the ceiling"
            yield Goal(name, _divide(ours, most), 0.8)


def _judge_depth(figures: Figures, many: int) -> Iterator[Goal]:
    for batch in BATCHES:
        empty = figures.find("claim_complete", "nightdesk", Params(batch=batch))
        for name, params in {
            f"{many:,} waiting": Params(batch=batch, waiting=many),
            f"{many:,} finished": Params(batch=batch, finished=many),
            "one hot thread": Params(batch=batch, waiting=many, distribution="hot"),
        }.items():
            full = figures.find("claim_complete", "nightdesk", params)
            yield Goal(f"throughput, {name}, batch {batch}, of the empty queue", _divide(full, empty), 0.8)


def _judge_pickup(figures: Figures) -> Iterator[Goal]:
    ours, theirs = (_find_idle(figures, "pickup_p50", system) for system in ("nightdesk", "pgqueuer"))
    yield Goal("pickup when idle, p50, of pgqueuer", _divide(ours, theirs), 1.0, is_ceiling=True)
    yield Goal("pickup when idle, p99, ms", _find_idle(figures, "pickup_p99", "nightdesk"), 15.0, is_ceiling=True)


def _judge_publishing(figures: Figures) -> Iterator[Goal]:
    for concurrency in CONCURRENCIES:
        params = Params(concurrency=concurrency)
        ours = figures.find("publish", "nightdesk", params)
        for other, target in (("pgqueuer", 1.5), ("ceiling", 0.5)):
            ratio = _divide(ours, figures.find("publish", other, params))
            yield Goal(f"publishing, {concurrency} at once, of {other}", ratio, target)


def _find_idle(figures: Figures, measure: str, system: str) -> float | None:
    return figures.find(measure, system, Params(rate=IDLE_RATE))


def _say(processes: int) -> str:
    return "1 process" if processes == 1 else f"{processes} processes"


def _divide(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else ours / theirs
