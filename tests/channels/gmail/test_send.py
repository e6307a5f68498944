"""Sending through Gmail: once, in the thread, and each refusal taken for what it is."""

from uuid import UUID

import pytest

from channels.base import DeliveryFailed, DeliveryUncertain, InboxBlocked, RateLimited, SignInNeeded
from channels.gmail import send
from database.types import OutboundMessage
from tests.channels.gmail.desk import Desk, make_mail, make_reply
from tests.emulators.gmail_faults import Fault
from tests.emulators.gmail_rest import Gmail


async def fail(desk: Desk, reply: OutboundMessage) -> DeliveryFailed:
    """The refusal of a reply."""
    with pytest.raises(DeliveryFailed) as caught:
        await desk.sender.send(reply)
    return caught.value


async def test_a_reply_joins_the_customers_thread(gmail: Gmail, desk: Desk) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    reply = make_reply(thread=thread)
    receipt = await desk.sender.send(reply)
    (accepted,) = gmail.accepted
    assert (accepted["thread_id"], accepted["joined"], accepted["reply"]) == (thread, True, str(reply.id))
    assert accepted["to"] == "Alice <alice@example.com>"
    assert accepted["in_reply_to"] == "<first@mail.example.com>"
    assert receipt.vendor_id == accepted["id"]


async def test_the_receipt_knows_the_mail_by_our_message_id_by_gmails_and_by_its_thread(
    gmail: Gmail, desk: Desk
) -> None:
    thread = gmail.mailbox.deliver(make_mail()).thread_id
    reply = make_reply(thread=thread, number=UUID(int=5))
    receipt = await desk.sender.send(reply)
    theirs = gmail.accepted[0]["message_id"]
    ours = f"<{UUID(int=5).hex}@example.com>"
    assert receipt.known_as == (ours, theirs, f"gmail-thread:{thread}")
    assert receipt.mail_id == theirs != ours


async def test_a_reply_without_a_thread_begins_one(gmail: Gmail, desk: Desk) -> None:
    receipt = await desk.sender.send(make_reply())
    assert receipt.known_as[-1] == f"gmail-thread:{gmail.accepted[0]['thread_id']}"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop"),
        Fault("error", status=500),
        Fault("html", status=502),
        Fault("stall", seconds=2.0),
        Fault("garble"),
    ],
    ids=lambda fault: fault.kind,
)
async def test_a_read_back_that_fails_leaves_an_accepted_reply_sent(gmail: Gmail, desk: Desk, fault: Fault) -> None:
    desk.expect(fault)
    gmail.faults.plan("messages.get", fault)
    receipt = await desk.sender.send(make_reply(number=UUID(int=5)))
    assert receipt.vendor_id == gmail.accepted[0]["id"]
    assert receipt.mail_id == f"<{UUID(int=5).hex}@example.com>"
    assert gmail.requests["messages.get"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop"),
        Fault("stall", seconds=2.0),
        Fault("garble"),
        Fault("lie", status=500),
        Fault("lie", status=502),
        Fault("lie", status=503),
        Fault("lie", status=408),
        Fault("html", status=504),
        Fault("html", status=302),
        Fault("refuse"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
async def test_a_send_whose_answer_is_lost_is_in_doubt_and_is_not_repeated(
    gmail: Gmail, desk: Desk, fault: Fault
) -> None:
    desk.expect(fault)
    gmail.faults.plan("messages.send", fault)
    with pytest.raises(DeliveryUncertain):
        await desk.sender.send(make_reply())
    assert gmail.requests["messages.send"] == 1
    assert len(gmail.accepted) <= 1
    assert desk.waits == []


async def test_a_send_that_reaches_nobody_surely_failed(gmail: Gmail, desk: Desk) -> None:
    await desk.client.read(lambda users: users.getProfile(userId="me"))
    nobody = Desk("http://127.0.0.1:9")
    nobody.client._sign_in = desk.client._sign_in
    error = await fail(nobody, make_reply())
    assert not error.permanent
    assert "cannot be reached" in str(error)


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault("error", status=400, reason="invalidArgument"), (DeliveryFailed, True, None)),
        (Fault("error", status=400, reason="failedPrecondition"), (InboxBlocked, False, 900.0)),
        (Fault("error", status=403, reason="rateLimitExceeded"), (RateLimited, False, 30.0)),
        (Fault("error", status=403, reason="userRateLimitExceeded", retry_after="7"), (RateLimited, False, 7.0)),
        (Fault("error", status=403, reason="dailyLimitExceeded"), (InboxBlocked, False, 900.0)),
        (Fault("error", status=403, reason="domainPolicy"), (InboxBlocked, False, 900.0)),
        (Fault("html", status=403), (InboxBlocked, False, 900.0)),
        (Fault("error", status=404, reason="notFound"), (DeliveryFailed, True, None)),
        (Fault("error", status=413, reason="uploadTooLarge"), (DeliveryFailed, True, None)),
        (Fault("error", status=429, reason="rateLimitExceeded"), (RateLimited, False, 30.0)),
        (Fault("html", status=429), (RateLimited, False, 30.0)),
        (Fault("error", status=429, reason="rateLimitExceeded", retry_after="300"), (RateLimited, False, 300.0)),
        (Fault("error", status=429, reason="rateLimitExceeded", retry_after="3600"), (InboxBlocked, False, 3600.0)),
    ],
    ids=lambda value: f"{value.kind}-{value.status}-{value.reason}" if isinstance(value, Fault) else None,
)
async def test_each_refusal_says_whether_to_try_again(
    gmail: Gmail, desk: Desk, fault: Fault, verdict: tuple[type[DeliveryFailed], bool, float | None]
) -> None:
    gmail.faults.plan("messages.send", fault)
    error = await fail(desk, make_reply())
    assert (type(error), error.permanent, error.retry_after) == verdict
    assert gmail.accepted == []


