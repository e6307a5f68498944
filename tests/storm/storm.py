"""A storm from its first message to the count at its end."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import DATABASE_ERRORS, DbPool, open_pool
from tests.chaos.crew import run_crew
from tests.chaos.orders import Order
from tests.outages.server import OwnServer
from tests.storm.customers import Customers
from tests.storm.desk import Desk
from tests.storm.vendors import Vendors, run_vendors
from tests.storm.verdict import Verdict, count, is_settled
from tests.storm.weather import Weather

# Two thirds of the kills hit workers, which hold turns and sends; a server takes longest to come back.
VICTIMS = ("worker", "worker", "worker", "api", "api", "postgres")
MESSAGES_PER_THREAD = 12
WRITERS = 6
CONCURRENCY = 6
THINK_SECONDS = 0.05
SETTLE_SECONDS = 180.0
_FAULTS_PER_KILL = 3
_CONNECTED = "SELECT count(*) FROM channel_cursors WHERE cursor IS NOT NULL"
_QUIET = "INSERT INTO channel_configs (channel, inbox, quiet_seconds) SELECT 'whatsapp', unnest($1::text[]), 0.2"

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much happens. The same seed draws the same storm; what its timing makes of it differs."""

    messages: int
    kills: int
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it. `settled` is False where something still waited when patience ended."""

    verdict: Verdict
    kills: dict[str, int]
    exit_codes: list[int]
    settled: bool
    seconds: float


async def rage(plan: Plan, folder: Path, tell: Tell) -> Outcome:
    """Begin everything, let it rage, wait for calm, and count. `tell` hears what was done, of how much."""
    started = time.monotonic()
    chance = random.Random(plan.seed)
    async with _open_everything(folder) as (vendors, desk, pool):
        await desk.open()
        await _wait_for_connections(vendors, pool)
        await pool.execute(_QUIET, [vendors.twilio.account.number, vendors.meta.number_id])
        customers = Customers(vendors, max(5, plan.messages // MESSAGES_PER_THREAD), chance)
        weather = Weather(vendors, chance, messages=plan.messages)
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(_keep_writing(customers, plan, tell))
            group.create_task(_keep_killing(desk, weather, customers, plan, tell))
        weather.clear()
        settled = await _wait_for_calm(vendors, pool, customers.count, tell)
        await customers.aclose()
        verdict = await count(pool, customers)
        codes = await desk.close()
    return Outcome(verdict, dict(desk.kills), codes, settled, round(time.monotonic() - started, 1))


@asynccontextmanager
async def _open_everything(folder: Path) -> AsyncIterator[tuple[Vendors, Desk, DbPool]]:
    async with AsyncExitStack() as stack:
        # Not below pytest's own folder, which a second run closes to the user the servers run as.
        data = Path(stack.enter_context(TemporaryDirectory(prefix="nightdesk-storm-")))
        url = stack.enter_context(run_embedded(data / "postgres", is_owner=True))
        await init_db(url)
        vendors = await stack.enter_async_context(run_vendors(_make_folder(data / "dovecot")))
        crew = await stack.enter_async_context(run_crew(folder / "desk.log"))
        order = Order(
            url=url,
            journal=folder / "journal.jsonl",
            concurrency=CONCURRENCY,
            think_seconds=THINK_SECONDS,
            environment=vendors.configure(url, folder),
        )
        pool = await stack.enter_async_context(open_pool(url, application="storm", max_size=3))
        yield vendors, Desk(crew, OwnServer(data / "postgres", url), order, api_port=vendors.api_port), pool


def _make_folder(path: Path) -> Path:
    """Dovecot serves mail as another user, who must be able to come this far."""
    path.parent.chmod(0o755)
    path.mkdir()
    return path


async def _wait_for_connections(vendors: Vendors, pool: DbPool) -> None:
    """Until every inbox was looked into once: the desk leaves alone what came before it was connected."""
    async with asyncio.timeout(SETTLE_SECONDS):
        while True:
            if await pool.fetchval(_CONNECTED) == len(vendors.polled):
                return
            await asyncio.sleep(0.05)


async def _keep_writing(customers: Customers, plan: Plan, tell: Tell) -> None:
    while customers.count < plan.messages:
        await customers.write()
        tell("messages", min(customers.count, plan.messages), plan.messages)


async def _keep_killing(desk: Desk, weather: Weather, customers: Customers, plan: Plan, tell: Tell) -> None:
    """Spread over the messages: the next kill is due when its share of them is written."""
    chance = random.Random(plan.seed + 1)
    for number in range(plan.kills):
        while customers.count < plan.messages * number // plan.kills:
            customers.has_written.clear()
            await customers.has_written.wait()
        for _ in range(_FAULTS_PER_KILL):
            weather.turn()
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        await desk.kill(chance.choice(VICTIMS))
        tell("kills", number + 1, plan.kills)


async def _wait_for_calm(vendors: Vendors, pool: DbPool, messages: int, tell: Tell) -> bool:
    """Until every webhook is taken and nothing waits, and a moment later still nothing does."""
    patience = asyncio.timeout(SETTLE_SECONDS)
    calm = 0
    try:
        async with patience:
            await vendors.meta.settle()
            while calm < 8:  # longer than the longest pause between two looks at a mailbox
                try:
                    calm = calm + 1 if await is_settled(pool, messages) else 0
                except DATABASE_ERRORS:
                    calm = 0
                tell("settling", calm, 8)
                await asyncio.sleep(1)
    except TimeoutError:
        if not patience.expired():
            raise
        return False
    return True
