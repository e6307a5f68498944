"""Taking a mail apart, with Python's own parser and without its costs: what holds it up is refused before."""

from email import message_from_bytes
from email.message import Message
from email.policy import Compat32

from channels.base import MalformedSource

# The library needs time in the square of a header's length to read its parameters: one Content-Type of a megabyte
# would hold up a worker for a minute. This is enough for a hundred References.
MAX_FIELD = 20_000

# It reads mail line by line, and asks for each whether it ends any of the parts around it: a mail of line ends alone,
# or of a hundred multiparts within each other, would keep a worker busy for minutes. Base64 of 36 MB, the most that
# Gmail takes, has half a million lines.
_MAX_LINES = 1_000_000
_MAX_STEPS = 10_000_000
_MAX_DEPTH = 50


class _LenientMessage(Message):
    """A mail or part of one, whose parameters are missing where they contradict each other."""

    def get_param(  # type: ignore[override]  # the stub spells out each combination of defaults
        self, param: str, failobj: object = None, header: str = "content-type", *, unquote: bool = True
    ) -> object:
        """One parameter of a header; (charset, language, value) where it is encoded as RFC 2231 has it."""
        try:
            return super().get_param(param, failobj, header, unquote)
        except (LookupError, TypeError, ValueError):  # a name both in one piece and in numbered ones, or number 10^5000
            return failobj


class _BoundedFields(Compat32):
    """How Python reads mail most liberally, but with no field longer than what is worth reading."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """The name and value of one field."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_FIELD]


_POLICY = _BoundedFields(message_factory=_LenientMessage)


def read_mime(body: bytes) -> Message:
    """The mail with all its parts. Raises MalformedSource for what is none, or is made to be expensive."""
    if not body.strip():
        raise MalformedSource("the mail is empty")
    lowered = body.lower()
    containers = lowered.count(b"multipart/") + lowered.count(b"message/")
    lines = max(body.count(b"\n"), body.count(b"\r"))
    if lines > _MAX_LINES or lines * (1 + containers) > _MAX_STEPS:
        raise MalformedSource("the mail has more lines, or more parts, than any letter")
    try:
        mail = message_from_bytes(body, policy=_POLICY)
    except RecursionError:
        raise MalformedSource("the mail is nested deeper than any letter") from None
    if not mail.keys():
        raise MalformedSource("the mail has no header")
    _check_depth(mail)
    return mail


def _check_depth(mail: Message) -> None:
    # Below what Python's own recursion bears, or the stack of the caller would decide which mails can be read.
    waiting = [(mail, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise MalformedSource("the mail is nested deeper than any letter")
        waiting += [(child, depth + 1) for child in list_children(part)]


def list_children(part: Message) -> list[Message]:
    """The parts of a part, or the mail that it holds."""
    # Asked only of what has parts: the library fails on texts whose charset is written as RFC 2231 has it.
    payload = part.get_payload() if part.is_multipart() else []
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []
