"""Which earlier mail a mail belongs to: the keys it follows, and those under which later ones find it."""

import re
from hashlib import sha256

from channels.mail.headers import Headers

_MAX_FOLLOWS = 50
_MAX_KEY = 250

# How mail programs mark a reply and a forward, by language; Outlook counts (Re[2]:), and Chinese uses its own colon.
_REPLY_WORDS = (
    "re", "aw", "antw", "antwort", "sv", "vs", "vá", "ref", "rif", "res", "r", "odp", "ynt", "atb", "bls", "ha", "απ",
    "отв", "ответ", "回复", "回覆", "答复", "返信", "답장",
)  # fmt: skip
_FORWARD_WORDS = (
    "fwd", "fw", "wg", "weitergeleitet", "tr", "rv", "enc", "doorst", "vb", "vl", "pd", "i", "ilt", "пересл",
    "转发", "轉寄", "転送", "전달",
)  # fmt: skip
_MARK = r"(?:{})\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*[:：]\s*"
_REPLY = re.compile(_MARK.format("|".join(_REPLY_WORDS)), re.IGNORECASE)
_FORWARD = re.compile(_MARK.format("|".join(_FORWARD_WORDS)), re.IGNORECASE)


def is_forward(subject: str) -> bool:
    """Whether the subject says that a mail passes another one on, below any number of reply marks."""
    while match := _REPLY.match(subject):
        subject = subject[match.end() :]
    return _FORWARD.match(subject) is not None


def normalise_subject(subject: str) -> str:
    """The subject as the thread has it: without marks of replies and forwards, in one case."""
    while match := _REPLY.match(subject) or _FORWARD.match(subject):
        subject = subject[match.end() :]
    return " ".join(subject.split()).casefold()


def list_follows(headers: Headers, subject: str, vendor_thread: str | None) -> tuple[str, ...]:
    """The keys of earlier mails, best first: the one answered, those before it, the vendor's thread, the subject.

    The subject counts only where it says that this is a reply: two customers' letters, or two of one customer, may
    well be called the same.
    """
    answered = headers.list_ids("In-Reply-To")
    before = list(reversed(headers.list_ids("References")))
    ids = [key_of(mail_id) for mail_id in dict.fromkeys([*answered, *before])]
    return (
        *ids[: _MAX_FOLLOWS - 2],
        *_name_thread(vendor_thread),
        *_name_subject(subject if _is_reply(subject) else ""),
    )


def list_known_as(headers: Headers, subject: str, vendor_thread: str | None) -> tuple[str, ...]:
    """The keys under which replies to this mail, or to its thread, will find it."""
    ids = [key_of(mail_id) for mail_id in headers.list_ids("Message-ID")[:1]]
    return (*ids, *_name_thread(vendor_thread), *_name_subject(subject))


def key_of(mail_id: str) -> str:
    """The key of a Message-ID: itself, or its hash where it is longer than what is worth keeping."""
    return mail_id if len(mail_id) <= _MAX_KEY else f"sha256:{sha256(mail_id.encode()).hexdigest()}"


def _is_reply(subject: str) -> bool:
    return _REPLY.match(subject) is not None


def _name_thread(vendor_thread: str | None) -> list[str]:
    return [f"gmail-thread:{vendor_thread}"] if vendor_thread else []


def _name_subject(subject: str) -> list[str]:
    normalised = normalise_subject(subject)
    return [f"subject:{key_of(normalised)}"] if normalised else []
