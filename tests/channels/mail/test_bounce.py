"""Bounces mark the reply they bounce as failed, and do nothing else."""

import pytest

from benchmarks.letters import MAIL_ID, OUTBOX_ID, parse_body, write_bounce, write_raw
from channels.mail.compose import REPLY_HEADER

EXIM = (
    "This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
    "delivered to one or more of its recipients. This is a permanent error.\n\n  alice@customer.example\n"
    "    host mx.customer.example: 550 5.1.1 <alice@customer.example>: no such user\n\n"
    "------ This is a copy of the message's header. ------\n\nFrom: support@desk.example\n"
)
DAEMON = "From: Mail Delivery System <Mailer-Daemon@mx.desk.example>\nSubject: Mail delivery failed\n"


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "text/rfc822-headers; charset=us-ascii"])
def test_a_report_of_failure_names_our_reply_and_why(returned: str) -> None:
    parsed = parse_body(write_bounce(returned=returned))
    (status,) = parsed.statuses
    assert (status.state, status.outbox_id, status.mail_id) == ("failed", OUTBOX_ID, MAIL_ID)
    assert status.error == "550 5.1.1 No such user"


def test_a_bounce_is_no_message_and_brings_no_files() -> None:
    parsed = parse_body(write_bounce())
    assert (parsed.messages, dict(parsed.contents), parsed.ignored) == ((), {}, ())


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", ""])
def test_a_report_of_anything_but_failure_changes_nothing(action: str) -> None:
    parsed = parse_body(write_bounce(action=action))
    assert (parsed.statuses, parsed.messages) == ((), ())
    assert len(parsed.ignored) == 1


def test_a_mail_that_gmail_renamed_is_found_by_our_mark() -> None:
    raw = write_bounce().replace(f"Message-ID: {MAIL_ID}".encode(), b"Message-Id: <CAKx1y2z3@mail.gmail.com>")
    (status,) = parse_body(raw).statuses
    assert (status.outbox_id, status.mail_id) == (OUTBOX_ID, "<CAKx1y2z3@mail.gmail.com>")


def test_a_bounce_that_returns_nothing_is_matched_by_what_it_answers() -> None:
    raw = write_raw(f"{DAEMON}In-Reply-To: {MAIL_ID}\nX-Failed-Recipients: alice@customer.example", EXIM)
    (status,) = parse_body(raw).statuses
    assert (status.outbox_id, status.mail_id) == (OUTBOX_ID, MAIL_ID)


@pytest.mark.parametrize("line", [f"Message-ID: {MAIL_ID}", f"Message-Id:\n {MAIL_ID}", f"{REPLY_HEADER}: {OUTBOX_ID}"])
def test_a_bounce_in_plain_words_is_read_too(line: str) -> None:
    (status,) = parse_body(write_raw(DAEMON, f"{EXIM}{line}")).statuses
    assert status.outbox_id == OUTBOX_ID
    assert status.error is not None
    assert status.error.startswith("550 5.1.1 <alice@customer.example>")


def test_a_warning_in_plain_words_that_a_mail_is_late_changes_nothing() -> None:
    late = DAEMON.replace("Mail delivery failed", "Warning: message delayed 24 hours")
    assert parse_body(write_raw(late, f"{EXIM}Message-ID: {MAIL_ID}")).statuses == ()


def test_a_bounce_of_nobodys_mail_is_only_counted() -> None:
    parsed = parse_body(write_raw(DAEMON, EXIM))
    assert (parsed.statuses, parsed.messages, len(parsed.ignored)) == ((), (), 1)


def test_a_read_receipt_is_only_counted() -> None:
    raw = write_bounce().replace(b"message/delivery-status", b"message/disposition-notification")
    parsed = parse_body(raw)
    assert (parsed.statuses, parsed.messages, len(parsed.ignored)) == ((), (), 1)


def test_a_customer_who_only_quotes_a_bounce_has_written_a_message() -> None:
    raw = write_raw("From: alice@customer.example\nSubject: Your mail bounced", f"{EXIM}Message-ID: {MAIL_ID}")
    parsed = parse_body(raw)
    assert (len(parsed.messages), parsed.statuses) == (1, ())


def test_what_a_server_says_is_cut_and_cleaned() -> None:
    (status,) = parse_body(write_bounce(diagnostic="smtp; 550 \x1b[31m" + "no " * 900)).statuses
    assert status.error is not None
    assert len(status.error) <= 300
    assert status.error.isprintable()


def test_a_forged_bounce_can_mark_a_reply_as_failed_and_no_more() -> None:
    forged = write_bounce().replace(
        b"From: Mail Delivery System <MAILER-DAEMON@mx.desk.example>", b"From: eve@evil.example"
    )
    parsed = parse_body(forged)
    assert [status.state for status in parsed.statuses] == ["failed"]
    assert (parsed.messages, parsed.revoked, parsed.consents, parsed.wakes) == ((), (), (), ())
