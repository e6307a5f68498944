"""What is new in the mailbox: nothing is skipped, whatever Gmail's history does."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from channels.base import VendorAway
from tests.channels.gmail.desk import NOW, Desk, deliver, make_mail, start
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail


def read_id(cursor: str) -> int:
    """The history id in a cursor."""
    return int(cursor.partition("@")[0])


async def wake(desk: Desk) -> None:
    """What the sync loop does when a push came: it cancels the wait."""
    waiting = asyncio.create_task(desk.poller.wait_for_news(60))
    await asyncio.sleep(0)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


async def test_the_first_look_takes_no_old_mail_and_the_cursor_of_now(gmail: Gmail, desk: Desk) -> None:
    deliver(gmail, 3)
    listing = await desk.poller.list_new(None, None)
    assert listing.external_ids == ()
    assert read_id(listing.cursor) == gmail.mailbox.history_id


async def test_new_mail_is_listed_once_oldest_first_and_the_cursor_moves_behind_it(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    ids = deliver(gmail, 3)
    listing = await desk.poller.list_new(cursor, NOW)
    assert listing.external_ids == ids
    again = await desk.poller.list_new(listing.cursor, NOW)
    assert again.external_ids == ()
    assert again.cursor == listing.cursor
    assert read_id(listing.cursor) == gmail.mailbox.history_id


async def test_a_backlog_of_a_thousand_comes_in_pages_and_complete(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    ids = deliver(gmail, 1000)
    listing = await desk.poller.list_new(cursor, NOW)
    assert listing.external_ids == ids
    assert gmail.requests["history.list"] == 10


async def test_a_page_that_fails_for_good_loses_no_page_before_it(gmail: Gmail, desk: Desk) -> None:
    gmail.mailbox.page_size = 10
    cursor = await start(desk)
    ids = deliver(gmail, 30)
    gmail.faults.plan("history.list", Fault("ok"), *[Fault("error", status=503)] * 4)
    with pytest.raises(VendorAway):
        await desk.poller.list_new(cursor, NOW)
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ids


async def test_a_page_with_nothing_to_show_does_not_end_the_listing(gmail: Gmail, desk: Desk) -> None:
    gmail.mailbox.page_size = 2
    cursor = await start(desk)
    (first,) = deliver(gmail, 1)
    for _ in range(4):
        gmail.mailbox.remove_labels(first, "UNREAD")
    (last,) = deliver(gmail, 1)
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == (first, last)


async def test_history_out_of_order_and_twice_is_put_right(gmail: Gmail, desk: Desk) -> None:
    gmail.shuffles_history = gmail.repeats_history = True
    cursor = await start(desk)
    ids = deliver(gmail, 5)
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ids


async def test_mail_that_arrives_between_two_pages_is_in_this_listing_or_the_next(gmail: Gmail, desk: Desk) -> None:
    gmail.mailbox.page_size = 2
    cursor = await start(desk)
    ids = deliver(gmail, 4)
    late: list[str] = []
    gmail.faults.plan("history.list", Fault("ok"), Fault("ok", before=lambda: late.extend(deliver(gmail, 1))))
    listing = await desk.poller.list_new(cursor, NOW)
    following = await desk.poller.list_new(listing.cursor, NOW)
    assert listing.external_ids[:4] == ids
    assert late[0] in listing.external_ids + following.external_ids


@pytest.mark.parametrize("label", ["SENT", "DRAFT", "SPAM", "TRASH", "CHAT"])
async def test_mail_that_no_customer_wrote_to_us_is_not_listed(gmail: Gmail, desk: Desk, label: str) -> None:
    cursor = await start(desk)
    gmail.mailbox.deliver(make_mail(), labels=[label])
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ()


async def test_mail_that_a_person_takes_out_of_spam_is_listed_then(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    mail = gmail.mailbox.deliver(make_mail(), labels=["SPAM"], arrived=NOW - timedelta(days=29))
    cursor = (await desk.poller.list_new(cursor, NOW)).cursor
    gmail.mailbox.remove_labels(mail.id, "SPAM")
    gmail.mailbox.add_labels(mail.id, "INBOX")
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == (mail.id,)


async def test_old_mail_that_was_called_spam_by_mistake_is_not_new(gmail: Gmail, desk: Desk) -> None:
    mail = gmail.mailbox.deliver(make_mail(), arrived=NOW - timedelta(days=31))
    cursor = await start(desk)
    gmail.mailbox.add_labels(mail.id, "SPAM")
    gmail.mailbox.remove_labels(mail.id, "SPAM")
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ()


@pytest.mark.parametrize("age", [timedelta(minutes=1), timedelta(days=2), timedelta(days=900)])
@pytest.mark.parametrize("label", ["INBOX", "UNREAD", "IMPORTANT"])
async def test_old_mail_that_is_moved_to_the_inbox_again_is_not_new(
    gmail: Gmail, desk: Desk, age: timedelta, label: str
) -> None:
    mail = gmail.mailbox.deliver(make_mail(), labels=["Label_7"], arrived=NOW - age)
    cursor = await start(desk)
    gmail.mailbox.add_labels(mail.id, label)
    gmail.mailbox.remove_labels(mail.id, "Label_7")
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ()


async def test_spam_that_goes_to_the_bin_or_is_gone_is_not_listed(gmail: Gmail, desk: Desk) -> None:
    binned, gone = (gmail.mailbox.deliver(make_mail(), labels=["SPAM"], arrived=NOW).id for _ in range(2))
    cursor = await start(desk)
    gmail.mailbox.add_labels(binned, "TRASH")
    gmail.mailbox.remove_labels(binned, "SPAM")
    gmail.mailbox.remove_labels(gone, "SPAM")
    gmail.mailbox.delete(gone)
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ()


async def test_released_spam_that_cannot_be_asked_for_is_listed_in_a_later_round(gmail: Gmail, desk: Desk) -> None:
    mail = gmail.mailbox.deliver(make_mail(), labels=["SPAM"], arrived=NOW)
    cursor = await start(desk)
    gmail.mailbox.remove_labels(mail.id, "SPAM")
    gmail.faults.plan("messages.get", Fault("error", status=400, reason="failedPrecondition"))
    with pytest.raises(VendorAway):
        await desk.poller.list_new(cursor, NOW)
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == (mail.id,)


async def test_filing_a_mail_does_not_list_it_again(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    cursor = await start(desk)
    gmail.mailbox.remove_labels(mail, "UNREAD")
    gmail.mailbox.add_labels(mail, "STARRED", "Label_7")
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ()


async def test_an_unknown_cursor_is_made_good_by_a_search_since_the_last_sync(gmail: Gmail, desk: Desk) -> None:
    gmail.mailbox.page_size = 3
    cursor = await start(desk)
    synced = datetime.now(UTC)
    old = gmail.mailbox.deliver(make_mail(), arrived=synced - timedelta(days=2)).id
    ids = [gmail.mailbox.deliver(make_mail(), arrived=synced + timedelta(seconds=n - 1800)).id for n in range(10)]
    for label in ("SENT", "SPAM", "TRASH", "DRAFT", "CHAT"):
        gmail.mailbox.deliver(make_mail(), labels=[label])
    gmail.mailbox.forget_history()
    listing = await desk.poller.list_new(cursor, synced)
    assert listing.external_ids == tuple(ids)
    assert old not in listing.external_ids
    assert read_id(listing.cursor) == gmail.mailbox.history_id


async def test_mail_that_arrives_during_the_search_is_not_skipped(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    deliver(gmail, 1)
    gmail.mailbox.forget_history()
    deliver(gmail, 1)
    late: list[str] = []
    gmail.faults.plan("messages.list", Fault("ok", after=lambda: late.extend(deliver(gmail, 1))))
    listing = await desk.poller.list_new(cursor, datetime.now(UTC))
    assert late[0] not in listing.external_ids
    assert late[0] in (await desk.poller.list_new(listing.cursor, datetime.now(UTC))).external_ids


@pytest.mark.parametrize("cursor", ["1", "99999999999", "abc", "", "-5"])
async def test_any_cursor_that_gmail_does_not_take_leads_to_a_search(gmail: Gmail, desk: Desk, cursor: str) -> None:
    gmail.mailbox.forget_history()
    (mail,) = deliver(gmail, 1)
    assert mail in (await desk.poller.list_new(cursor, datetime.now(UTC))).external_ids


async def test_without_a_last_sync_the_search_reaches_back_beyond_any_history(gmail: Gmail, desk: Desk) -> None:
    desk.clock = datetime.now(UTC)
    mail = gmail.mailbox.deliver(make_mail(), arrived=desk.clock - timedelta(days=7))
    gmail.mailbox.forget_history()
    assert (await desk.poller.list_new("1000", None)).external_ids == (mail.id,)


async def test_an_empty_history_after_a_wake_is_asked_once_more(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    await wake(desk)
    desk.waits.clear()

    async def arrive_late(seconds: float) -> None:
        desk.waits.append(seconds)
        deliver(gmail, 1)

    desk.poller._wait = arrive_late
    listing = await desk.poller.list_new(cursor, NOW)
    assert len(listing.external_ids) == 1
    assert desk.waits == [2.0]


async def test_a_history_that_stays_empty_after_a_wake_does_not_move_the_cursor(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    cursor = await start(desk)
    gmail.mailbox.add_labels(mail, "STARRED")
    desk.clock += timedelta(days=2)
    await wake(desk)
    assert (await desk.poller.list_new(cursor, NOW)).cursor == cursor


async def test_without_a_wake_an_empty_history_is_asked_once(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    await desk.poller.wait_for_news(60)
    desk.waits.clear()
    await desk.poller.list_new(cursor, NOW)
    assert (desk.waits, gmail.requests["history.list"]) == ([], 1)


async def test_mail_that_the_history_shows_late_is_listed_then(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    gmail.history_lag = 2
    ids = deliver(gmail, 2)
    first = await desk.poller.list_new(cursor, NOW)
    assert (first.external_ids, first.cursor) == ((), cursor)
    ids += deliver(gmail, 1)
    second = await desk.poller.list_new(first.cursor, NOW)
    assert second.external_ids == ids[:1]
    gmail.history_lag = 0
    assert (await desk.poller.list_new(second.cursor, NOW)).external_ids == ids[1:]


async def test_a_cursor_that_stood_for_a_day_moves_to_the_end_of_an_empty_history(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    cursor = await start(desk)
    gmail.mailbox.add_labels(mail, "STARRED")
    desk.clock += timedelta(hours=24)
    assert (await desk.poller.list_new(cursor, NOW)).cursor == cursor
    desk.clock += timedelta(seconds=1)
    renewed = (await desk.poller.list_new(cursor, NOW)).cursor
    assert read_id(renewed) == gmail.mailbox.history_id > read_id(cursor)
    assert (await desk.poller.list_new(renewed, NOW)).cursor == renewed


@pytest.mark.parametrize("time", ["", "@", "@soon", "@2026-11-21T12:00:00"])
async def test_a_cursor_without_a_time_keeps_its_place_and_gets_one(gmail: Gmail, desk: Desk, time: str) -> None:
    (mail,) = deliver(gmail, 1)
    cursor = await start(desk)
    gmail.mailbox.add_labels(mail, "STARRED")
    listing = await desk.poller.list_new(f"{read_id(cursor)}{time}", NOW)
    assert listing.cursor == cursor
