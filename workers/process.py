"""One worker process: everything it runs, started and stopped in one place."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from agent.assemble import build_agent
from agent.knowledge.embed import wrap_embedder
from agent.knowledge.load import load_embedders
from agent.knowledge.search import KnowledgeSearch
from channels.registry import build_channels
from core.background import run_in_background
from core.settings import Settings
from core.tracing import Tracing
from database.notify import INBOX_CHANNEL, JOB_CHANNEL, OUTBOX_CHANNEL, WAKE_CHANNEL, Notifier, listen
from database.pool import DbPool, open_pool
from database.readiness import Readiness
from workers.intents import IntentKeeper
from workers.jobs import JobKeeper
from workers.knowledge import KnowledgeKeeper
from workers.metrics import serve_metrics
from workers.vitals import Vitals
from workers.worker import Worker


class WorkerBroken(Exception):
    """A part without which a worker does harm has ended by itself."""


async def run_worker(
    settings: Settings, database_url: str, stop: asyncio.Event, *, tracing: Tracing | None = None
) -> None:
    """Work until `stop` is set; then let what is under way finish for a while and give the rest back.

    Begins to claim once the database answers and has this version's tables. `database_url` leads to the server itself:
    the pool alone goes through a pooler, if the settings name one.
    """
    vitals = Vitals(asyncio.get_running_loop())
    async with (
        open_pool(
            database_url,
            pooler_url=settings.database.pooler_url,
            application="nightdesk worker",
            max_size=settings.database.pool_size,
            statement_timeout_seconds=settings.database.statement_timeout_seconds,
        ) as pool,
        serve_metrics(vitals, settings.worker),
    ):
        if await vitals.wait_for_database(Readiness(pool), stop):
            await _work(settings, database_url, pool, stop, vitals=vitals, tracing=tracing)


async def _work(
    settings: Settings,
    database_url: str,
    pool: DbPool,
    stop: asyncio.Event,
    *,
    vitals: Vitals,
    tracing: Tracing | None,
) -> None:
    is_broken = False

    def break_off() -> None:
        nonlocal is_broken
        is_broken = True
        stop.set()

    embedders = await asyncio.to_thread(load_embedders, settings.embedding, settings.openai)
    async with aclosing(await build_agent(settings, pool, embedders)) as agent:
        notifier = Notifier(database_url)
        worker = Worker(settings, database_url, pool, agent, notifier, telemetry=vitals.telemetry, tracing=tracing)
        search = KnowledgeSearch(pool, wrap_embedder(embedders.local), wrap_embedder(embedders.remote))
        jobs = JobKeeper(
            pool,
            embedders,
            search,
            build_channels(settings),
            confidence_threshold=settings.agent.confidence_threshold,
            notify=notifier.notify,
            poll_seconds=settings.worker.poll_seconds,
        )
        wakers: dict[str, Callable[[str], None]] = {
            WAKE_CHANNEL: worker.turns.wake,
            OUTBOX_CHANNEL: worker.deliveries.wake,
            INBOX_CHANNEL: worker.inboxes.wake,
            JOB_CHANNEL: jobs.wake,
        }
        keepers = [IntentKeeper(pool, agent.intents, embedders.local).run()] if agent.intents else []
        async with run_in_background(
            notifier.run(),
            worker.heartbeat.run(),
            worker.maintenance.run(),
            listen(database_url, wakers, worker.wake),
            worker.inboxes.run(),
            KnowledgeKeeper(database_url, pool, embedders, settings.knowledge).run(),
            jobs.run(),
            *keepers,
            on_death=break_off,  # without a heartbeat its leases would run out
        ):
            vitals.begin(lambda: worker.heartbeat.is_beating)
            await worker.run(stop, on_stop=vitals.end)
            await notifier.flush()
    if is_broken:
        raise WorkerBroken("a background job died; whoever supervises this worker starts another")
