"""Fetching what no webhook brings: one worker per inbox, the cursor and what lies before it in one commit."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from channels.base import MalformedSource, Poller, SignInNeeded, VendorAway
from channels.media import sniff
from core.clock import Clock, read_system_clock
from core.ids import new_id
from core.logging import RareLog, get_logger
from database import intake
from database.files import FileStore
from database.pool import DATABASE_ERRORS, DbPool
from database.queries import inboxes, sources
from database.queries.inboxes import InboxLease, InboxLost
from database.queries.sources import SourceState
from database.types import Attachment, Parsed, Source, SourceId

_log = get_logger(__name__)

_BATCH = 50


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a source. A malformed one stands for itself, so that a person gets it."""

    parsed: Parsed
    state: SourceState
    reason: str | None = None


class InboxSync:
    """Keeps one inbox in step. Every worker runs one for each inbox; a lease says whose turn it is."""

    def __init__(
        self,
        pool: DbPool,
        files: FileStore,
        poller: Poller,
        *,
        lease_seconds: float,
        on_published: Callable[[], None],
        on_moved: Callable[[], None],
        clock: Clock = read_system_clock,
    ) -> None:
        self._pool = pool
        self._files = files
        self._poller = poller
        self._lease_seconds = lease_seconds
        self._poll_seconds = poller.poll_seconds
        self._on_published = on_published
        self._on_moved = on_moved
        self._clock = clock
        self._token = new_id()
        self._wake = asyncio.Event()
        self._outage_log = RareLog(_log)

    def wake(self, inbox: str = "") -> None:
        """Look now; with an inbox, only if it is this one."""
        if inbox in {"", self._poller.inbox}:
            self._wake.set()

    async def run(self) -> None:
        """Sync again and again, until cancelled."""
        lease: InboxLease | None = None
        try:
            while True:
                self._wake.clear()
                lease = await self._take()
                if lease is not None:
                    await self._sync_or_explain(lease)
                await self._wait(is_ours=lease is not None)
        finally:
            if lease is not None:
                with suppress(*DATABASE_ERRORS):
                    async with self._pool.acquire(timeout=1) as conn:
                        await inboxes.let_go_of_inbox(conn, lease)
            await self._poller.aclose()

    async def sync(self, lease: InboxLease) -> None:
        """List what is new, then fetch and take in everything that is listed, an earlier worker's leftovers too."""
        if lease.is_watch_due and (watch_until := await self._poller.watch()) is not None:
            async with self._pool.acquire() as conn:
                await inboxes.note_watch(conn, lease, watch_until)
        started = self._clock()
        listing = await self._poller.list_new(lease.cursor, lease.synced_at)
        async with self._pool.acquire() as conn, conn.transaction():
            await inboxes.advance_cursor(conn, lease, listing.cursor, started)
            await sources.list_ids(conn, self._poller.channel, self._poller.inbox, listing.external_ids)
        while batch := await self._find_listed():
            for source_id, external_id in batch:
                await self._fetch(source_id, external_id)
                if await self._take() is None:
                    raise InboxLost

    async def _take(self) -> InboxLease | None:
        try:
            async with self._pool.acquire(timeout=self._poll_seconds) as conn:
                return await inboxes.take_inbox(
                    conn,
                    self._poller.channel,
                    self._poller.inbox,
                    self._token,
                    lease_seconds=self._lease_seconds,
                )
        except DATABASE_ERRORS as error:
            self._outage_log.warning("cannot poll, waiting for the database", error=type(error).__name__)
            return None

    async def _sync_or_explain(self, lease: InboxLease) -> None:
        place = {"channel": lease.channel, "inbox": lease.inbox}
        try:
            await self.sync(lease)
        except SignInNeeded as error:
            await self._note_problem(f"needs sign-in: {error}")
            self._outage_log.warning("the inbox needs sign-in, its mail waits", **place)
        except VendorAway as error:
            await self._note_problem(str(error))
            self._outage_log.warning("the inbox cannot be reached", **place, reason=str(error))
        except InboxLost:
            _log.info("another worker polls this inbox now", **place)
        except DATABASE_ERRORS as error:
            self._outage_log.warning("cannot poll, waiting for the database", **place, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # a poller with a bug must not stop the worker's other work
            await self._note_problem(f"the poller broke ({type(error).__name__})")
            _log.exception("the poller broke", **place)

    async def _note_problem(self, problem: str) -> None:
        with suppress(*DATABASE_ERRORS):
            async with self._pool.acquire(timeout=self._poll_seconds) as conn:
                await inboxes.note_problem(conn, self._poller.channel, self._poller.inbox, problem)

    async def _find_listed(self) -> list[tuple[SourceId, str]]:
        async with self._pool.acquire() as conn:
            return await sources.find_listed(conn, self._poller.channel, self._poller.inbox, max_rows=_BATCH)

    async def _fetch(self, source_id: SourceId, external_id: str) -> None:
        source = await self._poller.fetch(external_id)
        if source is None:
            async with self._pool.acquire() as conn:
                await sources.mark_gone(conn, source_id)
            return
        reading = read_source(self._poller, source)
        await take_in_reading(self._pool, self._files, source, reading, on_published=self._on_published)
        if reading.parsed.statuses:
            self._on_moved()

    async def _wait(self, *, is_ours: bool) -> None:
        """Until there may be news. Only whoever holds the inbox listens to the vendor, and renews its lease in time."""
        seconds = min(self._poll_seconds, self._lease_seconds / 3)
        woken = asyncio.ensure_future(self._wake.wait())
        news = asyncio.ensure_future(
            self._poller.wait_for_news(seconds) if is_ours else asyncio.sleep(self._lease_seconds / 2)
        )
        try:
            await asyncio.wait({woken, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, news):
                task.cancel()
            await asyncio.gather(woken, news, return_exceptions=True)


def read_source(reader: Poller, source: Source) -> Reading:
    """Parse a source; what cannot be read, or breaks the parser, becomes a message that says so."""
    try:
        parsed = reader.parse(source)
    except MalformedSource as error:
        return Reading(intake.describe_unreadable(source, str(error)), "malformed", str(error))
    except Exception as error:  # noqa: BLE001  # one mail must not hold up all others
        _log.exception("the parser broke", channel=source.channel, external_id=source.external_id)
        reason = f"the parser broke ({type(error).__name__})"
        return Reading(intake.describe_unreadable(source, reason), "malformed", reason)
    if parsed.ignored and not parsed.messages:
        return Reading(parsed, "ignored", "; ".join(parsed.ignored)[:500])
    return Reading(parsed, "stored")


def name_what_files_are(parsed: Parsed) -> Parsed:
    """The same with each file's type by its content, whatever its sender said."""

    def name(attachment: Attachment) -> Attachment:
        content = parsed.contents.get(attachment.digest or "")
        if content is None:
            return attachment
        kind = sniff(content, attachment.name, attachment.content_type)
        return attachment.model_copy(update={"content_type": kind})

    messages = tuple(
        message.model_copy(update={"attachments": tuple(map(name, message.attachments))}) for message in parsed.messages
    )
    return replace(parsed, messages=messages)


async def take_in_reading(
    pool: DbPool, files: FileStore, source: Source, reading: Reading, *, on_published: Callable[[], None]
) -> None:
    """Store the source and everything it says, in one transaction, after the files that it brings."""
    for content in reading.parsed.contents.values():
        await files.put(content)
    parsed = name_what_files_are(reading.parsed)
    async with pool.acquire() as conn, conn.transaction():
        source_id = await sources.keep_source(conn, source, origin="poll", state=reading.state, reason=reading.reason)
        taken = await intake.take_in(conn, source.channel, source_id, parsed)
    if taken.ignored:
        _log.info("a source was ignored", channel=source.channel, reasons=dict(taken.ignored))
    if taken.published:
        on_published()
