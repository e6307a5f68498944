"""The end of a worker: each part has its share of one budget, and nothing that hangs takes more."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from core.stopping import STOP_SECONDS
from workers.ending import STOP_BUDGET, Ending, StopBudget
from workers.pump import Pump

NEVER = 3600.0
NOTHING = StopBudget(sides=0.0, turns=0.0, given_back=0.0, sends=0.0)
PLENTY = StopBudget(sides=60.0, turns=60.0, given_back=60.0, sends=60.0)


@dataclass
class Work:
    """A pump with items to claim, and what became of them."""

    waiting: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    cut_off: list[int] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)
    claims: bool = True
    is_stubborn: bool = False

    def __post_init__(self) -> None:
        self.pump = Pump("test", claim=self._claim, handle=self._handle, concurrency=10, poll_seconds=NEVER)
        self.loop = asyncio.ensure_future(self.pump.run())

    async def _claim(self, _free: int) -> Sequence[int]:
        if not self.claims:
            self.begun.set()
            await asyncio.Event().wait()  # a database that says nothing any more
        claimed, self.waiting = self.waiting, []
        return claimed

    async def _handle(self, item: int) -> None:
        self.begun.set()
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.cut_off.append(item)
            if not self.is_stubborn:
                raise
            await self.may_finish.wait()
        self.done.append(item)


def test_the_shares_follow_each_other_and_leave_time_to_close() -> None:
    assert 0 < STOP_BUDGET.sides < STOP_BUDGET.turns < STOP_BUDGET.given_back < STOP_BUDGET.sends < STOP_SECONDS - 7


async def test_a_turn_that_ends_in_time_is_not_cut_off() -> None:
    work = Work(waiting=[1])
    await work.begun.wait()
    ending = asyncio.ensure_future(Ending(PLENTY).end_turns(work.pump, work.loop))
    await asyncio.sleep(0)
    work.may_finish.set()
    await ending
    assert (work.done, work.cut_off) == ([1], [])


@pytest.mark.parametrize("end", [Ending.end_turns, Ending.end_side, Ending.end_sends])
async def test_what_is_late_is_cut_off(end: Callable[..., asyncio.Future[None]]) -> None:
    work = Work(waiting=[1])
    await work.begun.wait()
    await end(Ending(NOTHING), work.pump, work.loop)
    assert (work.done, work.cut_off, work.pump.in_flight) == ([], [1], 0)


@pytest.mark.parametrize("end", [Ending.end_turns, Ending.end_side, Ending.end_sends])
async def test_a_claim_that_never_returns_does_not_hold_up_the_end(end: Callable[..., asyncio.Future[None]]) -> None:
    work = Work(claims=False)
    await work.begun.wait()
    async with asyncio.timeout(60):
        await end(Ending(NOTHING), work.pump, work.loop)
        await asyncio.wait({work.loop})
    assert work.loop.cancelled()


async def test_time_that_one_part_leaves_is_for_the_next_and_what_it_took_is_gone() -> None:
    now = 100.0
    ending = Ending(StopBudget(sides=1.0, turns=10.0, given_back=10.0, sends=20.0), monotonic=lambda: now)
    turns, sends = Work(), Work(waiting=[1])
    await sends.begun.wait()
    await ending.end_turns(turns.pump, turns.loop)
    assert ending._left(20.0) == 20.0
    now = 120.0
    await ending.end_sends(sends.pump, sends.loop)
    assert sends.cut_off == [1], "the turns have taken all there was"


async def test_replies_that_became_ready_at_the_end_still_go_out() -> None:
    work = Work()
    await asyncio.sleep(0)
    work.may_finish.set()
    work.pump.stop()
    await work.loop
    work.waiting = [1]
    await Ending(PLENTY).end_sends(work.pump, work.loop)
    assert work.done == [1]


async def test_work_that_does_not_even_end_when_it_is_cut_off_is_left() -> None:
    work = Work(waiting=[1], is_stubborn=True)
    await work.begun.wait()
    async with asyncio.timeout(60):
        await Ending(NOTHING).end_turns(work.pump, work.loop)
    assert (work.cut_off, work.pump.in_flight) == ([1], 1)
    work.may_finish.set()
    await work.pump.drain(60)
