"""Syncing an inbox: nothing is skipped and nothing taken twice, whatever breaks and whoever else tries."""

import asyncio
from datetime import timedelta

import pytest

from core.settings import Settings
from database import queue
from database.pool import DbPool
from database.queries.inboxes import InboxLost
from tests.database.builders import make_worker_id
from tests.workers.inboxes import Inbox, Killed, StubPoller
from tests.workers.stubs import Desk


@pytest.fixture
def inbox(pool: DbPool) -> Inbox:
    return Inbox(pool)


async def test_the_first_look_takes_nothing_and_remembers_where_it_stood(inbox: Inbox) -> None:
    inbox.poller.deliver("an old mail")
    await inbox.sync_once()
    assert await inbox.list_texts() == []
    assert (await inbox.read_cursor())["cursor"] == "1"


async def test_what_arrives_is_taken_in_the_order_it_came(inbox: Inbox) -> None:
    await inbox.begin("one", "two")
    await inbox.sync_once()
    inbox.poller.deliver("three")
    await inbox.sync_once()
    assert await inbox.list_texts() == ["one", "two", "three"]
    assert await inbox.list_states() == ["stored"] * 3
    assert inbox.published == 3
    assert inbox.poller.fetched == ["mail-1", "mail-2", "mail-3"]


async def test_a_source_is_kept_with_its_facts_and_its_message_names_it(inbox: Inbox) -> None:
    await inbox.begin("one")
    await inbox.sync_once()
    (row,) = await inbox.fetch(
        "SELECT s.body, s.facts ->> 'thread' AS thread, s.origin FROM message_sources s"
        " JOIN message_queue q ON (q.payload ->> 'source_id')::uuid = s.id"
    )
    assert (row["body"], row["thread"], row["origin"]) == (b"one", "mail-1", "poll")


async def test_a_worker_that_dies_between_listing_and_fetching_loses_nothing(inbox: Inbox) -> None:
    await inbox.begin("one", "two", "three")

    async def die_at_the_second(external_id: str) -> None:
        if external_id == "mail-2":
            raise Killed

    inbox.poller.before_fetch = die_at_the_second
    dying = inbox.open_sync()
    lease = await inbox.take(dying)
    assert lease is not None
    with pytest.raises(Killed):
        await dying.sync(lease)
    assert await inbox.list_states() == ["stored", "listed", "listed"]
    await inbox.fetch("UPDATE channel_cursors SET leased_until = now() RETURNING 1")
    other = Inbox(inbox.pool, StubPoller(inbox.poller.mails))
    await other.sync_once()
    assert other.poller.listed_since[0][0] == "3"  # what is listed is not asked for again
    assert await inbox.list_texts() == ["one", "two", "three"]


async def test_a_worker_that_dies_while_listing_leaves_the_cursor(inbox: Inbox) -> None:
    await inbox.begin("one")
    dying = inbox.open_sync()
    lease = await inbox.take(dying)
    assert lease is not None

    async def die() -> None:
        raise Killed

    inbox.poller.before_list = die
    with pytest.raises(Killed):
        await dying.sync(lease)
    assert (await inbox.read_cursor())["cursor"] == "0"


async def test_what_is_listed_again_is_taken_once(inbox: Inbox) -> None:
    await inbox.begin("one", "two")
    await inbox.sync_once()
    await inbox.fetch("UPDATE channel_cursors SET cursor = '0' RETURNING 1")  # as after a full resync
    await inbox.sync_once()
    assert await inbox.list_texts() == ["one", "two"]
    assert inbox.poller.fetched == ["mail-1", "mail-2"]


async def test_a_poller_learns_since_when_it_must_look_if_its_cursor_is_lost(inbox: Inbox) -> None:
    await inbox.begin("one")
    await inbox.sync_once()
    (first, second) = inbox.poller.listed_since
    assert first == (None, None)
    assert second[0] == "0"
    assert second[1] is not None


async def test_of_two_workers_one_works(inbox: Inbox) -> None:
    one, two = inbox.open_sync(), inbox.open_sync()
    leases = await asyncio.gather(inbox.take(one), inbox.take(two))
    assert sum(lease is not None for lease in leases) == 1


async def test_a_closed_inbox_is_not_read_and_what_waits_there_comes_when_it_is_opened(inbox: Inbox) -> None:
    await inbox.begin("one")
    await inbox.configure(enabled=False)
    assert await inbox.take(inbox.open_sync()) is None
    await inbox.configure(enabled=True)
    await inbox.sync_once()
    assert inbox.published == 1


async def test_a_worker_that_reads_an_inbox_stops_when_it_is_closed(inbox: Inbox) -> None:
    await inbox.begin("one", "two", "three")
    sync = inbox.open_sync()
    lease = await inbox.take(sync)
    assert lease is not None
    await inbox.configure(enabled=False)
    with pytest.raises(InboxLost):
        await sync.sync(lease)
    assert inbox.published <= 1


