"""What one worker does for all: taking back sends of dead workers, figures, retention, looking for stuck threads."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from uuid import UUID

from core.logging import RareLog, get_logger
from core.settings import RetentionSettings
from database import outbox
from database.pool import DATABASE_ERRORS, DbConnection, connect
from database.queries import channel_metrics, inboxes, limits, operations, sessions
from database.queries.notices import report_undelivered
from database.queue import upkeep
from database.retention import DATA_CLASSES, sweep

_log = get_logger(__name__)

_BATCHES_PER_ROUND = 20
_HOURS_PER_BATCH = 24
_ROUNDS_PER_THOROUGH_ONE = 240
_COMMAND_SECONDS = 60.0
OVERDUE_SECONDS = 600.0
_SILENT_ROUNDS = 3  # then the elected worker is taken to be paused or frozen, and another is elected


class Maintenance:
    """Every worker runs one; an advisory lock elects the one that works. When it dies, another is elected."""

    def __init__(
        self,
        url: str,
        *,
        round_seconds: float,
        retention: RetentionSettings,
        channels: frozenset[str],
        repeatable_channels: list[str],
        askable_channels: list[str],
        check_seconds: float,
        on_recovered: Callable[[], None],
    ) -> None:
        self._url = url
        self._round_seconds = round_seconds
        self._retention = retention
        self._channels = channels
        self._repeatable_channels = repeatable_channels
        self._askable_channels = askable_channels
        self._check_seconds = check_seconds
        self._on_recovered = on_recovered
        self._overdue_logs = defaultdict[str, RareLog](lambda: RareLog(_log, seconds=OVERDUE_SECONDS))
        self._rounds = 0
        self._last_bucket: UUID | None = None
        self.is_elected = False

    async def run(self) -> None:
        """Stand for election, and work when elected, until cancelled."""
        is_lost = False
        while True:
            try:
                conn = await connect(self._url, application="nightdesk maintenance", command_timeout=_COMMAND_SECONDS)
                try:
                    await self._work_while_elected(conn)
                    is_lost = False
                finally:
                    self.is_elected = False
                    conn.terminate()
            except DATABASE_ERRORS as error:
                if not is_lost:
                    _log.warning("maintenance waits for the database", error=type(error).__name__)
                is_lost = True
            await asyncio.sleep(self._round_seconds)

    async def do_round(self, conn: DbConnection) -> None:
        """Everything once. Each statement is its own short transaction."""
        await self._recover_sends(conn)
        await operations.forget_silent_workers(conn)
        await self._look_for_stuck_threads(conn)
        await self._look_for_troubled_inboxes(conn)
        await self._renew_signing_key(conn)
        await self._count_figures(conn)
        await self._delete_old(conn)
        self._last_bucket = await limits.delete_full(conn, self._last_bucket)

    async def _work_while_elected(self, conn: DbConnection) -> None:
        if not await upkeep.elect(conn, silence_seconds=_SILENT_ROUNDS * self._round_seconds):
            return
        self.is_elected = True
        _log.info("elected for maintenance")
        while True:
            await self.do_round(conn)
            await asyncio.sleep(self._round_seconds)

    async def _recover_sends(self, conn: DbConnection) -> None:
        async with conn.transaction():
            recovered = await outbox.recover_expired(
                conn, self._repeatable_channels, self._askable_channels, check_seconds=self._check_seconds
            )
            for reply_id, reason in recovered.given_up:
                await report_undelivered(conn, reply_id, "in_doubt", reason)
        if recovered.doubted:
            _log.error(
                "sends in doubt after a worker died", replies=recovered.doubted, for_a_person=len(recovered.given_up)
            )
        if recovered.requeued or recovered.doubted:
            self._on_recovered()

    async def _look_for_stuck_threads(self, conn: DbConnection) -> None:
        if rescued := await upkeep.rescue(conn):
            _log.error("threads were put off far into the future, made claimable", threads=rescued)
        for overdue in await upkeep.count_overdue(conn, overdue_seconds=OVERDUE_SECONDS):
            is_served = overdue["channel"] in self._channels
            event = "threads wait for too long" if is_served else "no worker serves this channel"
            self._overdue_logs[overdue["channel"]].warning(event, **overdue)

    async def _look_for_troubled_inboxes(self, conn: DbConnection) -> None:
        for troubled in await inboxes.list_troubled(conn):
            name = f"{troubled['channel']} {troubled['inbox']}"
            self._overdue_logs[name].warning("an inbox needs attention", **troubled)

    async def _renew_signing_key(self, conn: DbConnection) -> None:
        if renewed := await sessions.renew_signing_key(conn):
            _log.info("a new key signs access tokens", key_id=str(renewed))

    async def _count_figures(self, conn: DbConnection) -> None:
        # Before anything is deleted: what was counted outlives its rows.
        counted = 0
        for _ in range(_BATCHES_PER_ROUND):
            async with conn.transaction():
                hours = await channel_metrics.count_next_hours(conn, max_hours=_HOURS_PER_BATCH)
            counted += hours
            if hours < _HOURS_PER_BATCH:
                break
        async with conn.transaction():
            recounted = await channel_metrics.recount_hours(conn, max_hours=_HOURS_PER_BATCH)
        if counted or recounted:
            _log.info("hours counted", hours=counted, again=recounted)

    async def _delete_old(self, conn: DbConnection) -> None:
        is_thorough = self._rounds % _ROUNDS_PER_THOROUGH_ONE == 0
        self._rounds += 1
        for data in DATA_CLASSES:
            if data.is_costly and not is_thorough:
                continue
            rows = await sweep(conn, data, self._retention, max_batches=_BATCHES_PER_ROUND)
            if rows:
                _log.info("old rows left", data=data.name, rows=rows)
