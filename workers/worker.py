"""A worker: its pumps of turns, deliveries and side work, and the leases that its turns hold."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from agent.run import SupportAgent
from channels.base import Channels
from channels.registry import build_channels
from core.ids import new_id
from core.logging import get_logger
from core.settings import Settings
from core.telemetry import WorkerTelemetry
from core.tracing import Tracing
from database import outbox, queue
from database.files import PostgresFiles
from database.notify import TICKET_CHANNEL, Notifier
from database.outbox import Doubtful
from database.pool import DbPool
from database.queries import attachments
from database.queries.attachments import MissingFile
from database.types import Lease, OutboundMessage, ThreadId, WorkerId
from workers import ending
from workers.claims import Claims
from workers.delivery import Deliverer
from workers.ending import Ending, StopBudget
from workers.heartbeat import Heartbeat
from workers.inboxes import Inboxes
from workers.leases import Leases
from workers.maintenance import Maintenance
from workers.media import MediaKeeper
from workers.pump import Pump
from workers.reconcile import Reconciliation
from workers.steps import Announce, announce_nothing
from workers.turn import TurnProcessor

_log = get_logger(__name__)

_SIDE_CONCURRENCY = 4  # questions to vendors and files; replies must not wait for them


class Worker:
    """The two pumps of a worker, turns and deliveries, and the leases its turns hold."""

    def __init__(
        self,
        settings: Settings,
        database_url: str,
        pool: DbPool,
        agent: SupportAgent,
        notifier: Notifier,
        *,
        only_thread: ThreadId | None = None,
        channels: Channels | None = None,
        announce: Announce = announce_nothing,
        telemetry: WorkerTelemetry | None = None,
        tracing: Tracing | None = None,
        budget: StopBudget | None = None,
    ) -> None:
        self.id = WorkerId(new_id())
        telemetry = telemetry or WorkerTelemetry()
        tracing = tracing or Tracing()
        telemetry.watch_breaker(lambda: agent.is_model_away)
        self._settings = settings.worker
        self._pool = pool
        self._notifier = notifier
        self._only_thread = only_thread
        self._budget = budget or ending.STOP_BUDGET
        self._leases = Leases()
        self._channels = channels = channels or build_channels(settings)
        self._claims = Claims(self.id, channels=channels, lease_seconds=settings.worker.lease_seconds)
        self._deliverer = Deliverer(
            pool,
            channels,
            settings,
            on_result=self._notify,
            announce=announce,
            telemetry=telemetry,
            tracing=tracing,
        )
        self.deliveries = Pump[OutboundMessage](
            "deliveries",
            claim=self._claim_replies,
            handle=self._deliverer.deliver,
            concurrency=settings.worker.concurrency,
            poll_seconds=settings.worker.poll_seconds,
            telemetry=telemetry,
        )
        reconciliation = Reconciliation(
            pool,
            channels,
            check_seconds=settings.worker.reconcile_seconds,
            on_sent=self._notify,
            on_requeued=self.deliveries.wake,
            tracing=tracing,
        )
        self.doubts = Pump[Doubtful](
            "doubts",
            claim=self._claim_doubts,
            handle=reconciliation.settle,
            concurrency=_SIDE_CONCURRENCY,
            poll_seconds=min(settings.worker.poll_seconds, settings.worker.reconcile_seconds),
            telemetry=telemetry,
        )
        files = PostgresFiles(pool)
        keeper = MediaKeeper(pool, files, channels, max_bytes=settings.attachment.max_bytes)
        self.media = Pump[MissingFile](
            "media",
            claim=self._claim_files,
            handle=keeper.keep,
            concurrency=_SIDE_CONCURRENCY,
            poll_seconds=settings.worker.poll_seconds,
            telemetry=telemetry,
        )
        self.inboxes = Inboxes(
            pool,
            files,
            channels,
            lease_seconds=settings.worker.lease_seconds,
            on_published=self.wake,
            on_moved=self.deliveries.wake,
            tracing=tracing,
        )
        self._processor = TurnProcessor(
            pool,
            agent,
            channels,
            settings,
            on_reply=self.deliveries.wake,
            on_stored=self._notify,
            announce=announce,
            telemetry=telemetry,
            tracing=tracing,
        )
        self.turns = Pump[Lease](
            "turns",
            claim=self._claim_turns,
            handle=self._run_turn,
            concurrency=settings.worker.concurrency,
            poll_seconds=settings.worker.poll_seconds,
            find_next_due=self._find_next_due,
            telemetry=telemetry,
        )
        self.maintenance = Maintenance(
            database_url,
            round_seconds=settings.worker.lease_seconds / 4,
            retention=settings.retention,
            channels=frozenset(channels),
            repeatable_channels=self._deliverer.repeatable_channels,
            askable_channels=self._deliverer.askable_channels,
            check_seconds=settings.worker.reconcile_seconds,
            on_recovered=self.deliveries.wake,
        )
        self.heartbeat = Heartbeat(
            database_url,
            self.id,
            self._leases,
            brain=lambda: agent.brain_name,
            concurrency=settings.worker.concurrency,
            lease_seconds=settings.worker.lease_seconds,
            is_elected=lambda: self.maintenance.is_elected,
        )

    async def run(self, stop: asyncio.Event, *, on_stop: Callable[[], None] = lambda: None) -> None:
        """Claim until `stop`, then end: turns first, so that their replies still go out."""
        pumps: tuple[Pump[Any], ...] = (self.turns, self.deliveries, self.doubts, self.media)
        loops = [asyncio.create_task(pump.run()) for pump in pumps]
        _log.info("worker ready", worker_id=str(self.id), concurrency=self._settings.concurrency)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*loops, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        on_stop()
        _log.info("worker stopping", in_flight=self.turns.in_flight)
        turns, deliveries, doubts, media = loops
        end = Ending(self._budget)
        await asyncio.gather(
            end.end_turns(self.turns, turns),
            end.end_side(self.doubts, doubts),
            end.end_side(self.media, media),
        )
        await end.end_sends(self.deliveries, deliveries)
        for loop in loops:
            if loop.done() and not loop.cancelled():
                loop.result()  # a loop that broke is a bug, and whoever supervises this must hear of it

    async def _claim_turns(self, free: int) -> Sequence[Lease]:
        async with self._pool.acquire() as conn:
            if self._only_thread is None:
                return await self._claims.claim(conn, free)
            lease = await queue.claim_thread(
                conn, self.id, self._only_thread, lease_seconds=self._settings.lease_seconds
            )
            return [lease] if lease else []

    async def _find_next_due(self) -> float | None:
        async with self._pool.acquire() as conn:
            return await queue.find_next_due(conn, list(self._channels))

    async def _run_turn(self, lease: Lease) -> None:
        self._leases.hold(lease, asyncio.current_task())
        try:
            await self._processor.process(lease)
        finally:
            self._leases.let_go(lease)
            if self._only_thread is None:
                self._claims.settled(lease)

    async def _claim_replies(self, free: int) -> Sequence[OutboundMessage]:
        async with self._pool.acquire() as conn:
            return await outbox.claim(
                conn,
                max_replies=free,
                lease_seconds=self._settings.lease_seconds,
                only_thread=self._only_thread,
            )

    async def _claim_doubts(self, free: int) -> Sequence[Doubtful]:
        async with self._pool.acquire() as conn:
            return await outbox.claim_doubtful(
                conn,
                channels=self._deliverer.askable_channels,
                max_replies=free,
                lease_seconds=self._settings.lease_seconds,
                only_thread=self._only_thread,
            )

    async def _claim_files(self, free: int) -> Sequence[MissingFile]:
        if self._only_thread is not None:
            return []
        async with self._pool.acquire() as conn:
            return await attachments.claim_missing(conn, max_files=free, lease_seconds=self._settings.lease_seconds)

    def wake(self, _payload: str = "") -> None:
        """Something may have happened that nobody told us: look everywhere."""
        for pump in (self.turns, self.deliveries, self.media):
            pump.wake()

    def _notify(self, contact: str) -> None:
        self._notifier.notify(TICKET_CHANNEL, contact)
