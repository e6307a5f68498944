"""Finding out whether a reply in doubt was sent."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from channels.base import DeliveryUncertain, SignInNeeded, VendorAway
from channels.mail.compose import REPLY_HEADER
from tests.channels.gmail.desk import Desk, make_mail, make_reply
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail


@pytest.mark.parametrize(
    "fault", [Fault("drop"), Fault("stall", seconds=2.0), Fault("lie", status=503)], ids=lambda f: f.kind
)
async def test_a_reply_that_was_accepted_without_an_answer_is_found(gmail: Gmail, desk: Desk, fault: Fault) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    reply = make_reply(thread=thread, tried_at=datetime.now(UTC))
    desk.expect(fault)
    gmail.faults.plan("messages.send", fault)
    with pytest.raises(DeliveryUncertain):
        await desk.sender.send(reply)
    receipt = await desk.reconciler.find(reply)
    (accepted,) = gmail.accepted
    assert receipt is not None
    assert (receipt.vendor_id, receipt.mail_id) == (accepted["id"], accepted["message_id"])


async def test_the_receipt_is_the_one_that_the_answer_would_have_brought(gmail: Gmail, desk: Desk) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    reply = make_reply(thread=thread)
    assert await desk.reconciler.find(reply) is None
    receipt = await desk.sender.send(reply)
    assert await desk.reconciler.find(reply) == receipt


async def test_a_reply_that_never_arrived_is_surely_not_there(gmail: Gmail, desk: Desk) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    await desk.sender.send(make_reply(thread=thread))
    gmail.faults.plan("messages.send", Fault("refuse"))
    reply = make_reply(thread=thread, tried_at=datetime.now(UTC))
    with pytest.raises(DeliveryUncertain):
        await desk.sender.send(reply)
    assert await desk.reconciler.find(reply) is None


async def test_a_reply_without_a_thread_is_found_among_the_sent(gmail: Gmail, desk: Desk) -> None:
    gmail.mailbox.page_size = 2
    before = datetime.now(UTC)
    reply = make_reply(tried_at=before)
    for _ in range(3):
        await desk.sender.send(make_reply())
    receipt = await desk.sender.send(reply)
    for _ in range(3):
        await desk.sender.send(make_reply())
    assert await desk.reconciler.find(reply) == receipt
    since = int((before - timedelta(minutes=10)).timestamp())
    assert gmail.queries == [f"in:sent after:{since} to:alice@example.com"] * 4


async def test_what_a_busy_mailbox_sent_to_others_is_not_read(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(to="Alice+Shop@example.com", tried_at=datetime.now(UTC))
    for number in range(30):
        gmail.mailbox.send(make_mail(sender=ADDRESS, to=f"bob{number}@example.com"), None)
    receipt = await desk.sender.send(reply)
    gmail.requests.clear()
    assert await desk.reconciler.find(reply) == receipt
    assert gmail.requests["messages.get"] == 1


async def test_an_address_that_a_search_might_misread_is_not_searched_for(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(to="{alice}@example.com", tried_at=datetime.now(UTC))
    receipt = await desk.sender.send(reply)
    assert await desk.reconciler.find(reply) == receipt
    assert "to:" not in gmail.queries[0]


async def test_too_many_sent_mails_to_be_read_are_no_proof_of_absence(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(tried_at=datetime.now(UTC))
    for _ in range(25):
        gmail.mailbox.send(make_mail(sender=ADDRESS, to="alice@example.com"), None)
    assert await desk.reconciler.find(reply) is None
    gmail.mailbox.send(make_mail(sender=ADDRESS, to="alice@example.com"), None)
    gmail.requests.clear()
    with pytest.raises(VendorAway):
        await desk.reconciler.find(reply)
    assert gmail.requests["messages.get"] == 25


async def test_among_many_sent_mails_the_one_sent_first_is_found(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(tried_at=datetime.now(UTC))
    receipt = await desk.sender.send(reply)
    for _ in range(30):
        gmail.mailbox.send(make_mail(sender=ADDRESS, to="alice@example.com"), None)
    assert await desk.reconciler.find(reply) == receipt


async def test_a_reply_that_gmail_put_into_another_thread_is_found(gmail: Gmail, desk: Desk) -> None:
    other = gmail.mailbox.deliver(make_mail(subject="Something else", message_id="<other@example.com>")).thread_id
    reply = make_reply(thread=other, tried_at=datetime.now(UTC))
    receipt = await desk.sender.send(reply)
    assert not gmail.accepted[0]["joined"]
    assert await desk.reconciler.find(reply) == receipt


async def test_a_reply_in_a_thread_that_was_deleted_is_looked_for_among_the_sent(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(thread="19aa00000000ffff", tried_at=datetime.now(UTC))
    assert await desk.reconciler.find(reply) is None
    assert len(gmail.queries) == 1


async def test_a_strangers_mail_with_our_marker_proves_nothing(gmail: Gmail, desk: Desk) -> None:
    reply = make_reply(number=UUID(int=5), tried_at=datetime.now(UTC))
    forged = f"{REPLY_HEADER}: {reply.id}\r\n".encode() + make_mail()
    thread = gmail.mailbox.deliver(forged).thread_id
    assert await desk.reconciler.find(make_reply(number=UUID(int=5), thread=thread)) is None


async def test_a_sent_mail_that_was_deleted_meanwhile_is_passed_over(gmail: Gmail, desk: Desk) -> None:
    await desk.sender.send(make_reply())
    gmail.faults.plan("messages.get", Fault("error", status=404, reason="notFound"))
    assert await desk.reconciler.find(make_reply(tried_at=datetime.now(UTC))) is None


async def test_sent_mail_that_shows_no_headers_is_no_proof_of_absence(
    gmail: Gmail, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    reply = make_reply(thread=thread)
    await desk.sender.send(reply)
    monkeypatch.setattr("channels.gmail.reconcile._HEADERS", ["X-Misspelt"])
    with pytest.raises(VendorAway):
        await desk.reconciler.find(reply)


@pytest.mark.parametrize("operation", ["threads.get", "messages.list", "messages.get"])
@pytest.mark.parametrize("status", [400, 403, 429, 500])
async def test_a_vendor_that_cannot_say_is_away_and_not_absent(
    gmail: Gmail, desk: Desk, operation: str, status: int
) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    await desk.sender.send(make_reply())
    gmail.faults.plan(operation, *[Fault("error", status=status, reason="forbidden")] * 4)
    with pytest.raises(VendorAway):
        await desk.reconciler.find(make_reply(thread=thread, tried_at=datetime.now(UTC)))


async def test_a_revoked_sign_in_says_nothing_about_the_reply(gmail: Gmail, desk: Desk) -> None:
    gmail.accounts.is_revoked = True
    with pytest.raises(SignInNeeded):
        await desk.reconciler.find(make_reply())
