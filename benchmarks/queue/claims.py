"""Claim and complete: how many jobs a second, on an empty queue and on queues that hold a lot."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.queue import databases
from benchmarks.queue.case import Case, Load, Setting
from benchmarks.queue.figures import Figure, Params
from benchmarks.queue.meter import Window
from benchmarks.queue.scale import QueueScale, count_rounds, shuffle
from benchmarks.queue.stage import Stage

EQUAL_SETTINGS = (Setting(1, 8), Setting(10, 4), Setting(100, 2))
# The best of a sweep on 2 cores and PostgreSQL 18 on 2026-11-21, jobs/s.
PEER_SETTINGS = {
    # Batch × pool: 10×2 6,600 · 50×2 16,700 · 200×2 19,400 · 200×3 23,600 · 500×3 23,500 · 500×5 23,500 · 1000×5 22,000
    ("pgqueuer", 1): Setting(500, 3),
    # 200×3 28,600 · 500×3 28,000 · 500×5 30,000 · 1000×5 33,000 · 2000×5 28,000
    ("pgqueuer", 2): Setting(1000, 5),
    # Concurrency, which is also its pool: 1 433 · 3 923 · 6 937 · 10 912 · 15 865 · 30 725; 1,056 without pool checks
    ("procrastinate", 1): Setting(1, 3),
    # 3 1,183 · 6 1,116 · 10 1,038 · 15 958 · 30 779
    ("procrastinate", 2): Setting(1, 3),
}
_PARALLEL = {"pgqueuer": "pool of {}", "procrastinate": "{} jobs at once"}


def list_cases(scale: QueueScale, systems: Sequence[str]) -> list[Case]:
    """Everything that is measured, as far as the systems are installed."""
    some, many = Load(waiting=scale.some_waiting), Load(waiting=scale.many_waiting)
    finished = Load(finished=scale.many_waiting)
    skewed, hot = (Load(waiting=scale.many_waiting, distribution=name) for name in ("skewed", "hot"))
    ordered = Load(waiting=scale.many_waiting, keeps_order=True)
    alone = PEER_SETTINGS["pgqueuer", 1]
    best = PEER_SETTINGS["procrastinate", 1]
    cases = [
        *(
            Case(system, setting, processes=processes)
            for processes in (1, 2)
            for setting in EQUAL_SETTINGS
            for system in ("nightdesk", "ceiling")
        ),
        *(Case(system, setting, processes=processes) for (system, processes), setting in PEER_SETTINGS.items()),
        *(
            Case("nightdesk", setting, load)
            for load in (some, many, finished, skewed, hot)
            for setting in EQUAL_SETTINGS
        ),
        *(Case("ceiling", setting, load) for load in (some, many, finished) for setting in EQUAL_SETTINGS),
        *(Case("pgqueuer", alone, load) for load in (some, many, finished)),
        *(Case("procrastinate", best, load) for load in (some, many, finished)),
        Case("procrastinate", best, ordered, measure="claim_complete_locked"),
        Case("nightdesk", Setting(100, 2, max_messages=50), hot, measure="claim_complete_bursts", unit="messages/s"),
    ]
    return [case for case in cases if case.system in systems]


def measure_claims(stage: Stage, deadline: float) -> None:
    """Every case once a round."""
    cases, rounds = list_cases(stage.scale, stage.systems), stage.scale.rounds
    task = stage.progress.add_task("Claim and complete", total=rounds * len(cases))
    for number in count_rounds(rounds, deadline):
        for case in shuffle(cases, number):
            stage.figures.add(describe(case), run_case(stage, case))
            stage.progress.advance(task)


def run_case(stage: Stage, case: Case) -> float:
    """One round of one case: jobs per second of all its processes together."""
    asyncio.run(databases.rewind(stage.server_url, case.system, case.load))
    url = databases.locate(stage.server_url, case.system, case.load)
    window = Window(time.monotonic() + stage.scale.warm_up_seconds, stage.scale.round_seconds)
    hands = stage.crew[: case.processes]
    for hand in hands:
        hand.work(case.system, url, case.setting, window)
    return sum(hand.take_rate() for hand in hands)


def describe(case: Case) -> Figure:
    """Where the values of a case belong."""
    params = Params(
        processes=case.processes,
        batch=case.setting.batch,
        waiting=case.load.waiting,
        finished=case.load.finished,
        distribution=case.load.distribution,
    )
    parallel = _PARALLEL.get(case.system, "{} loops").format(case.setting.loops)
    return Figure(case.measure, case.system, case.unit, params, parallel)
