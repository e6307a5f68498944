"""Mails for tests and benchmarks: all that customers' programs send, made from a seed, and builders for single ones."""

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from random import Random
from uuid import UUID

from channels.mail.account import MailAccount
from channels.mail.compose import REPLY_HEADER
from channels.mail.parse import parse_mail
from database.types import (
    Channel,
    ConversationId,
    InboundMessage,
    MailPath,
    MessageId,
    OutboundMessage,
    Parsed,
    Source,
)

ACCOUNT = MailAccount(
    channel="mailbox",
    address="support@desk.example",
    name="Harborline Support",
    authenticator="mx.desk.example",
    aliases=frozenset({"help@desk.example"}),
)
OUTBOX_ID = MessageId(UUID("0193b1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"))
MAIL_ID = f"<{OUTBOX_ID.hex}@desk.example>"

_WORDS = {
    "us-ascii": "order invoice late parcel please help account password change address refund thank you week",
    "iso-8859-1": "Bestellung Rechnung spät größer für Grüße über möchte ändern Adresse bitte schön Straße",
    "windows-1252": "facture livraison “toujours” reçu où déjà euros œuvre problème même ça",
    "utf-8": "zamówienie paczka proszę żółć 😀 łódź pomóc źle dziękuję hasło",
    "iso-2022-jp": "注文 請求書 届きません 住所 変更 お願いします ありがとう パスワード",
    "koi8-r": "заказ счёт адрес пароль пожалуйста спасибо посылка опоздала",
}


def parse_body(body: bytes | EmailMessage, account: MailAccount = ACCOUNT, **facts: str) -> Parsed:
    """Parse a mail as it came into the account's inbox."""
    raw = body if isinstance(body, bytes) else body.as_bytes(policy=SMTP)
    return parse_mail(Source(account.channel, account.address, "7:42", raw, facts), account)


def read_message(body: bytes | EmailMessage, account: MailAccount = ACCOUNT, **facts: str) -> InboundMessage:
    """The one message that a mail is parsed into."""
    (message,) = parse_body(body, account, **facts).messages
    return message


def write_raw(header: str, body: str = "Where is my order?", charset: str = "utf-8") -> bytes:
    """A mail from header lines and a body, just as they are, with the line ends of the wire."""
    return "\r\n".join([*header.strip().splitlines(), "", *body.splitlines(), ""]).encode(charset)


