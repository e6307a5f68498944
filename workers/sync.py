"""Fetching what no webhook brings: one worker per inbox, the cursor and what lies before it in one commit."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from channels.base import Listing, MalformedSource, Poller, SignInNeeded, VendorAway
from channels.media import sniff
from core.clock import Clock, read_system_clock
from core.ids import new_id
from core.logging import RareLog, get_logger
from core.tracing import Tracing
from database import intake
from database.files import FileStore
from database.patience import is_passing
from database.pool import DATABASE_ERRORS, DbPool
from database.queries import inboxes, sources
from database.queries.inboxes import InboxLease, InboxLost
from database.queries.sources import SourceState
from database.queue import delay_before_retry
from database.types import Attachment, Parsed, Source, SourceId

_log = get_logger(__name__)

_BATCH = 50
_MAX_FETCHES = 20


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
        wait: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep,
        tracing: Tracing | None = None,
    ) -> None:
        self._pool = pool
        self._files = files
        self._poller = poller
        self._sleep = wait
        self._tracing = tracing or Tracing()
        self._lease_seconds = lease_seconds
        self._poll_seconds = poller.poll_seconds
        self._on_published = on_published
        self._on_moved = on_moved
        self._clock = clock
        self._token = new_id()
        self._wake = asyncio.Event()
        self._failures = 0  # in a row
        self._outage_log = RareLog(_log)

    def wake(self, inbox: str = "") -> None:
        """Look now, unless the vendor is being left alone; with an inbox, only if it is this one."""
        if inbox in {"", self._poller.inbox}:
            self._wake.set()

    async def run(self) -> None:
        """Sync again and again, until cancelled; after a failure more and more rarely."""
        lease: InboxLease | None = None
        try:
            while True:
                self._wake.clear()
                lease = await self._take()
                pause = self._lease_seconds / 2 if lease is None else await self._sync_or_explain(lease)
                # Pushes go on while a fetch fails; each of them would be another failure.
                await (self._wait() if pause is None else self._sleep(pause))
        finally:
            if lease is not None:
                with suppress(*DATABASE_ERRORS):
                    async with self._pool.acquire(timeout=1) as conn:
                        await inboxes.let_go_of_inbox(conn, lease)
            await self._poller.aclose()

    async def sync(self, lease: InboxLease) -> None:
        """List what is new, then fetch and take in everything that is listed, an earlier worker's leftovers too."""
        not_watched = await self._renew_watch(lease) if lease.is_watch_due else None
        started = self._clock()
        listing = await self._list_new(lease)
        async with self._pool.acquire() as conn, conn.transaction():
            await inboxes.advance_cursor(conn, lease, listing.cursor, started)
            await sources.list_ids(conn, self._poller.channel, self._poller.inbox, listing.external_ids)
            if not_watched is not None:
                await inboxes.note_problem(conn, lease.channel, lease.inbox, "read", f"not watched: {not_watched}")
        while batch := await self._find_listed():
            for source_id, external_id in batch:
                with self._tracing.trace("fetch source", "consumer", {"nightdesk.channel": self._poller.channel}):
                    await self._fetch(source_id, external_id)
                if await self._take() is None:
                    raise InboxLost

    async def _renew_watch(self, lease: InboxLease) -> VendorAway | None:
        """Why the vendor will not push, if so: then the inbox is polled all the same."""
        try:
            watch_until = await self._poller.watch()
        except VendorAway as error:
            return error
        if watch_until is not None or lease.watch_until is not None:
            async with self._pool.acquire() as conn:
                await inboxes.note_watch(conn, lease, watch_until)
        return None

    async def _list_new(self, lease: InboxLease) -> Listing:
        """What is new. A long list must not cost the lease, or two workers would take turns at never ending one."""
        listing = asyncio.ensure_future(self._poller.list_new(lease.cursor, lease.synced_at))
        try:
            while not (await asyncio.wait({listing}, timeout=self._lease_seconds / 3))[0]:
                await self._take()
            return listing.result()
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)

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

    async def _sync_or_explain(self, lease: InboxLease) -> float | None:
        """Sync once. Returns for how long to leave the vendor alone, or None where it may tell us of news."""
        place = {"channel": lease.channel, "inbox": lease.inbox}
        try:
            await self.sync(lease)
        except SignInNeeded as error:
            await self._note_problem(f"needs sign-in: {error}")
            self._outage_log.warning("the inbox needs sign-in, its mail waits", **place)
            return self._back_off(at_least=self._poll_seconds)
        except VendorAway as error:
            await self._note_problem(str(error))
            self._outage_log.warning("the inbox cannot be reached", **place, reason=str(error))
        except InboxLost:
            _log.info("another worker polls this inbox now, or it was closed", **place)
            return self._lease_seconds / 2
        except DATABASE_ERRORS as error:
            self._outage_log.warning("cannot poll, waiting for the database", **place, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  # a poller with a bug must not stop the worker's other work
            await self._note_problem(f"the poller broke ({type(error).__name__})")
            _log.exception("the poller broke", **place)
        else:
            self._failures = 0
            return None
        return self._back_off()

    def _back_off(self, *, at_least: float = 0.0) -> float:
        self._failures += 1
        return max(at_least, delay_before_retry(self._failures, random.random()))  # noqa: S311  # jitter, not a secret

    async def _note_problem(self, problem: str) -> None:
        with suppress(*DATABASE_ERRORS):
            async with self._pool.acquire(timeout=self._poll_seconds) as conn:
                await inboxes.note_problem(conn, self._poller.channel, self._poller.inbox, "read", problem)

    async def _may_set_aside(self, source_id: SourceId) -> bool:
        """Whether one mail has held up all behind it for long enough; then a person gets it."""
        async with self._pool.acquire() as conn:
            return await sources.count_failed_fetch(conn, source_id) >= _MAX_FETCHES

    async def _find_listed(self) -> list[tuple[SourceId, str]]:
        async with self._pool.acquire() as conn:
            return await sources.find_listed(conn, self._poller.channel, self._poller.inbox, max_rows=_BATCH)

    async def _fetch(self, source_id: SourceId, external_id: str) -> None:
        try:
            source = await self._poller.fetch(external_id)
        except VendorAway as error:
            if not await self._may_set_aside(source_id):
                raise
            source = Source(self._poller.channel, self._poller.inbox, external_id, b"")
            how = f"`nightdesk queue replay-source {source_id}` lets the desk try again"
            reading = describe_malformed(source, f"it cannot be fetched; {how}: {error}")
            await take_in_reading(self._pool, self._files, source, reading, on_published=self._on_published)
            return
        if source is None:
            async with self._pool.acquire() as conn:
                await sources.mark_gone(conn, source_id)
            return
        # Under the name it is listed by, or it would be listed for ever.
        source = replace(source, channel=self._poller.channel, inbox=self._poller.inbox, external_id=external_id)
        reading = await asyncio.to_thread(read_source, self._poller, source)  # a mail may take seconds
        try:
            await take_in_reading(self._pool, self._files, source, reading, on_published=self._on_published)
        except Exception as error:
            if is_passing(error):
                raise
            # One that cannot be stored must not hold up all others.
            _log.exception("a source could not be taken in", channel=source.channel, external_id=source.external_id)
            reading = describe_malformed(source, f"it could not be taken in ({type(error).__name__})")
            await take_in_reading(self._pool, self._files, source, reading, on_published=self._on_published)
        if reading.parsed.statuses:
            self._on_moved()

    async def _wait(self) -> None:
        """Until there may be news, or it is time to renew the lease."""
        woken = asyncio.ensure_future(self._wake.wait())
        news = asyncio.ensure_future(self._wait_for_news())
        try:
            await asyncio.wait({woken, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, news):
                task.cancel()
            await asyncio.gather(woken, news, return_exceptions=True)

    async def _wait_for_news(self) -> None:
        seconds = min(self._poll_seconds, self._lease_seconds / 3)
        try:
            await self._poller.wait_for_news(seconds)
        except Exception as error:  # noqa: BLE001  # the next sync says what is wrong; asked at once it would be a storm
            self._outage_log.warning("cannot wait for news", inbox=self._poller.inbox, error=type(error).__name__)
            await self._sleep(seconds)


def read_source(reader: Poller, source: Source) -> Reading:
    """Parse a source; what cannot be read, or breaks the parser, becomes a message that says so."""
    try:
        parsed = reader.parse(source)
    except MalformedSource as error:
        return describe_malformed(source, str(error))
    except Exception as error:  # noqa: BLE001  # one mail must not hold up all others
        _log.exception("the parser broke", channel=source.channel, external_id=source.external_id)
        return describe_malformed(source, f"the parser broke ({type(error).__name__})")
    if parsed.ignored and not parsed.messages:
        return Reading(parsed, "ignored", "; ".join(parsed.ignored)[:500])
    return Reading(parsed, "stored")


def describe_malformed(source: Source, reason: str) -> Reading:
    """A message in its place, so that a person gets to know of it."""
    return Reading(intake.describe_unreadable(source, reason), "malformed", reason)


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