async def test_a_worker_that_lost_the_inbox_lists_nothing(inbox: Inbox) -> None:
    await inbox.begin("one")
    slow, quick = inbox.open_sync(), inbox.open_sync(StubPoller(inbox.poller.mails))
    lease = await inbox.take(slow)
    assert lease is not None

    async def lose_it() -> None:
        await inbox.fetch("UPDATE channel_cursors SET leased_until = now() RETURNING 1")
        assert await inbox.take(quick) is not None

    inbox.poller.before_list = lose_it
    with pytest.raises(InboxLost):
        await slow.sync(lease)
    assert await inbox.list_states() == []
    assert (await inbox.read_cursor())["cursor"] == "0"


async def test_a_worker_that_lost_the_inbox_stops_fetching(inbox: Inbox) -> None:
    await inbox.begin("one", "two", "three")
    slow, quick = inbox.open_sync(), inbox.open_sync(StubPoller(inbox.poller.mails))
    lease = await inbox.take(slow)
    assert lease is not None

    async def lose_it(_external_id: str) -> None:
        await inbox.fetch("UPDATE channel_cursors SET leased_until = now() RETURNING 1")
        await inbox.take(quick)

    inbox.poller.before_fetch = lose_it
    with pytest.raises(InboxLost):
        await slow.sync(lease)
    assert inbox.poller.fetched == ["mail-1"]


async def test_a_long_list_does_not_cost_the_lease(inbox: Inbox) -> None:
    await inbox.begin("one")
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def take_long() -> None:
        begun.set()
        await may_end.wait()

    inbox.poller.before_list = take_long
    slow, other = inbox.open_sync(lease_seconds=2.0), inbox.open_sync()
    lease = await inbox.take(slow, lease_seconds=2.0)
    assert lease is not None
    syncing = asyncio.ensure_future(slow.sync(lease))
    await begun.wait()
    first_end = (await inbox.read_cursor())["leased_until"]
    async with asyncio.timeout(60):
        while (await inbox.read_cursor())["leased_until"] < first_end + timedelta(seconds=2.0):
            assert await inbox.take(other) is None
    may_end.set()
    await syncing
    assert await inbox.list_texts() == ["one"]


async def test_one_that_cannot_be_read_is_a_dead_letter_with_a_ticket_and_the_next_is_taken(
    inbox: Inbox, settings: Settings
) -> None:
    await inbox.begin("malformed", "the next")
    await inbox.sync_once()
    assert await inbox.list_states() == ["malformed", "stored"]
    desk = Desk(inbox.pool, settings)
    async with inbox.pool.acquire() as conn:
        leases = await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)
    for lease in leases:
        await desk.processor.process(lease)
    assert await desk.count("dead_letters") == 1
    assert await desk.count("tickets") == 2
    assert await desk.fetch_value("SELECT reason FROM message_sources WHERE state = 'malformed'") == "no end of headers"
    assert await desk.fetch_value("SELECT count(*) FROM outbox") == 1  # none into the void


@pytest.mark.parametrize("text", ["a bug", "NUL \x00 and more", "x" * 1_000_000])
async def test_no_mail_holds_up_the_next(inbox: Inbox, text: str) -> None:
    await inbox.begin(text, "the next")
    await inbox.sync_once()
    assert (await inbox.list_texts())[-1] == "the next"
    assert len(await inbox.list_texts()) == 2
    assert "listed" not in await inbox.list_states()


async def test_a_mail_that_the_database_refuses_goes_to_a_person_and_the_next_is_taken(inbox: Inbox) -> None:
    async with inbox.pool.acquire() as conn:
        await conn.execute("ALTER TABLE message_queue ADD CONSTRAINT odd CHECK (payload ->> 'text' <> 'odd') NOT VALID")
    await inbox.begin("odd", "the next")
    await inbox.sync_once()
    assert await inbox.list_states() == ["malformed", "stored"]
    rows = await inbox.fetch("SELECT payload ->> 'problem' AS problem FROM message_queue ORDER BY id")
    assert rows[0]["problem"] == "it could not be taken in (CheckViolationError)"
    assert (await inbox.list_texts())[-1] == "the next"


async def test_what_is_nothing_to_us_is_kept_with_its_reason(inbox: Inbox) -> None:
    await inbox.begin("a list")
    await inbox.sync_once()
    (source,) = await inbox.fetch("SELECT state, reason, body FROM message_sources")
    assert tuple(source) == ("ignored", "a mailing list", b"a list")
    assert inbox.published == 0


async def test_one_that_is_gone_is_skipped_and_not_asked_for_again(inbox: Inbox) -> None:
    await inbox.begin("one", None, "three")
    await inbox.sync_once()
    await inbox.sync_once()
    assert await inbox.list_states() == ["stored", "gone", "stored"]
    assert inbox.poller.fetched == ["mail-1", "mail-2", "mail-3"]
    assert await inbox.list_texts() == ["one", "three"]


async def test_a_bounce_wakes_the_deliveries(inbox: Inbox) -> None:
    await inbox.begin("a bounce")
    await inbox.sync_once()
    assert (inbox.moved, inbox.published) == (1, 0)


async def test_a_thousand_mails_are_all_taken_once(inbox: Inbox) -> None:
    await inbox.begin(*(f"mail {number}" for number in range(1_000)))
    await inbox.sync_once()
    assert await inbox.list_texts() == [f"mail {number}" for number in range(1_000)]
