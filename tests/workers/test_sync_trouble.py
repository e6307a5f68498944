"""An inbox that cannot be read: operators see it, the vendor is left in peace, and a push is heard at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from channels.base import SignInNeeded, VendorAway
from core.settings import Settings
from database.pool import DbPool
from database.queries import inboxes, sources
from tests.api.service import issue_key, open_service
from tests.workers.inboxes import INBOX, Inbox, StubPoller, do_nothing
from workers.sync import InboxSync

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
# Longer than any test: nothing but a wake may end such a wait.
NEVER_SECONDS = 3_600.0


@pytest.fixture
def inbox(pool: DbPool) -> Inbox:
    return Inbox(pool, StubPoller(poll_seconds=NEVER_SECONDS))


@asynccontextmanager
async def running(sync: InboxSync) -> AsyncIterator[asyncio.Task[None]]:
    """The sync at work, until the end of the block."""
    task = asyncio.create_task(sync.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def fail_with(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


async def wait_until(inbox: Inbox, sql: str = "SELECT 1", *, is_so: Callable[[], bool] = lambda: True) -> None:
    """Return when the statement finds something and it is so; give up after a minute."""
    async with asyncio.timeout(60):
        while not (await inbox.fetch(sql) and is_so()):
            pass


HAS_PROBLEM = "SELECT 1 FROM channel_cursors WHERE read_problem IS NOT NULL"


async def test_an_inbox_that_needs_sign_in_says_so_until_it_works_again(
    inbox: Inbox, settings: Settings, database_url: str
) -> None:
    await inbox.begin("one")
    inbox.poller.before_list = fail_with(SignInNeeded("the token was revoked"))
    pauses = Pauses()
    async with (
        running(inbox.open_sync(wait=pauses)),
        open_service(settings, database_url, clock=lambda: NOW) as service,
    ):
        await pauses.wait_for_next()
        headers = {"X-API-Key": await issue_key(service.pool, "tickets:read")}
        health = (await service.client.get("/health/detailed", headers=headers)).json()
        assert health["status"] == "degraded"
        assert health["inboxes"][0]["read_problem"] == "needs sign-in: the token was revoked"
        since = (await inbox.read_cursor())["read_problem_since"]
        pauses.end()
        await pauses.wait_for_next()
        assert (await inbox.read_cursor())["read_problem_since"] == since
        inbox.poller.before_list = fail_with_nothing
        pauses.end()
        await asyncio.wait_for(inbox.poller.listening.wait(), 60)
        health = (await service.client.get("/health/detailed", headers=headers)).json()
        assert health["inboxes"][0]["read_problem"] is None
    assert await inbox.list_texts() == ["one"]  # its mail waited


class Pauses:
    """Waits after failures; each lasts until the test ends it."""

    def __init__(self) -> None:
        self._begun = asyncio.Semaphore(0)
        self._may_go_on = asyncio.Semaphore(0)

    async def __call__(self, _seconds: float) -> None:
        self._begun.release()
        await self._may_go_on.acquire()

    def end(self) -> None:
        """The time is over."""
        self._may_go_on.release()

    async def wait_for_next(self) -> None:
        """Until one more has begun."""
        await asyncio.wait_for(self._begun.acquire(), 60)


async def fail_with_nothing() -> None:
    """The vendor answers again."""


@pytest.mark.parametrize(
    "error", [SignInNeeded("revoked"), VendorAway("503"), KeyError("a bug")], ids=["sign-in", "away", "bug"]
)
async def test_a_vendor_that_fails_is_left_in_peace_more_and_more(inbox: Inbox, error: Exception) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            enough.set()
            await asyncio.Event().wait()

    inbox.poller.poll_seconds = 5.0
    inbox.poller.before_list = fail_with(error)
    async with running(inbox.open_sync(wait=note)):
        await asyncio.wait_for(enough.wait(), 60)
    least = 5.0 if isinstance(error, SignInNeeded) else 0.5
    assert all(least <= pause <= max(least, min(2.0**n, 300.0)) for n, pause in enumerate(pauses, start=1))
    assert max(pauses) > 8.0
    assert not inbox.poller.listening.is_set()  # nor is it asked for news


async def test_a_success_ends_the_patience(inbox: Inbox) -> None:
    sync = inbox.open_sync()
    lease = await inbox.take(sync)
    assert lease is not None
    inbox.poller.before_list = fail_with(VendorAway("503"))
    for _ in range(6):
        assert await sync._sync_or_explain(lease) is not None
    inbox.poller.before_list = fail_with_nothing
    assert await sync._sync_or_explain(lease) is None
    inbox.poller.before_list = fail_with(VendorAway("503"))
    pause = await sync._sync_or_explain(lease)
    assert pause is not None
    assert pause <= 2.0


async def test_a_poller_that_cannot_wait_makes_no_storm(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = asyncio.Event()

    async def refuse(_seconds: float) -> None:
        raise VendorAway("no connection")

    async def wait_for_ever(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(inbox.poller, "wait_for_news", refuse)
    async with running(inbox.open_sync(wait=wait_for_ever)):
        await asyncio.wait_for(waiting.wait(), 60)
        assert inbox.poller.lists == 1


async def test_a_push_wakes_at_once(inbox: Inbox) -> None:
    sync = inbox.open_sync()
    async with running(sync):
        await asyncio.wait_for(inbox.poller.listening.wait(), 60)
        inbox.poller.deliver("one")
        sync.wake("another@example.com")
        assert inbox.poller.lists == 1
        sync.wake(INBOX)
        await wait_until(inbox, is_so=lambda: inbox.published == 1)
    assert await inbox.list_texts() == ["one"]


async def test_a_push_during_a_sync_brings_another_one(inbox: Inbox) -> None:
    sync = inbox.open_sync()

    async def push_meanwhile() -> None:
        if inbox.poller.lists == 1:
            inbox.poller.deliver("one")
            sync.wake(INBOX)

    inbox.poller.before_list = push_meanwhile
    async with running(sync):
        await wait_until(inbox, is_so=lambda: inbox.poller.lists == 2)


async def test_a_push_does_not_shorten_the_pause_after_a_failure(inbox: Inbox) -> None:
    await inbox.begin("one")
    lists = inbox.poller.lists
    inbox.poller.before_list = fail_with(VendorAway("503"))
    pauses = Pauses()
    sync = inbox.open_sync(wait=pauses)
    async with running(sync):
        await pauses.wait_for_next()
        for _ in range(20):
            sync.wake(INBOX)
            await inbox.fetch("SELECT 1")  # time for whoever was woken
        assert inbox.poller.lists == lists + 1
        inbox.poller.before_list = fail_with_nothing
        pauses.end()
        await wait_until(inbox, is_so=lambda: inbox.published == 1)


async def fail_to_fetch_the_first(external_id: str) -> None:
    if external_id == "mail-1":
        raise VendorAway("500 for this mail")


async def try_often(inbox: Inbox, times: int) -> None:
    sync = inbox.open_sync()
    lease = await inbox.take(sync)
    assert lease is not None
    for _ in range(times):
        await sync._sync_or_explain(lease)
    async with inbox.pool.acquire() as conn:
        await inboxes.let_go_of_inbox(conn, lease)


async def test_no_outage_sets_a_mail_aside_within_an_hour(inbox: Inbox) -> None:
    await inbox.begin("one", "two")
    inbox.poller.before_fetch = fail_to_fetch_the_first
    await try_often(inbox, 50)
    assert await inbox.list_states() == ["listed", "listed"]


async def test_a_mail_that_cannot_be_fetched_for_long_goes_to_a_person_and_can_still_be_fetched(inbox: Inbox) -> None:
    await inbox.begin("one", "two")
    inbox.poller.before_fetch = fail_to_fetch_the_first
    await try_often(inbox, 1)
    await inbox.fetch("UPDATE message_sources SET received_at = now() - interval '2 hours' RETURNING 1")
    await try_often(inbox, 19)
    assert await inbox.list_states() == ["listed", "listed"]
    await try_often(inbox, 1)
    assert await inbox.list_states() == ["malformed", "stored"]
    (source,) = await inbox.fetch("SELECT id, reason FROM message_sources WHERE state = 'malformed'")
    assert f"replay-source {source['id']}" in source["reason"]
    assert source["reason"].endswith("500 for this mail")
    inbox.poller.before_fetch = do_nothing
    async with inbox.pool.acquire() as conn:
        assert await sources.list_again(conn, source["id"])
    await try_often(inbox, 1)
    assert await inbox.list_states() == ["stored", "stored"]
    assert await inbox.list_texts() == ["", "two", "one"]  # the first stands for what could not be fetched


async def test_two_workers_at_work_take_everything_once(inbox: Inbox) -> None:
    await inbox.begin(*(f"mail {number}" for number in range(100)))
    others = [StubPoller(inbox.poller.mails, poll_seconds=NEVER_SECONDS) for _ in range(2)]
    syncs = [inbox.open_sync(poller) for poller in others]
    async with running(syncs[0]), running(syncs[1]):
        await wait_until(inbox, is_so=lambda: inbox.published == 100)
    assert sorted(len(poller.fetched) for poller in others) == [0, 100]
    assert await inbox.list_texts() == [f"mail {number}" for number in range(100)]


async def test_a_worker_that_stops_lets_go_and_hangs_up(inbox: Inbox) -> None:
    async with running(inbox.open_sync()):
        await asyncio.wait_for(inbox.poller.listening.wait(), 60)
    assert inbox.poller.is_closed
    row = await inbox.read_cursor()
    assert (row["lease_token"], row["leased_until"]) == (None, None)


async def test_the_watch_is_renewed_once_a_day(inbox: Inbox) -> None:
    until = NOW + timedelta(days=7)
    inbox.poller.watch_until = until
    for _ in range(3):
        await inbox.sync_once()
    assert inbox.poller.watches == 1
    assert (await inbox.read_cursor())["watch_until"] == until
    await inbox.fetch("UPDATE channel_cursors SET watched_at = now() - interval '25 hours' RETURNING 1")
    inbox.poller.watch_until = until + timedelta(days=1)
    await inbox.sync_once()
    assert inbox.poller.watches == 2
    assert (await inbox.read_cursor())["watch_until"] == until + timedelta(days=1)


async def test_an_inbox_that_is_not_to_be_watched_any_more_is_no_trouble(inbox: Inbox) -> None:
    inbox.poller.watch_until = NOW
    await inbox.sync_once()
    await inbox.fetch("UPDATE channel_cursors SET watched_at = now() - interval '2 days' RETURNING 1")
    inbox.poller.watch_until = None
    await inbox.sync_once()
    assert (await inbox.read_cursor())["watch_until"] is None


async def test_an_inbox_that_cannot_be_watched_is_polled_all_the_same_and_says_so(inbox: Inbox) -> None:
    await inbox.begin("one")
    inbox.poller.before_watch = fail_with(VendorAway("no permission on the topic"))
    await inbox.sync_once()
    assert await inbox.list_texts() == ["one"]
    row = await inbox.read_cursor()
    assert row["read_problem"] == "not watched: no permission on the topic"
    assert row["watched_at"] is None  # tried again with the next round
    inbox.poller.before_watch = fail_with_nothing
    await inbox.sync_once()
    assert (await inbox.read_cursor())["read_problem"] is None
