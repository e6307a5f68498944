"""The shape of the queue's results, which others read, and the arithmetic of its goals."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks.queue import report
from benchmarks.queue.figures import Figure, Figures, Params
from benchmarks.queue.goals import Goal, judge
from benchmarks.queue.meter import Meter, Window
from benchmarks.queue.pickup import find_quantile
from benchmarks.queue.scale import count_rounds

MANY = 1_000_000


def add_medians(figures: Figures, measure: str, **medians: tuple[Params, float]) -> None:
    for system, (params, value) in medians.items():
        for run in (value * 0.5, value, value * 3):
            figures.add(Figure(measure, system, "jobs/s", params), run)


def find_goal(figures: Figures, name: str) -> Goal:
    (goal,) = (goal for goal in judge(figures, many=MANY) if goal.name == name)
    return goal


def test_the_file_has_the_rows_that_were_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "QUEUE_FILE", tmp_path / "results" / "queue.json")
    figures = Figures()
    params = Params(processes=2, batch=100, waiting=MANY, distribution="hot")
    figure = Figure("claim_complete", "nightdesk", "jobs/s", params, "2 loops")
    for run in (3.0, 1.0, 2.0):
        figures.add(figure, run)
    path = report.write_report({"cores": 2}, figures, judge(figures, many=MANY), is_quick=True)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["machine"] == {"cores": 2}
    assert content["quick"] is True
    assert content["rows"] == [
        {
            "measure": "claim_complete",
            "system": "nightdesk",
            "params": {"processes": 2, "batch": 100, "waiting": MANY, "finished": 0, "distribution": "hot"},
            "value": 2.0,
            "unit": "jobs/s",
            "runs": [3.0, 1.0, 2.0],
            "spread": 1.0,
            "setting": "2 loops",
        }
    ]
    assert {frozenset(goal) for goal in content["goals"]} == {frozenset({"goal", "ratio", "target", "met"})}


def test_a_measure_without_concurrency_does_not_name_one() -> None:
    assert "concurrency" not in Params().to_json()
    assert Params(concurrency=16).to_json()["concurrency"] == 16


def test_a_goal_compares_medians_of_the_best_settings() -> None:
    figures = Figures()
    add_medians(figures, "claim_complete", nightdesk=(Params(batch=10), 100.0), pgqueuer=(Params(batch=500), 100.0))
    add_medians(figures, "claim_complete", nightdesk=(Params(batch=100), 150.0))
    goal = find_goal(figures, "throughput, 1 process, of pgqueuer")
    assert (goal.value, goal.is_met) == (1.5, True)


def test_the_ceiling_counts_at_the_same_batch() -> None:
    figures = Figures()
    for batch, ours, most in ((10, 79.0, 100.0), (100, 100.0, 100.0)):
        params = Params(batch=batch)
        add_medians(figures, "claim_complete", nightdesk=(params, ours), ceiling=(params, most))
    assert find_goal(figures, "throughput, 1 process, batch 10, of the ceiling").is_met is False
    assert find_goal(figures, "throughput, 1 process, batch 100, of the ceiling").is_met is True


def test_a_time_has_to_stay_below_its_goal() -> None:
    figures = Figures()
    add_medians(figures, "pickup_p99", nightdesk=(Params(rate=30), 15.1))
    goal = find_goal(figures, "pickup when idle, p99, ms")
    assert (goal.is_met, goal.shown_target) == (False, "≤ 15")


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    goals = judge(Figures(), many=MANY)
    assert {(goal.value, goal.is_met) for goal in goals} == {(None, None)}


def test_a_rate_counts_the_window_alone_and_ends_where_the_queue_ran_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("benchmarks.queue.meter.time.monotonic", lambda: now)

    async def never_sleep(_seconds: float) -> None:
        """Nothing to wait for."""

    monkeypatch.setattr("benchmarks.queue.meter.asyncio.sleep", never_sleep)
    meter = Meter(Window(start=1.0, seconds=2.0))
    for at in (0.5, 1.5, 2.0):
        now = at
        meter.count(10)
    assert meter.rate == 10.0
    asyncio.run(meter.wait_for_more())
    assert meter.rate == 20.0
    now = 3.0
    assert meter.is_over


def test_a_quantile_is_one_of_the_values() -> None:
    assert find_quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert find_quantile([float(n) for n in range(1, 101)], 0.99) == 99.0
    assert find_quantile([7.0], 0.99) == 7.0


def test_no_round_begins_that_would_end_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("benchmarks.queue.scale.time.monotonic", lambda: now)
    numbers = []
    for number in count_rounds(5, deadline=35.0):
        numbers.append(number)
        now += 10.0
    assert numbers == [0, 1, 2]
    assert next(count_rounds(5, deadline=0.0)) == 0
