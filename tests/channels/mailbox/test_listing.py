"""What is new in a mailbox, on a real server: nothing twice, nothing skipped, and nothing from before the desk."""

from contextlib import aclosing
from datetime import timedelta

import pytest

from channels.mailbox.poll import MailboxPoller
from core.clock import read_system_clock
from tests.channels.mailbox.desk import NOW, Desk, make_access, make_poller, read_all


async def test_a_desk_that_is_connected_to_an_old_mailbox_answers_no_old_mail(
    desk: Desk, poller: MailboxPoller
) -> None:
    listing = await poller.list_new(None, None)
    assert listing.external_ids == ()
    again = await poller.list_new(listing.cursor, NOW)
    assert again == listing


async def test_what_arrives_after_the_cursor_is_listed_once_in_the_order_of_arrival(
    desk: Desk, poller: MailboxPoller
) -> None:
    start = await poller.list_new(None, None)
    for number in range(3):
        desk.deliver(f"question {number}")
    listing = await poller.list_new(start.cursor, NOW)
    assert await read_all(poller, listing.external_ids) == ["question 0", "question 1", "question 2"]
    assert (await poller.list_new(listing.cursor, NOW)).external_ids == ()


async def test_the_newest_mail_is_not_listed_again_when_nothing_is_new(desk: Desk, poller: MailboxPoller) -> None:
    # A server answers `UID n+1:*` with its last message, although that is older.
    cursor = (await poller.list_new(None, None)).cursor
    for _ in range(3):
        listing = await poller.list_new(cursor, NOW)
        assert (listing.external_ids, listing.cursor) == ((), cursor)


async def test_an_empty_mailbox_has_a_cursor_too(desk: Desk) -> None:
    desk.server.deliver("empty@example.com", b"", "Archive")
    empty = Desk(desk.server, "empty@example.com")
    async with aclosing(make_poller(empty)) as poller:
        start = await poller.list_new(None, None)
        empty.deliver("the first")
        assert len((await poller.list_new(start.cursor, NOW)).external_ids) == 1


async def test_a_backlog_of_a_thousand_is_listed_whole(desk: Desk, poller: MailboxPoller) -> None:
    start = await poller.list_new(None, None)
    for number in range(1_000):
        desk.deliver_bytes(f"From: bob@example.org\r\nSubject: {number}\r\n\r\n{number}\r\n".encode())
    listing = await poller.list_new(start.cursor, NOW)
    assert len(set(listing.external_ids)) == 1_000


async def test_after_a_change_of_uidvalidity_everything_since_the_last_sync_is_listed_anew(
    desk: Desk, poller: MailboxPoller
) -> None:
    old = await poller.list_new(None, None)
    desk.deliver("while nobody looked")
    await poller.aclose()
    desk.server.forget_index(desk.address)
    async with aclosing(make_poller(desk)) as fresh:
        listing = await fresh.list_new(old.cursor, NOW)
        assert "while nobody looked" in await read_all(fresh, listing.external_ids)
        assert listing.cursor.partition(":")[0] != old.cursor.partition(":")[0]
        assert (await fresh.list_new(listing.cursor, NOW)).external_ids == ()
        desk.deliver("and later")
        later = await fresh.list_new(listing.cursor, NOW)
        assert await read_all(fresh, later.external_ids) == ["and later"]


async def test_after_a_change_of_uidvalidity_mail_from_long_before_the_last_sync_is_left_alone(
    desk: Desk, poller: MailboxPoller
) -> None:
    old = await poller.list_new(None, None)
    await poller.aclose()
    desk.server.age_mail(desk.address, days=10)
    desk.deliver("new")
    desk.server.forget_index(desk.address)
    synced_at = read_system_clock() - timedelta(days=2)
    async with aclosing(make_poller(desk)) as fresh:
        listing = await fresh.list_new(old.cursor, synced_at)
        assert await read_all(fresh, listing.external_ids) == ["new"]


@pytest.mark.parametrize("cursor", ["", "nonsense", "1:", "12:x", "99999999999999999999:3"])
async def test_a_cursor_that_means_nothing_is_made_good_like_a_change_of_uidvalidity(
    desk: Desk, poller: MailboxPoller, cursor: str
) -> None:
    listing = await poller.list_new(cursor, None)
    assert len(listing.external_ids) == 2
    assert (await poller.list_new(listing.cursor, NOW)).external_ids == ()


async def test_a_server_whose_uids_went_back_under_the_same_uidvalidity_skips_nothing(
    desk: Desk, poller: MailboxPoller
) -> None:
    uid_validity = (await poller.list_new(None, None)).cursor.partition(":")[0]
    listing = await poller.list_new(f"{uid_validity}:5000", None)
    assert len(listing.external_ids) == 2


@pytest.mark.parametrize(
    ("name", "on_disk"), [("Kundenanfragen 2026", "Kundenanfragen 2026"), ("Entwürfe & mehr", "Entw&APw-rfe &- mehr")]
)
async def test_folders_may_have_any_name(desk: Desk, name: str, on_disk: str) -> None:
    desk.deliver("in the folder", folder=on_disk)
    async with aclosing(make_poller(desk, make_access(desk, folder=name))) as poller:
        listing = await poller.list_new("0:0", None)
        assert await read_all(poller, listing.external_ids) == ["in the folder"]
