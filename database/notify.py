"""LISTEN and NOTIFY, each on one connection of its own per process.

A notification only wakes somebody up: whoever listens reads the tables afterwards and also looks by itself every
few seconds, so a lost one costs seconds and never a message.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from core.background import wait_briefly
from core.logging import RareLog, get_logger
from database.patience import is_passing
from database.pool import DATABASE_ERRORS, DbConnection, connect

_log = get_logger(__name__)

WAKE_CHANNEL = "nightdesk_queue"  # a thread has become claimable
OUTBOX_CHANNEL = "nightdesk_outbox"  # a reply may go out that could not before
INBOX_CHANNEL = "nightdesk_inbox"  # payload: an inbox that has something new
JOB_CHANNEL = "nightdesk_job"  # payload: the kind of a job that waits for a worker
DONE_CHANNEL = "nightdesk_done"  # payload: the id of a job that somebody waits for
TICKET_CHANNEL = "nightdesk_ticket"  # payload: the contact of the thread whose ticket has changed

_MIN_INTERVAL_SECONDS = 0.004
_RECONNECT_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
# A connection that died without a word, as behind a firewall that forgot it, is found out within these two.
_PROBE_SECONDS = 30.0
_COMMAND_SECONDS = 5.0
_FLUSH_SECONDS = 1.0


class Notifier:
    """Sends notifications after the commit they speak of, at most one batch per few milliseconds.

    Inside the transaction each NOTIFY would hold a lock across the commit's flush: 418 instead of 5,397 commits/s
    with 64 publishers on a slow disk (measured on 2 cores, PostgreSQL 15).
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pending: set[tuple[str, str]] = set()
        self._wake = asyncio.Event()
        self._told = asyncio.Event()
        self._told.set()

    def notify(self, channel: str, payload: str = "") -> None:
        """Ask for a notification soon. Never waits, never fails."""
        self._pending.add((channel, payload))
        self._told.clear()
        self._wake.set()

    async def flush(self) -> None:
        """Wait until all is sent, but not for long: what is lost costs its listeners one poll."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._told.wait()

    async def run(self) -> None:
        """Send what was asked for, until cancelled; reconnects by itself."""
        outage = _Outage("notifier")
        while True:
            try:
                conn = await connect(self._url, application="nightdesk notifier", command_timeout=_COMMAND_SECONDS)
                try:
                    await self._send_until_failure(conn, outage)
                finally:
                    conn.terminate()
            except DATABASE_ERRORS as error:
                await outage.wait(error)

    async def _send_until_failure(self, conn: DbConnection, outage: "_Outage") -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._pending = self._pending, set()
            try:
                await conn.execute(
                    "SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)",
                    [channel for channel, _ in batch],
                    [payload for _, payload in batch],
                )
            except DATABASE_ERRORS as error:
                # One that can never be sent, such as a payload beyond 8,000 bytes, must not silence all others.
                if is_passing(error):
                    self._pending |= batch
                    self._wake.set()
                raise
            outage.end()
            if not self._pending:
                self._told.set()
            await asyncio.sleep(_MIN_INTERVAL_SECONDS)


async def listen(url: str, callbacks: Mapping[str, Callable[[str], None]], on_reconnect: Callable[[], None]) -> None:
    """Call `callbacks[channel](payload)` for every notification, until cancelled.

    `on_reconnect` is called after each (re)connection, because notifications may have been missed before it.
    """
    outage = _Outage("listener")
    while True:
        try:
            conn = await connect(url, application="nightdesk listener", command_timeout=_COMMAND_SECONDS)
            try:
                lost = await _subscribe(conn, callbacks)
                outage.end()
                on_reconnect()
                await _watch(conn, lost)
            finally:
                conn.terminate()
        except DATABASE_ERRORS as error:
            await outage.wait(error)


async def _subscribe(conn: DbConnection, callbacks: Mapping[str, Callable[[str], None]]) -> asyncio.Event:
    lost = asyncio.Event()
    conn.add_termination_listener(lambda _conn: lost.set())
    for channel, callback in callbacks.items():
        await conn.add_listener(channel, lambda _conn, _pid, _channel, payload, call=callback: call(payload))
    return lost


async def _watch(conn: DbConnection, lost: asyncio.Event) -> None:
    while not lost.is_set():
        if not await wait_briefly(lost, _PROBE_SECONDS):
            await conn.execute("SELECT 1")
    raise ConnectionError("the listening connection was closed")


class _Outage:
    """Waits longer after each failure in a row, and speaks of the first.

    Being connected does not end it: a standby lets everybody in and then refuses to listen.
    """

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._log = RareLog(_log)
        self._failures = 0

    async def wait(self, error: Exception) -> None:
        """Until the next try."""
        if self._failures == 0:
            self._log.warning(
                "database connection lost, reconnecting", connection=self._connection, error=type(error).__name__
            )
        await asyncio.sleep(_RECONNECT_SECONDS[min(self._failures, len(_RECONNECT_SECONDS) - 1)])
        self._failures += 1

    def end(self) -> None:
        """It works again."""
        self._failures = 0
