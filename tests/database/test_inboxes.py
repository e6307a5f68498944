"""Polled inboxes: one worker holds one, and its cursor never moves without what lies before it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest

from core.ids import new_id
from database.pool import Conn, DbConnection, DbPool
from database.queries import inboxes, sources
from database.queries.inboxes import InboxLease, InboxLost
from database.queries.operations import configure_channel
from tests.database.builders import wait_until_blocked

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
INBOX = "support@example.com"


async def take(conn: Conn, token: UUID | None = None, *, seconds: float = 60, inbox: str = INBOX) -> InboxLease | None:
    return await inboxes.take_inbox(conn, "gmail", inbox, token or new_id(), lease_seconds=seconds)


async def hold(conn: Conn, *, inbox: str = INBOX) -> InboxLease:
    lease = await take(conn, inbox=inbox)
    assert lease is not None
    return lease


async def let_expire(conn: Conn) -> None:
    await conn.execute("UPDATE channel_cursors SET leased_until = now()")


async def list_and_advance(conn: Conn, lease: InboxLease, *external_ids: str, cursor: str = "7") -> None:
    """What a sync writes, in its one transaction."""
    async with conn.transaction():
        await sources.list_ids(conn, "gmail", lease.inbox, external_ids)
        await inboxes.advance_cursor(conn, lease, cursor, NOW)


async def list_waiting(conn: Conn) -> list[str]:
    return [external_id for _, external_id in await sources.find_listed(conn, "gmail", INBOX, max_rows=50)]


async def test_an_inbox_is_taken_once_renewed_by_its_holder_and_left_to_the_next(conn: DbConnection) -> None:
    lease = await hold(conn)
    assert (lease.cursor, lease.synced_at) == (None, None)
    assert await take(conn) is None
    assert await take(conn, lease.token) is not None
    assert await take(conn, inbox="sales@example.com") is not None
    await inboxes.let_go_of_inbox(conn, lease)
    assert await take(conn) is not None


async def test_whoever_does_not_hold_an_inbox_cannot_let_go_of_it(conn: DbConnection) -> None:
    zombie = await hold(conn)
    await let_expire(conn)
    heir = await hold(conn)
    await inboxes.let_go_of_inbox(conn, zombie)
    assert await take(conn) is None
    assert await take(conn, heir.token) is not None


async def test_two_workers_that_take_a_free_inbox_at_once_do_not_both_get_it(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        for prepare in (None, let_expire):  # a new inbox, and one whose worker died
            if prepare is not None:
                await prepare(observer)
            winning = one.transaction()
            await winning.start()
            assert await take(one) is not None
            losing = asyncio.ensure_future(take(two))
            await wait_until_blocked(observer)
            await winning.commit()
            assert await losing is None


async def test_of_twenty_workers_one_polls(pool: DbPool) -> None:
    async def try_it() -> InboxLease | None:
        async with pool.acquire() as conn:
            return await take(conn)

    leases = await asyncio.gather(*(try_it() for _ in range(20)))
    assert len([lease for lease in leases if lease is not None]) == 1


async def test_the_next_worker_goes_on_where_the_cursor_stands(conn: DbConnection) -> None:
    lease = await hold(conn)
    await list_and_advance(conn, lease, "a", "b", "c")
    await inboxes.let_go_of_inbox(conn, lease)
    following = await hold(conn)
    assert (following.cursor, following.synced_at) == ("7", NOW)
    assert await list_waiting(conn) == ["a", "b", "c"]


@pytest.mark.parametrize("is_taken", [True, False], ids=["another worker has it", "its time ran out"])
async def test_a_lost_lease_lists_nothing_and_moves_no_cursor(is_taken: bool, conn: DbConnection) -> None:
    zombie = await hold(conn)
    await let_expire(conn)
    if is_taken:
        await hold(conn)
    with pytest.raises(InboxLost):
        await list_and_advance(conn, zombie, "a", "b")
    assert await list_waiting(conn) == []
    assert await conn.fetchval("SELECT cursor FROM channel_cursors") is None


async def test_a_crash_before_the_commit_lists_nothing_and_moves_no_cursor(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        lease = await hold(conn)
        crashing = conn.transaction()
        await crashing.start()
        await list_and_advance(conn, lease, "a", "b")
        await crashing.rollback()
        assert await list_waiting(conn) == []
        assert await conn.fetchval("SELECT cursor FROM channel_cursors") is None


async def test_a_push_is_remembered_until_a_sync_that_began_after_it(conn: DbConnection) -> None:
    lease = await hold(conn)
    assert not lease.is_wanted
    await inboxes.want_sync(conn, "gmail", INBOX)
    lease = await _renew(conn, lease)
    assert lease.is_wanted
    await inboxes.advance_cursor(conn, lease, "1", datetime.now(UTC) - timedelta(minutes=1))
    assert (await _renew(conn, lease)).is_wanted  # it came while the sync was under way
    await inboxes.advance_cursor(conn, lease, "2", datetime.now(UTC) + timedelta(seconds=1))
    assert not (await _renew(conn, lease)).is_wanted


async def test_a_push_may_come_before_anybody_has_ever_polled(conn: DbConnection) -> None:
    await inboxes.want_sync(conn, "gmail", INBOX)
    await inboxes.want_sync(conn, "gmail", INBOX)
    assert (await hold(conn)).is_wanted


async def test_the_watch_is_due_daily_and_only_its_holder_notes_it(conn: DbConnection) -> None:
    zombie = await hold(conn)
    assert zombie.is_watch_due
    await let_expire(conn)
    lease = await hold(conn)
    until = datetime.now(UTC) + timedelta(days=7)
    await inboxes.note_watch(conn, zombie, NOW)
    assert (await _renew(conn, lease)).is_watch_due
    await inboxes.note_watch(conn, lease, until)
    lease = await _renew(conn, lease)
    assert (lease.is_watch_due, lease.watch_until) == (False, until)
    await conn.execute("UPDATE channel_cursors SET watched_at = now() - interval '25 hours'")
    assert (await _renew(conn, lease)).is_watch_due


@pytest.mark.parametrize("side", ["read", "send"])
async def test_a_problem_keeps_the_time_of_its_beginning(side: Literal["read", "send"], conn: DbConnection) -> None:
    await inboxes.note_problem(conn, "gmail", INBOX, side, "needs\x00 sign-in")
    await conn.execute(f"UPDATE channel_cursors SET {side}_problem_since = $1", NOW)
    await inboxes.note_problem(conn, "gmail", INBOX, side, "needs sign-in: revoked")
    (row,) = await inboxes.list_inboxes(conn)
    assert (row[f"{side}_problem"], row[f"{side}_problem_since"]) == ("needs sign-in: revoked", NOW)
    (troubled,) = await inboxes.list_troubled(conn)
    assert troubled[f"{side}_problem"] == "needs sign-in: revoked"


async def test_reading_and_sending_end_their_own_problem_each_and_not_the_others(conn: DbConnection) -> None:
    lease = await hold(conn)
    await inboxes.note_problem(conn, "gmail", INBOX, "read", "no connection")
    await inboxes.note_problem(conn, "gmail", INBOX, "send", "the password is refused")
    await inboxes.advance_cursor(conn, lease, "1", NOW)
    (troubled,) = await inboxes.list_troubled(conn)
    assert (troubled["read_problem"], troubled["send_problem"]) == (None, "the password is refused")
    await inboxes.note_problem(conn, "gmail", INBOX, "read", "no connection")
    await inboxes.clear_send_problem(conn, "gmail", INBOX)
    (troubled,) = await inboxes.list_troubled(conn)
    assert (troubled["read_problem"], troubled["send_problem"]) == ("no connection", None)
    await inboxes.advance_cursor(conn, lease, "2", NOW)
    assert await inboxes.list_troubled(conn) == []


async def test_a_watch_that_ends_within_a_day_is_trouble(conn: DbConnection) -> None:
    lease = await hold(conn)
    await inboxes.note_watch(conn, lease, datetime.now(UTC) + timedelta(hours=30))
    assert await inboxes.list_troubled(conn) == []
    await inboxes.note_watch(conn, lease, datetime.now(UTC) - timedelta(hours=1))
    (troubled,) = await inboxes.list_troubled(conn)
    assert -3700 < troubled["watch_seconds"] < -3500


async def test_a_closed_inbox_is_in_trouble_only_if_it_cannot_send(conn: DbConnection) -> None:
    lease = await hold(conn)
    await inboxes.note_watch(conn, lease, datetime.now(UTC) - timedelta(hours=1))
    await inboxes.note_problem(conn, "gmail", INBOX, "read", "no connection")
    await configure_channel(conn, "gmail", INBOX, enabled=False, sets_quiet=False, quiet_seconds=None)
    assert await inboxes.list_troubled(conn) == []
    (row,) = await inboxes.list_inboxes(conn)
    assert (row["watch_until"], row["read_problem"], row["read_problem_since"]) == (None, None, None)
    await inboxes.note_problem(conn, "gmail", INBOX, "send", "the password is refused")
    assert len(await inboxes.list_troubled(conn)) == 1
    await configure_channel(conn, "gmail", INBOX, enabled=True, sets_quiet=False, quiet_seconds=None)
    await inboxes.clear_send_problem(conn, "gmail", INBOX)
    assert len(await inboxes.list_troubled(conn)) == 1


async def test_operators_see_how_much_waits_in_each_inbox(conn: DbConnection) -> None:
    await list_and_advance(conn, await hold(conn), "a", "b")
    await hold(conn, inbox="sales@example.com")
    rows = await inboxes.list_inboxes(conn)
    assert [(row["inbox"], row["waiting"]) for row in rows] == [("sales@example.com", 0), (INBOX, 2)]


async def _renew(conn: Conn, lease: InboxLease) -> InboxLease:
    renewed = await take(conn, lease.token)
    assert renewed is not None
    return renewed