async def test_missing_permission_asks_for_a_sign_in(gmail: Gmail, desk: Desk) -> None:
    gmail.faults.plan("messages.send", Fault("error", status=403, reason="insufficientPermissions"))
    with pytest.raises(SignInNeeded):
        await desk.sender.send(make_reply())


async def test_an_access_token_that_ended_early_is_replaced_and_the_reply_goes_at_its_next_attempt(
    gmail: Gmail, desk: Desk
) -> None:
    await desk.sender.send(make_reply())
    gmail.accounts.access_tokens.clear()
    reply = make_reply()
    error = await fail(desk, reply)
    assert not error.permanent
    await desk.sender.send(reply)
    assert [accepted["reply"] for accepted in gmail.accepted][1:] == [str(reply.id)]


async def test_a_revoked_sign_in_is_noticed_at_the_next_send(gmail: Gmail, desk: Desk) -> None:
    await desk.sender.send(make_reply())
    gmail.accounts.is_revoked = True
    gmail.accounts.access_tokens.clear()
    with pytest.raises(SignInNeeded):
        await desk.sender.send(make_reply())
    assert len(gmail.accepted) == 1


async def test_a_token_endpoint_that_is_away_costs_a_retry_and_no_doubt(gmail: Gmail, desk: Desk) -> None:
    gmail.faults.plan("token", Fault("refuse"))
    error = await fail(desk, make_reply())
    assert not error.permanent
    assert gmail.requests["messages.send"] == 0


async def test_a_thread_that_was_deleted_is_a_failure_for_a_person(gmail: Gmail, desk: Desk) -> None:
    error = await fail(desk, make_reply(thread="19aa00000000ffff"))
    assert error.permanent


async def test_another_mailboxs_reply_is_not_sent_from_this_one(gmail: Gmail, desk: Desk) -> None:
    error = await fail(desk, make_reply(inbox="old@example.com"))
    assert error.permanent
    assert gmail.requests["messages.send"] == 0


async def test_a_mail_beyond_gmails_limit_is_not_offered(
    gmail: Gmail, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "MAX_BYTES", 10_000)
    error = await fail(desk, make_reply(text="x" * 10_000))
    assert error.permanent
    assert gmail.requests["messages.send"] == 0


async def test_sending_twice_is_not_harmless(desk: Desk) -> None:
    assert not desk.sender.is_repeatable