def write_letter(text: str = "Where is my order?", **headers: str) -> EmailMessage:
    """A customer's letter; underscores in the names of further headers stand for hyphens."""
    mail = EmailMessage(policy=SMTP)
    fields = {
        "From": "Alice Example <alice@customer.example>",
        "To": "support@desk.example",
        "Subject": "My order",
        "Date": "Sat, 21 Nov 2026 09:30:00 +0000",
        "Message-ID": "<first@customer.example>",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in fields.items():
        if value:
            mail[name] = value
    mail.set_content(text)
    return mail


def make_reply(
    text: str = "Your order is on its way.", channel: Channel = "mailbox", **path: object
) -> OutboundMessage:
    """A committed reply to Alice's letter; `path` changes where it goes."""
    fields = {
        "to": "alice@customer.example",
        "name": "Alice Example",
        "subject": "My order",
        "in_reply_to": "<first@customer.example>",
    } | path
    return OutboundMessage(
        id=OUTBOX_ID,
        conversation_id=ConversationId(UUID(int=6)),
        thread_contact="alice@customer.example/0123456789abcdef",
        channel=channel,
        inbox=ACCOUNT.address,
        text=text,
        attempt=1,
        lease_token=UUID(int=7),
        path=MailPath.model_validate(fields),
    )


def write_bounce(
    *, action: str = "failed", diagnostic: str = "smtp; 550 5.1.1 No such user", returned: str = "message/rfc822"
) -> bytes:
    """A report of RFC 3464 on a reply of ours, with the reply or only its header in it."""
    header = f"Message-ID: {MAIL_ID}\n{REPLY_HEADER}: {OUTBOX_ID}\nFrom: support@desk.example\nSubject: Re: My order"
    return write_raw(
        "From: Mail Delivery System <MAILER-DAEMON@mx.desk.example>\nTo: support@desk.example\n"
        "Subject: Undelivered Mail Returned to Sender\nReturn-Path: <>\nAuto-Submitted: auto-replied\n"
        "Message-ID: <bounce-1@mx.desk.example>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "--b\nContent-Type: text/plain\n\nI'm sorry to have to inform you.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.desk.example\n\n"
        f"Final-Recipient: rfc822; alice@customer.example\nAction: {action}\nStatus: 5.1.1\n"
        f"Diagnostic-Code: {diagnostic}\n\n"
        f"--b\nContent-Type: {returned}\n\n{header}\n\n--b--",
    )


def make_mails(count: int, seed: int) -> list[bytes]:
    """So many varied mails, the same for the same seed: about a fifth of them replies, and some bounces."""
    random = Random(seed)
    kinds: list[Callable[[Random, int], bytes]] = [
        _make_plain,
        _make_plain,
        _make_html,
        _make_alternative,
        _make_reply_mail,
        _make_reply_mail,
        _make_with_files,
        _make_odd_charset,
        _make_odd_charset,
        _make_returned,
    ]
    return [random.choice(kinds)(random, number) for number in range(count)]


def _write_words(random: Random, charset: str = "us-ascii", count: int = 60) -> str:
    words = [random.choice(_WORDS[charset].split()) for _ in range(random.randint(3, count))]
    return "\n\n".join(" ".join(words[start : start + 25]) + "." for start in range(0, len(words), 25))


def _begin(random: Random, number: int) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    customer = f"customer{random.randint(1, 200)}@mail{random.randint(1, 9)}.example"
    mail["Received"] = "from out.example by mx.desk.example with ESMTPS; Sat, 21 Nov 2026 09:30:01 +0000"
    mail["Authentication-Results"] = f"mx.desk.example; dmarc=pass header.from={customer.partition('@')[2]}"
    mail["From"] = f"Customer {number} <{customer}>"
    mail["To"] = ACCOUNT.address
    mail["Subject"] = _write_words(random, random.choice(["us-ascii", "utf-8"]), 6).replace("\n", " ")
    mail["Date"] = "Sat, 21 Nov 2026 09:30:00 +0000"
    mail["Message-ID"] = f"<{random.getrandbits(64):x}.{number}@mail.example>"
    return mail


def _make_plain(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    mail.set_content(_write_words(random))
    return mail.as_bytes()


def _write_html(random: Random) -> str:
    paragraphs = "".join(f"<p>{line}</p>" for line in _write_words(random, "utf-8", 150).split("\n\n"))
    return f"<html><head><style>p {{ color: #333 }}</style></head><body><div>{paragraphs}</div></body></html>"


def _make_html(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    mail.set_content(_write_html(random), subtype="html")
    return mail.as_bytes()


def _make_alternative(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    mail.set_content(_write_words(random, "utf-8"))
    mail.add_alternative(_write_html(random), subtype="html")
    mail.set_boundary(f"=_{random.getrandbits(64):x}")  # the library would make it from another random
    return mail.as_bytes()


def _make_reply_mail(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    mail.replace_header("Subject", "Re: My order")
    mail["In-Reply-To"] = MAIL_ID
    mail["References"] = f"<first@customer.example> {MAIL_ID}"
    introduction = random.choice(
        [
            "On Sat, 21 Nov 2026 at 10:12, Harborline Support <support@desk.example> wrote:",
            "Am 21.11.26 um 10:12 schrieb Harborline Support:",
            "Le sam. 21 nov. 2026 à 10:12, Harborline Support <support@desk.example> a écrit :",
        ]
    )
    quoted = "\n".join(f"> {line}" for line in _write_words(random, count=200).split("\n"))
    mail.set_content(f"{_write_words(random)}\n\n{introduction}\n\n{quoted}\n")
    return mail.as_bytes()


def _make_with_files(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    mail.set_content(_write_words(random))
    for file in range(random.randint(1, 3)):
        content = random.randbytes(random.choice([100, 5_000, 100_000]))
        mail.add_attachment(content, maintype="image", subtype="png", filename=f"Foto größe {file}.png")
    mail.set_boundary(f"=_{random.getrandbits(64):x}")
    return mail.as_bytes()


def _make_odd_charset(random: Random, number: int) -> bytes:
    mail = _begin(random, number)
    charset = random.choice(list(_WORDS))
    mail.set_content(_write_words(random, charset), charset=charset)
    return mail.as_bytes()


def _make_returned(random: Random, _number: int) -> bytes:
    return write_bounce(returned=random.choice(["message/rfc822", "text/rfc822-headers"]))
