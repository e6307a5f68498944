"""A customer's mail on its way through Gmail: into the desk, out of it, and back."""

import base64
from datetime import UTC, datetime
from email.message import EmailMessage

from channels.gmail.poll import GmailPoller
from database.types import InboundMessage, MailPath, Parsed
from tests.channels.gmail.desk import Desk, make_mail, make_reply
from tests.emulators.gmail import ADDRESS
from tests.emulators.gmail_mailbox import StoredMail
from tests.emulators.gmail_rest import Gmail


async def read(poller: GmailPoller, mail: StoredMail) -> Parsed:
    source = await poller.fetch(mail.id)
    assert source is not None
    assert poller.parse(source) == poller.parse(source)
    return poller.parse(source)


async def read_message(poller: GmailPoller, mail: StoredMail) -> InboundMessage:
    (message,) = (await read(poller, mail)).messages
    return message


async def test_a_letter_becomes_a_message_with_the_way_back(gmail: Gmail, desk: Desk) -> None:
    mail = gmail.mailbox.deliver(make_mail())
    message = await read_message(desk.poller, mail)
    assert (message.channel, message.inbox, message.external_id) == ("gmail", ADDRESS, mail.id)
    assert message.text == "My order has not come."
    assert message.sender is not None
    assert (message.sender.value, message.sender.level) == ("alice@example.com", "proven")
    assert isinstance(message.reply_path, MailPath)
    assert message.reply_path.vendor_thread == mail.thread_id
    assert f"gmail-thread:{mail.thread_id}" in message.known_as


async def test_the_reply_to_it_joins_its_thread_and_the_answer_finds_the_reply(gmail: Gmail, desk: Desk) -> None:
    mail = gmail.mailbox.deliver(make_mail())
    message = await read_message(desk.poller, mail)
    reply = make_reply()
    path = message.reply_path
    assert isinstance(path, MailPath)
    receipt = await desk.sender.send(
        type(reply)(**{name: getattr(reply, name) for name in reply.__slots__} | {"path": path})
    )
    assert gmail.accepted[0]["joined"]
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = "alice@example.com", ADDRESS, "Re: Where is my order?"
    answer["Message-ID"], answer["In-Reply-To"] = "<second@mail.example.com>", receipt.mail_id
    answer.set_content("Thank you!")
    back = await read_message(desk.poller, gmail.mailbox.deliver(answer.as_bytes()))
    assert set(back.follows) & set(receipt.known_as)
    assert back.reply_path is not None


async def test_our_own_mail_makes_no_message_whatever_its_label(gmail: Gmail, desk: Desk) -> None:
    await desk.sender.send(make_reply(to="alice@example.com"))
    sent = next(iter(gmail.mailbox.mails.values()))
    assert (await read(desk.poller, sent)).messages == ()
    for sender in (ADDRESS, f"Support <{ADDRESS.upper()}>", ADDRESS.replace("@", "+tag@")):
        mail = gmail.mailbox.deliver(make_mail(sender=sender))
        assert (await read(desk.poller, mail)).messages == ()
    back = gmail.mailbox.deliver(sent.raw)
    assert (await read(desk.poller, back)).messages == ()


async def test_an_automatic_reply_starts_no_turn(gmail: Gmail, desk: Desk) -> None:
    raw = b"Auto-Submitted: auto-replied\r\n" + make_mail("I am away.")
    parsed = await read(desk.poller, gmail.mailbox.deliver(raw))
    assert not any(message.starts_turn for message in parsed.messages)


async def test_a_file_of_twenty_megabytes_arrives_whole(gmail: Gmail, desk: Desk) -> None:
    content = bytes(range(256)) * (20 * 4096)
    parsed = await read(desk.poller, gmail.mailbox.deliver(make_mail(files=(content,))))
    assert list(parsed.contents.values()) == [content]


async def test_gmail_takes_exactly_the_mail_that_was_composed(gmail: Gmail, desk: Desk) -> None:
    desk.clock = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    await desk.sender.send(make_reply(text="Grüße — 日本語"))
    (sent,) = gmail.mailbox.mails.values()
    assert sent.headers["Date"] == "Sat, 21 Nov 2026 12:30:00 +0000"
    assert sent.headers["Auto-Submitted"] == "auto-replied"
    assert base64.b64decode(sent.raw.partition(b"\r\n\r\n")[2]).decode().strip() == "Grüße — 日本語"
