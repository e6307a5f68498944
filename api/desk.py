"""What every route may use, opened once for the life of the process."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.feed import TicketFeed
from api.figures import Figures
from api.limits import RateLimits
from channels.base import Channels, Receiver
from core.background import run_in_background
from core.clock import Clock
from core.ids import derive_token, matches_token
from core.passwords import Passwords
from core.settings import Settings
from core.telemetry import ApiTelemetry
from database.files import FileStore
from database.notify import Notifier
from database.pool import DbPool
from database.readiness import Readiness
from database.replica import Reader

LAST_SECONDS = 11.0  # fewer than the server gives to requests under way


class WaitedEnough(Exception):
    """No worker was done in time."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Pool, reader of figures, notifications, live feed, limits, readiness, time and secrets of this process."""

    settings: Settings
    secret_key: str = field(repr=False)
    pool: DbPool
    reader: Reader
    notifier: Notifier
    feed: TicketFeed
    figures: Figures
    telemetry: ApiTelemetry
    clock: Clock
    files: FileStore
    channels: Channels
    receivers: Mapping[str, Receiver]
    passwords: Passwords
    limits: RateLimits
    readiness: Readiness
    stopping: asyncio.Event  # the process ends soon: whoever waits had better ask another one
    ignored: Counter[str] = field(default_factory=Counter)  # events of webhooks that were nothing to us, by kind
    scrapers: set[str] = field(default_factory=set)  # hashes of the API keys that have read the metrics

    def make_ticket_token(self, ref: str) -> str:
        """The token that opens this ticket, and no other."""
        return derive_token(self.secret_key, "ticket", ref)

    def opens_ticket(self, ref: str, token: str) -> bool:
        """Whether `token` is the ticket's."""
        return matches_token(self.make_ticket_token(ref), token)

    @asynccontextmanager
    async def limit_wait(self, seconds: float) -> AsyncIterator[None]:
        """Wait in this block for a worker. Raises WaitedEnough; once the process is stopping, after LAST_SECONDS."""
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline, run_in_background(self._shorten(deadline)):
                yield
        except TimeoutError:
            if not deadline.expired():
                raise  # it is the database that does not answer
            raise WaitedEnough from None

    async def _shorten(self, deadline: asyncio.Timeout) -> None:
        await self.stopping.wait()
        last = asyncio.get_running_loop().time() + LAST_SECONDS
        if not deadline.expired():
            deadline.reschedule(min(last, deadline.when() or last))


async def get_desk(request: Request) -> Desk:
    """The desk of the application that serves this request. Async, or every request would go through a thread."""
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(get_desk)]
