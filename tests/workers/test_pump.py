"""The claim loop: prompt, bounded, and neither shutdown nor a failing database strands what was claimed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from core.background import wait_briefly
from workers.pump import Pump

NEVER = 3600.0


class Work:
    """Items to claim, and gates that hold their handling until the test opens them."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.claims: list[int] = []
        self.handled: list[int] = []
        self.cancelled: list[int] = []
        self.most_at_once = 0
        self.may_finish = asyncio.Event()
        self._now = 0
        self._changed = asyncio.Event()

    async def claim(self, free: int) -> Sequence[int]:
        self.claims.append(free)
        self._changed.set()
        claimed, self.waiting = self.waiting[:free], self.waiting[free:]
        return claimed

    async def handle(self, item: int) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self._changed.set()
        try:
            await self.may_finish.wait()
            self.handled.append(item)
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        finally:
            self._now -= 1
            self._changed.set()

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def work() -> Work:
    return Work()


def build_pump(
    work: Work,
    *,
    concurrency: int = 3,
    poll_seconds: float = NEVER,
    claim: Callable[[int], Awaitable[Sequence[int]]] | None = None,
) -> Pump[int]:
    return Pump(
        "test", claim=claim or work.claim, handle=work.handle, concurrency=concurrency, poll_seconds=poll_seconds
    )


@asynccontextmanager
async def running(pump: Pump[int], work: Work) -> AsyncIterator[None]:
    task = asyncio.ensure_future(pump.run())
    try:
        yield
    finally:
        pump.stop()
        work.may_finish.set()
        async with asyncio.timeout(60):
            await task
            await pump.drain(10)


async def test_never_more_at_once_than_the_concurrency(work: Work) -> None:
    work.waiting = list(range(10))
    pump = build_pump(work, concurrency=3)
    async with running(pump, work):
        await work.wait_until(lambda: work.most_at_once == 3)
        pump.wake()
        await asyncio.sleep(0)
        assert pump.in_flight == 3
        work.may_finish.set()
        await work.wait_until(lambda: len(work.handled) == 10)
    assert work.most_at_once == 3
    assert sorted(work.handled) == list(range(10))
    assert max(work.claims) == 3
    assert min(work.claims) > 0


async def test_a_freed_slot_is_filled_at_once(work: Work) -> None:
    gates = {item: asyncio.Event() for item in range(3)}
    started: list[int] = []

    async def handle(item: int) -> None:
        started.append(item)
        await gates[item].wait()

    work.waiting = [0, 1, 2]
    pump = Pump("test", claim=work.claim, handle=handle, concurrency=2, poll_seconds=NEVER)
    async with running(pump, work):
        await work.wait_until(lambda: len(work.claims) >= 1)
        gates[0].set()
        await work.wait_until(lambda: 1 in work.claims)
        for gate in gates.values():
            gate.set()
    assert started == [0, 1, 2]


async def test_a_wake_up_makes_it_look_now(work: Work) -> None:
    pump = build_pump(work)
    async with running(pump, work):
        await work.wait_until(lambda: len(work.claims) == 1)
        work.waiting = [1]
        pump.wake("a payload")
        work.may_finish.set()
        await work.wait_until(lambda: work.handled == [1])


async def test_a_wake_up_during_a_claim_is_not_lost(work: Work) -> None:
    claiming, may_return = asyncio.Event(), asyncio.Event()

    async def claim_slowly(free: int) -> Sequence[int]:
        found = await work.claim(free)
        if len(work.claims) == 1:
            claiming.set()
            await may_return.wait()
        return found

    pump = build_pump(work, claim=claim_slowly)
    async with running(pump, work):
        await claiming.wait()
        work.waiting = [1]  # arrives after this claim has looked
        pump.wake()
        may_return.set()
        work.may_finish.set()
        await work.wait_until(lambda: work.handled == [1])


