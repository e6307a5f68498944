"""Writing our replies as mail: in the customer's thread, marked as automatic, and recognisable when they come back."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from uuid import UUID

from channels.base import DeliveryFailed
from channels.mail.account import MailAccount
from channels.mail.headers import clean_address
from channels.mail.text import clean_line
from core.clock import Clock, read_system_clock
from database.types import MailPath, MessageId, OutboundMessage

# Carries the outbox id: what we look for in a thread, and in what a bounce returns. Gmail replaces our Message-ID.
REPLY_HEADER = "X-Nightdesk-Reply"
# Carries our own address: what comes back with it has gone in a circle.
LOOP_HEADER = "X-Loop"

# Python folds a Message-ID longer than a line into an encoded word, which no mail program takes for an id: the thread
# would break. 998 is the longest line that RFC 5322 allows. And 7bit, because not every server takes 8-bit bodies.
_POLICY = SMTP.clone(max_line_length=998, cte_type="7bit")
_MAX_SUBJECT = 500
_MAX_REFERENCES = 20

# An id with its header's name must fit into one line: one that does not is left out, for it would break the others.
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_OUR_ID = re.compile(r"<([0-9a-f]{32})@[^<>@\s]+>")
_REPLY_PREFIX = re.compile(r"re\s*:", re.IGNORECASE)


def compose_mail(message: OutboundMessage, account: MailAccount, *, clock: Clock = read_system_clock) -> EmailMessage:
    """The reply as a mail. Its Message-ID is the same however often it is composed; its Date is that of `clock`.

    Raises DeliveryFailed, for good, where there is no address that a plain SMTP server takes. The body is not wrapped:
    every mail program wraps to its own width, and hard line ends would stay wrong on a telephone.
    """
    if not isinstance(message.path, MailPath):
        raise DeliveryFailed("the reply has no mail address to go to", permanent=True)
    path = message.path
    mail = EmailMessage(policy=_POLICY)
    mail["Message-ID"] = build_mail_id(message.id, account)
    mail["Date"] = clock()
    mail["From"] = _write_address(account.name, account.address)
    mail["To"] = _write_address(path.name, path.to)
    mail["Subject"] = _write_subject(path.subject)
    in_reply_to = _pick_ids((path.in_reply_to or "",))
    if in_reply_to:
        mail["In-Reply-To"] = in_reply_to[0]
    references = _shorten(_pick_ids((*path.references, *in_reply_to)))
    if references:
        mail["References"] = " ".join(references)
    mail["Auto-Submitted"] = "auto-replied"
    mail["X-Auto-Response-Suppress"] = "All"
    mail[REPLY_HEADER] = str(message.id)
    mail[LOOP_HEADER] = account.address.lower()
    mail.set_content(message.text, charset="utf-8")
    return mail


def render_mail(mail: EmailMessage) -> bytes:
    """The mail as it goes over the wire: CRLF line ends, nothing but ASCII."""
    return mail.as_bytes(policy=_POLICY)


def build_mail_id(outbox_id: MessageId, account: MailAccount) -> str:
    """The Message-ID of a reply, with its angle brackets."""
    return f"<{UUID(str(outbox_id)).hex}@{_write_domain(account.domain)}>"


def find_reply_id(text: str) -> MessageId | None:
    """The outbox id in the first Message-ID of ours that the text holds, or None."""
    match = _OUR_ID.search(text)
    return MessageId(UUID(match[1])) if match else None


def _write_address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    # Only a domain has a form in ASCII; a local part beyond it would need SMTPUTF8 all the way.
    if clean_address(address) is None or not local.isascii():
        raise DeliveryFailed("the address cannot be written to", permanent=True)
    try:
        return Address(clean_line(name, 100), local, _write_domain(domain))
    except (ValueError, IndexError) as error:
        raise DeliveryFailed("the address cannot be written to", permanent=True) from error


def _write_domain(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode("ascii")


def _write_subject(subject: str) -> str:
    cleaned = clean_line(subject, _MAX_SUBJECT)
    while match := _REPLY_PREFIX.match(cleaned):
        cleaned = cleaned[match.end() :].lstrip()
    return f"Re: {cleaned}".rstrip()


def _pick_ids(texts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(found for text in texts for found in _MESSAGE_ID.findall(text)))


def _shorten(references: list[str]) -> list[str]:
    # RFC 5322 has no limit, but servers refuse long headers; the first names the thread, the last ones the place in it.
    if len(references) <= _MAX_REFERENCES:
        return references
    return [references[0], *references[1 - _MAX_REFERENCES :]]
