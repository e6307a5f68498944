"""Reading bounces: which of our replies could not be delivered, and what the server said.

Nothing authenticates a bounce, and whoever has had a reply of ours knows the id in it. So a bounce, true or forged, is
worth one thing: the reply that it names is marked as failed, and a person looks. It is no message, names no customer,
starts no turn, and causes nothing to be sent again.
"""

import re
from email.message import Message
from email.parser import HeaderParser

from channels.mail.compose import REPLY_HEADER, find_reply_id
from channels.mail.headers import Headers
from channels.mail.machine import is_daemon, is_report
from channels.mail.mime import list_children
from channels.mail.text import clean_line
from database.types import StatusUpdate

_MAX_ERROR = 300
_MAX_BODY = 200_000

_MARK = re.compile(rf"^{REPLY_HEADER}:[ \t]*([0-9a-fA-F-]{{32,36}})[ \t]*$", re.IGNORECASE | re.MULTILINE)
_MAIL_ID = re.compile(r"^Message-ID:[ \t\r\n]*(<[!-;=?-~]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_CODE = re.compile(r"\b(?:5\d\d[ -]+)?(?:#?5\.\d{1,3}\.\d{1,3})\b[^\n]{0,200}|\b55\d[ -][^\n]{0,200}")
_FAILED = re.compile(
    r"undeliver|not (?:be )?deliver|delivery (?:has )?failed|fail(?:ed|ure)|returned|unzustellbar|permanent|non remis|"
    r"no se ha podido entregar",
    re.IGNORECASE,
)
_DELAYED = re.compile(r"delay|warning|will (?:be )?retr|not yet been delivered|verzöger", re.IGNORECASE)


def read_bounce(mail: Message, headers: Headers, sender: str, text: str) -> StatusUpdate | None:
    """The failure that a bounce reports of a reply of ours, or None: no bounce, only a delay, or a stranger's mail.

    RFC 3464 reports are read by their fields, others by the words and codes that mail servers use.
    """
    if is_report(headers):
        error = _read_report(mail)
    elif is_daemon(sender) or "X-Failed-Recipients" in headers:
        error = _read_words(headers, text)
    else:
        return None
    return _name_reply(mail, headers, error, text) if error else None


def is_bounce(headers: Headers, sender: str) -> bool:
    """Whether a mail is a mail server's report, on whatever mail and with whatever result."""
    return is_report(headers) or is_daemon(sender) or "X-Failed-Recipients" in headers


def _read_report(mail: Message) -> str | None:
    for part in mail.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in map(Headers, list_children(part)):
            if fields.get_raw("Action").lower().startswith("failed"):
                said = fields.get_text("Diagnostic-Code").partition(";")[2].strip()
                return _shorten(said or fields.get_text("Status"))
    return None


def _read_words(headers: Headers, text: str) -> str | None:
    subject, body = headers.get_text("Subject"), text[:_MAX_BODY]
    if _DELAYED.search(subject) or not (_FAILED.search(subject) or _FAILED.search(body)):
        return None
    code = _CODE.search(body)
    return _shorten(code[0] if code else subject)


def _shorten(error: str) -> str:
    return clean_line(error, _MAX_ERROR) or "returned by the customer's mail server"


def _name_reply(mail: Message, headers: Headers, error: str, text: str) -> StatusUpdate | None:
    returned = "\n".join([*_list_returned(mail), text[:_MAX_BODY]])
    mark, mail_id = _MARK.search(returned), _MAIL_ID.search(returned)
    answered = [*headers.list_ids("In-Reply-To"), *headers.list_ids("References")]
    # Gmail gives a reply another Message-ID than we did; then only the mark, or what the bounce answers, names it.
    named = mail_id[1] if mail_id else next(iter(answered), None)
    outbox_id = find_reply_id(f"<{mark[1].replace('-', '').lower()}@mark>") if mark else None
    outbox_id = outbox_id or find_reply_id(named or "")
    if outbox_id is None and named is None:
        return None
    return StatusUpdate(state="failed", outbox_id=outbox_id, mail_id=named, error=error)


def _list_returned(mail: Message) -> list[str]:
    """The header of the mail that came back, as a nested mail or as text, up to 200 KB of it."""
    found: list[str] = []
    for part in mail.walk():
        if part is mail:
            continue
        fields = Headers(_read_header_part(part) if part.get_content_type() == "text/rfc822-headers" else part)
        found += [f"{name}: {fields.get_raw(name)}" for name in (REPLY_HEADER, "Message-ID") if name in fields]
    return found


def _read_header_part(part: Message) -> Message:
    content = part.get_payload(decode=True)
    return HeaderParser().parsestr(content[:_MAX_BODY].decode("latin-1") if isinstance(content, bytes) else "")
