"""Two desks one after the other on one Gmail mailbox: the one that was backed up, and the one that was restored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from channels.base import Channels
from channels.registry import build_channels
from core.settings import Settings
from database import outbox, queue
from database.files import PostgresFiles
from database.pause import Resumed, resume_desk
from database.pool import DbPool, open_pool
from database.queries import inboxes
from tests.channels.gmail.desk import make_mail, make_settings
from tests.database.builders import make_worker_id
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_rest import Gmail
from tests.workers.stubs import StubAgent
from workers.delivery import Deliverer
from workers.reconcile import Reconciliation
from workers.sync import InboxSync
from workers.turn import TurnProcessor


@dataclass
class MailDesk:
    """A desk whose parts a test moves one after the other, so that nothing has to be waited for."""

    url: str
    pool: DbPool
    settings: Settings
    channels: Channels
    agent: StubAgent = field(default_factory=StubAgent)

    async def poll(self) -> None:
        """Take in what is new in the mailbox."""
        (poller,) = self.channels["gmail"].pollers
        sync = InboxSync(
            self.pool,
            PostgresFiles(self.pool),
            poller,
            lease_seconds=60,
            on_published=lambda: None,
            on_moved=lambda: None,
        )
        async with self.pool.acquire() as conn:
            lease = await inboxes.take_inbox(conn, "gmail", ADDRESS, sync._token, lease_seconds=60)
        assert lease is not None
        await sync.sync(lease)
        async with self.pool.acquire() as conn:
            await inboxes.let_go_of_inbox(conn, lease)

    async def think(self) -> int:
        """Run every turn that may be run."""
        processor = TurnProcessor(
            self.pool,
            self.agent.as_agent,
            self.channels,
            self.settings,
            on_reply=lambda: None,
            on_stored=lambda _contact: None,
        )
        async with self.pool.acquire() as conn:
            leases = await queue.claim(conn, make_worker_id(), max_threads=50, lease_seconds=60)
        for lease in leases:
            await processor.process(lease)
        return len(leases)

    async def send(self) -> int:
        """Send every reply that may be sent."""
        deliverer = Deliverer(self.pool, self.channels, self.settings, on_result=lambda _contact: None)
        async with self.pool.acquire() as conn:
            replies = await outbox.claim(conn, max_replies=50, lease_seconds=60)
        for reply in replies:
            await deliverer.deliver(reply)
        return len(replies)

    async def ask(self) -> int:
        """Ask Gmail about every reply in doubt that may be asked about, as if its time had come."""
        reconciliation = Reconciliation(
            self.pool, self.channels, check_seconds=30, on_sent=lambda _contact: None, on_requeued=lambda: None
        )
        async with self.pool.acquire() as conn:
            await conn.execute("UPDATE outbox SET ready_at = now() WHERE state = 'unknown' AND ready_at < 'infinity'")
            doubts = await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=50, lease_seconds=60)
        for doubtful in doubts:
            await reconciliation.settle(doubtful)
        return len(doubts)

    async def work(self) -> int:
        """Everything, until nothing is left; how much that was."""
        await self.poll()
        total = 0
        while done := await self.think() + await self.send() + await self.ask():
            total += done
        return total

    async def resume(self, *, nothing_was_sent: bool = False) -> Resumed | None:
        async with self.pool.acquire() as conn, conn.transaction():
            return await resume_desk(conn, repeatable_channels=["web"], nothing_was_sent=nothing_was_sent)

    async def fetch(self, sql: str) -> list[Any]:
        async with self.pool.acquire() as conn:
            return list(await conn.fetch(sql))


@asynccontextmanager
async def open_mail_desk(url: str, gmail: Gmail) -> AsyncIterator[MailDesk]:
    """A desk on this database."""
    settings = Settings.model_construct(gmail=make_settings(gmail.url, push_audience="https://desk.example.com"))
    async with open_pool(url, application="test", max_size=5) as pool:
        yield MailDesk(url, pool, settings, build_channels(settings))


def write_to(gmail: Gmail, subject: str) -> None:
    """A customer of that name writes about that."""
    name = subject.replace(" ", "-").lower()
    mail = make_mail(subject=subject, message_id=f"<{name}@mail.example.com>", sender=f"{name}@example.com")
    gmail.mailbox.deliver(mail)


def count_replies(gmail: Gmail) -> dict[str, int]:
    """How many mails each customer got, as Gmail counts them."""
    counts: dict[str, int] = {}
    for mail in gmail.accepted:
        counts[mail["subject"].removeprefix("Re: ")] = counts.get(mail["subject"].removeprefix("Re: "), 0) + 1
    return counts