async def test_without_a_wake_up_the_poll_finds_it(work: Work) -> None:
    pump = build_pump(work, poll_seconds=0.001)
    async with running(pump, work):
        await work.wait_until(lambda: len(work.claims) >= 2)
        work.waiting = [1]
        work.may_finish.set()
        await work.wait_until(lambda: work.handled == [1])


async def test_stopping_claims_nothing_more_and_lets_what_is_in_flight_finish(work: Work) -> None:
    work.waiting = [1, 2, 3, 4]
    pump = build_pump(work, concurrency=2)
    task = asyncio.ensure_future(pump.run())
    await work.wait_until(lambda: work.most_at_once == 2)
    pump.stop()
    await task
    assert pump.in_flight == 2
    work.may_finish.set()
    await pump.drain(10)
    assert (sorted(work.handled), work.cancelled, work.waiting) == ([1, 2], [], [3, 4])


async def test_stopping_never_cancels_a_claim_under_way(work: Work) -> None:
    claiming, may_return = asyncio.Event(), asyncio.Event()

    async def claim_slowly(free: int) -> Sequence[int]:
        claiming.set()
        await may_return.wait()
        return await work.claim(free)

    work.waiting = [1]
    pump = build_pump(work, claim=claim_slowly)
    task = asyncio.ensure_future(pump.run())
    await claiming.wait()
    pump.stop()
    may_return.set()
    work.may_finish.set()
    await task
    await pump.drain(10)
    assert work.handled == [1]


async def test_draining_cancels_what_is_late_and_waits_for_its_end(work: Work) -> None:
    work.waiting = [1, 2]
    pump = build_pump(work)
    task = asyncio.ensure_future(pump.run())
    await work.wait_until(lambda: work.most_at_once == 2)
    pump.stop()
    await task
    await pump.drain(0)
    assert (sorted(work.cancelled), work.handled, pump.in_flight) == ([1, 2], [], 0)


async def test_draining_an_idle_pump_returns_at_once(work: Work) -> None:
    await build_pump(work).drain(NEVER)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("gone"),
        TimeoutError(),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"),
        asyncpg.InternalClientError("cannot switch to state 12"),  # what a cut connection sometimes looks like
    ],
)
async def test_a_claim_that_fails_is_tried_again(error: Exception, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.pump._MAX_BACKOFF_SECONDS", 0.0)
    failures = 0

    async def claim_at_the_third_try(free: int) -> Sequence[int]:
        nonlocal failures
        if failures < 2:
            failures += 1
            raise error
        return await work.claim(free)

    work.waiting = [1]
    work.may_finish.set()
    pump = build_pump(work, claim=claim_at_the_third_try)
    async with running(pump, work):
        await work.wait_until(lambda: work.handled == [1])
    assert failures == 2


async def test_waits_longer_after_each_failed_claim_up_to_a_limit(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def remember(event: asyncio.Event, seconds: float) -> bool:
        if len(waits) == 9:
            return await wait_briefly(event, seconds)
        waits.append(seconds)
        return False

    async def fail_nine_times(free: int) -> Sequence[int]:
        if len(waits) < 9:
            raise ConnectionError
        return await work.claim(free)

    monkeypatch.setattr("workers.pump.wait_briefly", remember)
    pump = build_pump(work, claim=fail_nine_times)
    async with running(pump, work):
        await work.wait_until(lambda: len(work.claims) == 1)
    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == 5.0


async def test_an_item_whose_handling_raises_does_not_stop_the_others(work: Work) -> None:
    async def handle(item: int) -> None:
        if item == 1:
            raise RuntimeError("handle must not raise, but did")
        await work.handle(item)

    work.waiting = [1, 2]
    work.may_finish.set()
    pump = Pump("test", claim=work.claim, handle=handle, concurrency=1, poll_seconds=NEVER)
    async with running(pump, work):
        await work.wait_until(lambda: work.handled == [2])
