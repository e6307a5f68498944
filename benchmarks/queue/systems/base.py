"""What the benchmark asks of a queue."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

import asyncpg

from benchmarks.queue.case import Load, Setting
from benchmarks.queue.meter import Meter
from database.pool import DbConnection

# Publishes the jobs of these numbers, and returns when they are committed.
Publish = Callable[[Sequence[int]], Awaitable[None]]

# By name: the module that has the SYSTEM, and what must be installed for it.
_MODULES = {
    "nightdesk": ("benchmarks.queue.systems.nightdesk", "asyncpg"),
    "ceiling": ("benchmarks.queue.systems.ceiling", "asyncpg"),
    "pgqueuer": ("benchmarks.queue.systems.pgqueuer", "pgqueuer"),
    "procrastinate": ("benchmarks.queue.systems.procrastinate", "procrastinate"),
}


class System(Protocol):
    """A queue on a database of its own. `stock` jobs last for one round of an otherwise empty queue."""

    stock: int

    async def install(self, url: str) -> None:
        """Create the tables in an empty database."""

    async def fill(self, conn: DbConnection, load: Load) -> None:
        """Put jobs into empty tables by SQL, past what publishing costs."""

    async def rewind(self, conn: DbConnection, load: Load) -> None:
        """Make as many jobs wait as `fill` did, and leave no dead rows behind."""

    async def clear(self, conn: DbConnection) -> None:
        """Empty the tables."""

    async def work(self, url: str, setting: Setting, meter: Meter) -> None:
        """Claim and complete jobs that do nothing, as one worker process, until the meter says stop."""

    def open_publishers(self, url: str, count: int) -> AbstractAsyncContextManager[list[Publish]]:
        """So many publishers, each with a connection of its own."""

    async def pick_up(self, url: str, on_start: Callable[[int], None], stop: asyncio.Event) -> None:
        """Work as one worker process that waits for jobs; `on_start` is told the number of each as it starts."""


def list_installed() -> list[str]:
    """The systems that can be measured here; the peers come with requirements-bench.txt."""
    return [name for name, (_module, requirement) in _MODULES.items() if find_spec(requirement)]


def list_missing() -> list[str]:
    """The systems that cannot."""
    return [name for name in _MODULES if name not in list_installed()]


def load_system(name: str) -> System:
    """A system by its name. Peers are imported only when they are asked for."""
    system: System = import_module(_MODULES[name][0]).SYSTEM
    return system


@asynccontextmanager
async def open_connections(url: str, count: int) -> AsyncIterator[list[DbConnection]]:
    """So many connections without a pool, which would only add its own time, and with the server's own settings.

    Ours plan each statement once for all values; a claim whose batch is a parameter and whose table has no order to
    walk then sorts a tenth of it: 170 instead of 4,000 jobs/s.
    """
    async with AsyncExitStack() as stack:
        conns = await asyncio.gather(*(asyncpg.connect(url) for _ in range(count)))
        for conn in conns:
            stack.push_async_callback(conn.close)
        yield list(conns)
