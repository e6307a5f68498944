"""A reply that bounces: sent over SMTP, returned into the mailbox by the server that could not deliver it."""

import email
from contextlib import aclosing
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from channels.mail.compose import find_reply_id
from channels.mailbox.poll import MailboxPoller
from database.types import Parsed
from tests.channels.mailbox.desk import NOW, Desk
from tests.channels.mailbox.test_send import MAIL_ID, OUTBOX_ID, make_reply, make_sender
from tests.emulators.smtp import run_smtp


async def send_and_take() -> bytes:
    """One reply as a mail server received it."""
    async with run_smtp() as server:
        await make_sender(server.port).send(make_reply())
    (accepted,) = server.accepted
    return accepted.content


def bounce(mail: bytes, *, action: str, status: str, whole: bool) -> bytes:
    """A report as RFC 3464 wants it, on this mail. It returns the mail whole or its headers alone."""
    original = email.message_from_bytes(mail)
    report = MIMEMultipart("report")
    report.set_param("report-type", "delivery-status")
    report["From"] = "Mail Delivery System <MAILER-DAEMON@mail.example.com>"
    report["To"] = "support@example.com"
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Message-ID"] = "<bounce@mail.example.com>"
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText("I'm sorry to have to inform you that your message could not be delivered."))
    fields = Message()
    fields["Reporting-MTA"] = "dns; mail.example.com"
    recipient = Message()
    recipient["Final-Recipient"] = "rfc822; alice@example.org"
    recipient["Action"] = action
    recipient["Status"] = status
    recipient["Diagnostic-Code"] = "smtp; 550 5.1.1 <alice@example.org>: no such user"
    states = MIMEMessage(Message(), "delivery-status")
    states.set_payload([fields, recipient])
    report.attach(states)
    if whole:
        report.attach(MIMEMessage(original))
    else:
        headers = MIMEText("\n".join(f"{name}: {value}" for name, value in original.items()), "rfc822-headers")
        report.attach(headers)
    return report.as_bytes().replace(b"\n", b"\r\n")


async def read_newest(desk: Desk, poller: MailboxPoller, mail: bytes) -> Parsed:
    """What the poller makes of a mail that is delivered now."""
    start = await poller.list_new(None, None)
    desk.deliver_bytes(mail)
    (external_id,) = (await poller.list_new(start.cursor, NOW)).external_ids
    source = await poller.fetch(external_id)
    assert source is not None
    async with aclosing(poller):
        return poller.parse(source)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_bounce_marks_the_reply_that_bounced_and_starts_no_turn(
    desk: Desk, poller: MailboxPoller, whole: bool
) -> None:
    mail = await send_and_take()
    parsed = await read_newest(desk, poller, bounce(mail, action="failed", status="5.1.1", whole=whole))
    (update,) = parsed.statuses
    assert update.state == "failed"
    assert update.outbox_id == OUTBOX_ID or update.mail_id == MAIL_ID
    assert "5.1.1" in (update.error or "")
    assert not any(message.starts_turn for message in parsed.messages)


async def test_a_delay_is_no_failure(desk: Desk, poller: MailboxPoller) -> None:
    mail = await send_and_take()
    parsed = await read_newest(desk, poller, bounce(mail, action="delayed", status="4.4.1", whole=True))
    assert parsed.statuses == ()


async def test_what_the_server_took_says_which_reply_it_is() -> None:
    assert find_reply_id((await send_and_take()).decode()) == OUTBOX_ID
