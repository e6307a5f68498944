"""Reading mails, watching, and everything that Gmail may say instead of an answer."""

import asyncio
from datetime import UTC, datetime

import pytest

from channels.base import SignInNeeded, VendorAway
from tests.channels.gmail.desk import NOW, TOPIC, Desk, deliver, make_mail, start
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail


async def test_a_mail_is_fetched_as_it_arrived_with_gmails_facts(gmail: Gmail, desk: Desk) -> None:
    arrived = datetime(2026, 11, 21, 11, 59, 1, 500_000, tzinfo=UTC)
    raw = make_mail("Grüße\r\n— 日本語")
    mail = gmail.mailbox.deliver(raw, arrived=arrived)
    source = await desk.poller.fetch(mail.id)
    assert source is not None
    assert (source.channel, source.inbox, source.external_id) == ("gmail", ADDRESS, mail.id)
    assert source.body == raw
    assert source.facts == {
        "thread": mail.thread_id,
        "labels": "INBOX,UNREAD",
        "received_at": "2026-11-21T11:59:01.500+00:00",
    }


async def test_a_mail_deleted_before_it_was_fetched_is_none(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    gmail.mailbox.delete(mail)
    assert await desk.poller.fetch(mail) is None


async def test_two_mails_fetched_at_once_are_never_mixed_up(gmail: Gmail, desk: Desk) -> None:
    mails = [gmail.mailbox.deliver(make_mail(f"letter {n}", message_id=f"<{n}@example.com>")) for n in range(64)]
    sources = await asyncio.gather(*(desk.poller.fetch(mail.id) for mail in mails))
    assert [source.body for source in sources if source] == [mail.raw for mail in mails]
    assert gmail.requests["token"] == 1


@pytest.mark.parametrize(
    "fault",
    [Fault("error", status=503), Fault("html", status=502), Fault("drop")],
    ids=lambda f: f"{f.kind}-{f.status}-{f.reason}",
)
async def test_a_passing_failure_is_waited_out(gmail: Gmail, desk: Desk, fault: Fault) -> None:
    (mail,) = deliver(gmail, 1)
    gmail.faults.plan("messages.get", fault, fault, fault)
    assert await desk.poller.fetch(mail) is not None
    assert desk.waits == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", status=429, reason="rateLimitExceeded"),
        Fault("error", status=403, reason="userRateLimitExceeded"),
        Fault("error", status=403, reason="rateLimitExceeded"),
    ],
    ids=lambda f: f"{f.kind}-{f.status}-{f.reason}",
)
async def test_a_burst_of_rate_limits_is_waited_out_and_then_reported(gmail: Gmail, desk: Desk, fault: Fault) -> None:
    (mail,) = deliver(gmail, 1)
    gmail.faults.plan("messages.get", *[fault] * 3)
    assert await desk.poller.fetch(mail) is not None
    gmail.faults.plan("messages.get", *[fault] * 4)
    with pytest.raises(VendorAway):
        await desk.poller.fetch(mail)


async def test_gmails_own_wish_for_patience_is_respected(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    gmail.faults.plan("messages.get", Fault("error", status=429, retry_after="9"))
    await desk.poller.fetch(mail)
    assert desk.waits == [9.0]
    gmail.faults.plan("messages.get", Fault("error", status=429, retry_after="600"))
    with pytest.raises(VendorAway):
        await desk.poller.fetch(mail)
    assert desk.waits == [9.0]


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("getProfile", Fault("error", status=400, reason="failedPrecondition")),
        ("getProfile", Fault("error", status=403, reason="accessNotConfigured")),
        ("getProfile", Fault("error", status=404, reason="notFound")),
        ("getProfile", Fault("html", status=418)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind}-{value.status}",
)
async def test_whatever_else_gmail_says_is_the_vendor_being_away(
    gmail: Gmail, desk: Desk, operation: str, fault: Fault
) -> None:
    gmail.faults.plan(operation, fault, fault)
    with pytest.raises(VendorAway):
        await desk.poller.list_new(None, None)


async def test_gmail_that_stays_silent_is_away(gmail: Gmail, desk: Desk) -> None:
    silence = Fault("stall", seconds=2.0)
    desk.expect(silence)
    gmail.faults.plan("getProfile", *[silence] * 4)
    with pytest.raises(VendorAway):
        await desk.poller.list_new(None, None)


async def test_gmail_that_is_not_there_is_away() -> None:
    with pytest.raises(VendorAway):
        await Desk("http://127.0.0.1:9").poller.list_new(None, None)


async def test_pages_of_html_are_not_taken_for_answers(gmail: Gmail, desk: Desk) -> None:
    gmail.faults.plan("history.list", *[Fault("garble")] * 4)
    with pytest.raises(VendorAway):
        await desk.poller.list_new("1000", NOW)


async def test_a_mail_that_became_spam_or_our_own_is_ignored(gmail: Gmail, desk: Desk) -> None:
    for label in ("SPAM", "TRASH", "SENT", "DRAFT"):
        mail = gmail.mailbox.deliver(make_mail(), labels=["INBOX", label])
        source = await desk.poller.fetch(mail.id)
        assert source is not None
        parsed = desk.poller.parse(source)
        assert parsed.messages == ()
        assert label in parsed.ignored[0]


async def test_a_watch_covers_the_inbox_and_says_until_when(gmail: Gmail, desk: Desk) -> None:
    until = await desk.poller.watch()
    assert until == datetime.fromtimestamp((gmail.now_ms + 7 * 86_400_000) / 1000, UTC)
    assert gmail.watched == [{"topicName": TOPIC, "labelIds": ["INBOX"], "labelFilterBehavior": "include"}]


@pytest.mark.parametrize("status", [400, 403, 404, 503])
async def test_a_watch_that_is_refused_is_the_vendor_being_away(gmail: Gmail, desk: Desk, status: int) -> None:
    gmail.faults.plan("watch", *[Fault("error", status=status, reason="forbidden")] * 4)
    with pytest.raises(VendorAway):
        await desk.poller.watch()


async def test_without_a_topic_nothing_is_watched(gmail: Gmail, desk: Desk) -> None:
    desk.poller._topic = None
    assert await desk.poller.watch() is None
    assert gmail.requests["watch"] == 0


async def test_a_revoked_sign_in_is_reported_and_mended_without_a_restart(gmail: Gmail, desk: Desk) -> None:
    cursor = await start(desk)
    gmail.accounts.is_revoked = True
    gmail.accounts.access_tokens.clear()
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            await desk.poller.list_new(cursor, NOW)
    ids = deliver(gmail, 2)
    gmail.accounts.is_revoked = False
    assert (await desk.poller.list_new(cursor, NOW)).external_ids == ids


async def test_a_token_that_gmail_never_takes_needs_a_sign_in(gmail: Gmail, desk: Desk) -> None:
    gmail.faults.plan("getProfile", *[Fault("error", status=401, reason="authError")] * 2)
    with pytest.raises(SignInNeeded):
        await desk.poller.list_new(None, None)


async def test_a_time_that_no_calendar_has_is_the_vendor_being_away(gmail: Gmail, desk: Desk) -> None:
    (mail,) = deliver(gmail, 1)
    gmail.mailbox.mails[mail].arrived_ms = 2**62
    with pytest.raises(VendorAway):
        await desk.poller.fetch(mail)


async def test_hanging_up_is_nothing(desk: Desk) -> None:
    await desk.poller.aclose()
    assert (desk.poller.channel, desk.poller.inbox, desk.poller.poll_seconds) == ("gmail", ADDRESS, 60)
