"""How a worker ends: what is under way finishes or is given back, each part within its share of one budget."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workers.pump import Pump


@dataclass(frozen=True, slots=True)
class StopBudget:
    """By how many seconds after the stop each part is over; what one part leaves is for the next.

    The last seconds of core.stopping.STOP_SECONDS are for notifications, traces and closing what is open.
    """

    sides: float = 1.0  # questions to vendors and files are asked for again by whoever comes next
    turns: float = 10.0  # a model's call takes seconds, and a turn that ends now need not be run again
    given_back: float = 11.5  # of turns that were cut off; where the database is silent, their leases run out
    sends: float = 14.0  # one that is cut off is in doubt, and perhaps a person must decide


STOP_BUDGET = StopBudget()


class Ending:
    """The stop of one worker, from the moment this is made."""

    def __init__(self, budget: StopBudget, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._monotonic = monotonic
        self._began = monotonic()

    async def end_side(self, pump: Pump[Any], loop: asyncio.Task[None]) -> None:
        """End a pump whose work anybody may do again."""
        await self._end(pump, loop, late=self._budget.sides, over=self._budget.sides + 1.0)

    async def end_turns(self, pump: Pump[Any], loop: asyncio.Task[None]) -> None:
        """Let turns finish, and give back those that are late."""
        await self._end(pump, loop, late=self._budget.turns, over=self._budget.given_back)

    async def end_sends(self, pump: Pump[Any], loop: asyncio.Task[None]) -> None:
        """Send what is ready now, the replies of the last turns, and let sends finish."""
        await self._end_loop(pump, loop, self._budget.sends)
        await pump.claim_once(self._left(self._budget.sends))
        await pump.drain(self._left(self._budget.sends))

    async def _end(self, pump: Pump[Any], loop: asyncio.Task[None], *, late: float, over: float) -> None:
        await self._end_loop(pump, loop, over)
        await pump.drain(self._left(late), settle_seconds=over - late)

    async def _end_loop(self, pump: Pump[Any], loop: asyncio.Task[None], until: float) -> None:
        pump.stop()
        # Not drained before the loop has ended: a claim under way still brings its leases, if the database answers.
        await asyncio.wait({loop}, timeout=self._left(until))
        loop.cancel()

    def _left(self, until: float) -> float:
        return max(0.0, self._began + until - self._monotonic())
