"""From one mail, as it arrived, to what it says to the desk."""

from datetime import datetime
from hashlib import sha256

from channels.mail.account import MailAccount
from channels.mail.body import MAX_FILE_BYTES, MailBody, read_body
from channels.mail.bounce import is_bounce, read_bounce
from channels.mail.headers import Headers
from channels.mail.machine import MachineMail, find_machine
from channels.mail.mime import read_mime
from channels.mail.quote import split_reply
from channels.mail.sender import read_sender
from channels.mail.text import cut_text
from channels.mail.threads import is_forward, list_follows, list_known_as
from database.types import Identity, InboundMessage, MailPath, Parsed, Source

# The message must stay well below 256 KiB as JSON in UTF-8, whatever its alphabet.
_MAX_TEXT, _MAX_TEXT_BYTES = 100_000, 120_000
_MAX_QUOTED, _MAX_QUOTED_BYTES = 50_000, 40_000
_MAX_REFERENCES, _MAX_REFERENCE = 20, 900


def parse_mail(source: Source, account: MailAccount, *, max_file_bytes: int = MAX_FILE_BYTES) -> Parsed:
    """Read one mail: a message, a bounce's status, or a reason why it is neither. Raises nothing but MalformedSource.

    `source.facts` may hold Gmail's `thread`, and as `received_at` when the mail reached its mailbox. Nothing but the
    source and the arguments decides on the result.
    """
    mail = read_mime(source.body)
    headers = Headers(mail)
    body = read_body(mail, max_file_bytes=max_file_bytes)
    named = headers.list_addresses("From")
    address = named[0].address if named else ""
    if is_bounce(headers, address):
        bounce = read_bounce(mail, headers, address, body.text)
        return Parsed(statuses=(bounce,)) if bounce else Parsed(ignored=("a report that names no failed reply",))
    sender = read_sender(headers, account)
    machine = find_machine(headers, account, sender.value)
    if machine and not machine.is_kept:
        return Parsed(ignored=(machine.reason,))
    message = _build_message(source, headers, body, sender, machine)
    return Parsed(messages=(message,), contents=body.contents)


def _build_message(
    source: Source, headers: Headers, body: MailBody, sender: Identity, machine: MachineMail | None
) -> InboundMessage:
    subject, thread = headers.get_text("Subject"), source.facts.get("thread") or None
    fingerprint = _hash_content(source, headers)
    external_id = _name_mail(source, headers, fingerprint)
    own_id = next(iter(headers.list_ids("Message-ID")), None)
    contact = sha256((own_id or external_id).encode()).hexdigest()[:16]
    reply = split_reply(body.text, is_forward=is_forward(subject))
    return InboundMessage(
        channel=source.channel,
        inbox=source.inbox,
        contact=f"{sender.value}/{contact}",
        external_id=external_id,
        fingerprint=fingerprint,
        sender=sender,
        text=_cut(reply.text or subject, _MAX_TEXT, _MAX_TEXT_BYTES),
        reply_path=_build_path(headers, sender, subject, thread, own_id),
        follows=list_follows(headers, subject, thread),
        known_as=list_known_as(headers, subject, thread),
        quoted=_cut(reply.quoted, _MAX_QUOTED, _MAX_QUOTED_BYTES),
        attachments=tuple(body.attachments),
        starts_turn=machine is None,
        sent_at=_read_time(source.facts.get("received_at")),
    )


def _read_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _cut(text: str, max_chars: int, max_bytes: int) -> str:
    return cut_text(text, max_chars, max_bytes, "[Cut here: the mail is longer. Its source has the rest.]")


def _build_path(headers: Headers, sender: Identity, subject: str, thread: str | None, own_id: str | None) -> MailPath:
    # Replies go where From says and never to Reply-To. Whoever forges a customer's From would otherwise have our
    # answer, with whatever it says about that customer, sent to an address of their own.
    before = headers.list_ids("References") or headers.list_ids("In-Reply-To")[:1]
    references = [mail_id for mail_id in before if len(mail_id) <= _MAX_REFERENCE]
    if len(references) > _MAX_REFERENCES:
        references = [references[0], *references[1 - _MAX_REFERENCES :]]
    return MailPath(
        to=sender.value,
        name=sender.name,
        subject=subject,
        in_reply_to=own_id if own_id and len(own_id) <= _MAX_REFERENCE else None,
        references=tuple(references),
        vendor_thread=thread,
    )


def _name_mail(source: Source, headers: Headers, fingerprint: str) -> str:
    """Gmail's own name, or one that the same mail has wherever and however often it is found.

    A Message-ID alone would not do: some programs use one for many mails, and anyone can repeat a stranger's.
    """
    if source.channel == "gmail":
        return source.external_id
    if headers.list_ids("Message-ID"):
        return f"mail:{fingerprint}"
    return f"raw:{sha256(source.body).hexdigest()}"


def _hash_content(source: Source, headers: Headers) -> str:
    """What makes this mail this mail: not Received and the like, which every server on the way adds to."""
    identity = [
        value for name in ("Message-ID", "From", "Date", "Subject") for value in (name, *headers.list_raw(name))
    ]
    unix = source.body.replace(b"\r\n", b"\n")
    content = "\0".join(identity).encode("utf-8", "replace") + b"\0\0" + unix.partition(b"\n\n")[2].rstrip()
    return sha256(content).hexdigest()
