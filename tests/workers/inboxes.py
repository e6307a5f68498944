"""A mailbox that a test fills, and a sync that keeps the desk in step with it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from channels.base import Listing, MalformedSource
from core.tracing import Tracing
from database.files import PostgresFiles
from database.pool import DbPool
from database.queries import inboxes
from database.queries.inboxes import InboxLease
from database.queries.operations import configure_channel
from database.types import Channel, Identity, InboundMessage, MailPath, Parsed, Source, StatusUpdate
from workers.sync import InboxSync

INBOX = "support@example.com"

Wait = Callable[[float], Coroutine[Any, Any, object]]


class Killed(BaseException):
    """The worker ends here, as a process does: no handler of ours sees it."""


async def do_nothing(*_: object) -> None:
    """The default of every hook."""


@dataclass
class StubPoller:
    """One mailbox. What a mail says decides how it is read; hooks run before each question to the vendor."""

    mails: dict[str, str | None] = field(default_factory=dict)
    before_list: Callable[[], Awaitable[None]] = do_nothing
    before_fetch: Callable[[str], Awaitable[None]] = do_nothing
    before_watch: Callable[[], Awaitable[None]] = do_nothing
    watch_until: datetime | None = None
    channel: Channel = "gmail"
    inbox: str = INBOX
    poll_seconds: float = 60.0
    lists: int = 0
    watches: int = 0
    fetched: list[str] = field(default_factory=list)
    listed_since: list[tuple[str | None, datetime | None]] = field(default_factory=list)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    def deliver(self, *texts: str | None) -> None:
        """Mails arrive; None is one that is gone again before anybody fetches it."""
        for text in texts:
            self.mails[f"mail-{len(self.mails) + 1}"] = text

    async def list_new(self, cursor: str | None, synced_at: datetime | None) -> Listing:
        self.lists += 1
        self.listed_since.append((cursor, synced_at))
        await self.before_list()
        names = tuple(self.mails)
        return Listing(() if cursor is None else names[int(cursor) :], str(len(names)))

    async def fetch(self, external_id: str) -> Source | None:
        await self.before_fetch(external_id)
        self.fetched.append(external_id)
        text = self.mails[external_id]
        return None if text is None else Source("gmail", INBOX, external_id, text.encode(), {"thread": external_id})

    def parse(self, source: Source) -> Parsed:
        text = source.body.decode()
        match text:
            case "malformed":
                raise MalformedSource("no end of headers")
            case "a bug":
                raise KeyError(text)
            case "a list":
                return Parsed(ignored=("a mailing list",))
            case "a bounce":
                return Parsed(statuses=(StatusUpdate("failed", mail_id="<ours@example.com>", error="no mailbox"),))
        return Parsed(messages=(make_mail(source.external_id, text),))

    async def watch(self) -> datetime | None:
        self.watches += 1
        await self.before_watch()
        return self.watch_until

    async def wait_for_news(self, seconds: float) -> None:
        self.listening.set()
        await asyncio.sleep(seconds)

    async def aclose(self) -> None:
        self.is_closed = True


def make_mail(external_id: str, text: str = "Where is my order?") -> InboundMessage:
    """A mail from Alice."""
    return InboundMessage(
        channel="gmail",
        inbox=INBOX,
        contact=f"thread of {external_id}",
        external_id=external_id,
        fingerprint="f" * 64,
        sender=Identity(kind="email", value="alice@example.com", level="proven", name="Alice"),
        text=text,
        reply_path=MailPath(to="alice@example.com", subject="My order"),
    )


@dataclass
class Inbox:
    """A database, a mailbox, and workers that sync the one with the other."""

    pool: DbPool
    poller: StubPoller = field(default_factory=StubPoller)
    published: int = 0
    moved: int = 0

    def open_sync(
        self,
        poller: StubPoller | None = None,
        *,
        lease_seconds: float = 60.0,
        wait: Wait = asyncio.sleep,
        tracing: Tracing | None = None,
    ) -> InboxSync:
        """The sync of one more worker."""

        def count_published() -> None:
            self.published += 1

        def count_moved() -> None:
            self.moved += 1

        return InboxSync(
            self.pool,
            PostgresFiles(self.pool),
            poller or self.poller,
            lease_seconds=lease_seconds,
            on_published=count_published,
            on_moved=count_moved,
            wait=wait,
            tracing=tracing,
        )

    async def take(self, sync: InboxSync, *, lease_seconds: float = 60.0) -> InboxLease | None:
        """The right to poll, as this worker."""
        async with self.pool.acquire() as conn:
            return await inboxes.take_inbox(conn, "gmail", INBOX, sync._token, lease_seconds=lease_seconds)

    async def configure(self, *, enabled: bool) -> None:
        """Open the inbox, or close it, as an admin does."""
        async with self.pool.acquire() as conn:
            await configure_channel(conn, "gmail", INBOX, enabled=enabled, sets_quiet=False, quiet_seconds=None)

    async def sync_once(self, sync: InboxSync | None = None) -> None:
        """One round of a worker, which then ends in good order."""
        sync = sync or self.open_sync()
        lease = await self.take(sync)
        assert lease is not None
        await sync.sync(lease)
        async with self.pool.acquire() as conn:
            await inboxes.let_go_of_inbox(conn, lease)

    async def begin(self, *texts: str | None) -> None:
        """The desk knows the mailbox already when these arrive."""
        await self.sync_once()
        self.poller.deliver(*texts)

    async def list_texts(self) -> list[str]:
        """What is in the queue, in the order it was taken in."""
        rows = await self.fetch("SELECT payload ->> 'text' AS text FROM message_queue ORDER BY id")
        return [row["text"] for row in rows]

    async def list_states(self) -> list[str]:
        """The states of all sources, in the order they were listed."""
        return [row["state"] for row in await self.fetch("SELECT state FROM message_sources ORDER BY id")]

    async def read_cursor(self) -> dict[str, Any]:
        """The inbox's row."""
        (row,) = await self.fetch("SELECT * FROM channel_cursors")
        return dict(row)

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        """All rows."""
        async with self.pool.acquire() as conn:
            return list(await conn.fetch(sql, *values))
