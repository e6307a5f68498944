"""Sixteen workers, four processes, a skewed backlog: each message once, in order, one turn of a thread at a time."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from core.background import run_in_background
from database.notify import WAKE_CHANNEL, Notifier
from database.pool import DbPool
from tests.chaos.crew import Crew
from tests.chaos.findings import assert_everything_is_settled, compare, is_drained
from tests.chaos.lives import BORN, THOUGHT_ABOUT
from tests.chaos.orders import Order, read_journal
from tests.chaos.traffic import Traffic
from tests.chaos.waiting import wait_for

PROCESSES = 4
WORKERS = 16
THREADS = 300
BACKLOG = 1_300
MESSAGES = 2_400
SKEW = 1.0


@dataclass(frozen=True, slots=True)
class Interval:
    """One turn's thinking, on the monotonic clock that all processes of a machine share."""

    worker: str
    thread: int
    messages: tuple[int, ...]
    started: float
    ended: float


async def test_sixteen_workers_never_run_two_turns_of_a_thread_and_keep_every_order(
    crew: Crew, order: Order, pool: DbPool
) -> None:
    notifier = Notifier(order.url)
    # Every message wakes all sixteen at once, so that they claim at the same moment.
    wake = partial(notifier.notify, WAKE_CHANNEL)
    traffic = Traffic(pool, threads=THREADS, skew=SKEW, on_accepted=wake)
    await traffic.open_inboxes()
    while traffic.count < BACKLOG:
        await traffic.do_something()
    order = order.model_copy(update={"workers": WORKERS // PROCESSES, "lease_seconds": 15.0, "think_seconds": 0.15})
    async with run_in_background(notifier.run()):
        names = [f"process {number}" for number in range(PROCESSES)]
        lives = [await crew.begin(order.model_copy(update={"name": name})) for name in names]
        while traffic.count < MESSAGES:
            await traffic.do_something()
        await wait_for(lambda: is_drained(pool))
    assert [await life.end() for life in lives] == [0] * PROCESSES

    findings = await compare(pool, traffic, order.journal)
    assert findings.lost == findings.doubled == []
    await assert_everything_is_settled(pool)
    assert await pool.fetchval("SELECT count(*) FROM outbox WHERE state <> 'sent' OR attempts <> 1") == 0
    intervals = read_intervals(order.journal)
    for of_thread in group_by_thread(intervals):
        for earlier, later in pairwise(of_thread):
            assert earlier.ended < later.started, "two turns of one thread at a time"
            # The next messages, or, where the turn was superseded, the same ones with what came in between.
            assert later.messages[0] in {earlier.messages[0], earlier.messages[-1] + 1}
            assert later.messages[-1] >= earlier.messages[-1]
    assert {interval.worker for interval in intervals} == {line["name"] for line in read_journal(order.journal, BORN)}
    assert len({interval.worker for interval in intervals}) == WORKERS
    assert count_at_once(intervals) >= WORKERS, "the workers have worked side by side"
    assert max(Counter(interval.thread for interval in intervals).values()) >= 10, "one thread is hot"


def read_intervals(journal: Path) -> list[Interval]:
    """Every turn, by its beginning."""
    intervals = []
    for line in read_journal(journal, THOUGHT_ABOUT):
        threads, numbers = zip(*(map(int, name[1:].split(".")) for name in line["messages"]), strict=True)
        assert len(set(threads)) == 1
        assert list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))), "a burst in order, without a gap"
        intervals.append(Interval(line["worker"], threads[0], numbers, line["started"], line["ended"]))
    return sorted(intervals, key=lambda interval: interval.started)


def group_by_thread(intervals: list[Interval]) -> list[list[Interval]]:
    """The turns of each thread, by their beginning."""
    grouped: dict[int, list[Interval]] = defaultdict(list)
    for interval in intervals:
        grouped[interval.thread].append(interval)
    return list(grouped.values())


def count_at_once(intervals: list[Interval]) -> int:
    """How many turns, at most, were thought about at the same time."""
    edges = [(interval.started, 1) for interval in intervals] + [(interval.ended, -1) for interval in intervals]
    most = running = 0
    for _at, change in sorted(edges):
        running += change
        most = max(most, running)
    return most
