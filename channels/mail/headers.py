"""Reading the header fields of a mail, however broken they are."""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses

from channels.mail.charset import decode_bytes
from channels.mail.mime import MAX_FIELD
from channels.mail.text import clean_line

_MAX_FIELDS = 20
_MAX_TEXT = 1000
_MAX_ADDRESS = 320

_FOLD = re.compile(r"[\r\n]+[ \t]*")
_UNFIT = r"\x00-\x20\x7f\s\ud800-\udfff"
_MESSAGE_ID = re.compile(rf"<[^<>{_UNFIT}]{{1,998}}>")
_BARE_ID = re.compile(rf"[^<>@{_UNFIT}]{{1,500}}@[^<>@{_UNFIT}]{{1,400}}")
_Q_WORD = re.compile(r"(=\?[^?\s]{1,60}\?q\?)([^?\s]*)\?=", re.IGNORECASE)
_ATOM = rf"[^<>()\[\]\\,;:\"@{_UNFIT}]+"
_ADDRESS = re.compile(rf"{_ATOM}@{_ATOM}")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An address, lower case, with the name that the sender put beside it."""

    name: str
    address: str


class Headers:
    """The header fields of one mail, top-most first, under names in any case. Nothing here raises."""

    def __init__(self, mail: Message) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in mail.raw_items():
            fields = self._fields.setdefault(name.lower(), [])
            if len(fields) < _MAX_FIELDS:
                fields.append(_unfold(str(value)))

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def list_raw(self, name: str) -> list[str]:
        """The first 20 fields of this name on one line each, encoded words left as they are."""
        return self._fields.get(name.lower(), [])

    def get_raw(self, name: str) -> str:
        """The top-most field of this name, or an empty string."""
        return next(iter(self.list_raw(name)), "").strip()

    def get_text(self, name: str) -> str:
        """The same with its encoded words decoded, as one clean line of at most 1,000 characters."""
        return decode_words(self.get_raw(name))

    def list_ids(self, name: str) -> list[str]:
        """The Message-IDs in all fields of this name, each once, with angle brackets even where the sender forgot."""
        whole = " ".join(self.list_raw(name))[:MAX_FIELD]
        found = _MESSAGE_ID.findall(whole) or [f"<{bare}>" for bare in _BARE_ID.findall(whole)]
        return list(dict.fromkeys(found))

    def list_addresses(self, name: str) -> list[MailAddress]:
        """Every usable address in all fields of this name."""
        pairs = [pair for field in self.list_raw(name) for pair in _list_pairs(field)]
        return [MailAddress(decode_words(shown), clean) for shown, found in pairs if (clean := clean_address(found))]


def clean_address(address: str) -> str | None:
    """The address in lower case, or None where mail cannot be sent to it."""
    stripped = address.strip().lower()
    return stripped if len(stripped) <= _MAX_ADDRESS and _ADDRESS.fullmatch(stripped) else None


def decode_words(raw: str) -> str:
    """A header's text with its encoded words (RFC 2047) decoded, as one clean line of at most 1,000 characters."""
    try:
        pieces = decode_header(raw)
    except (HeaderParseError, ValueError):
        return clean_line(raw, _MAX_TEXT)
    texts = [piece if isinstance(piece, str) else _decode_piece(piece, charset) for piece, charset in pieces]
    return clean_line("".join(texts), _MAX_TEXT)


def _list_pairs(field: str) -> list[tuple[str, str]]:
    # Some programs leave the comma of "Byron, Ada" as it is within an encoded word, where it would end an address.
    protected = _Q_WORD.sub(lambda word: word[1] + word[2].replace(",", "=2C") + "?=", field)
    try:
        return getaddresses([protected])
    except RecursionError:  # the library descends into nested comments
        return []


def _decode_piece(piece: bytes, charset: str | None) -> str:
    # What stands outside of encoded words comes back in the library's own escape for non-ASCII characters.
    return decode_bytes(piece, charset) if charset else piece.decode("raw-unicode-escape", errors="replace")


def _unfold(value: str) -> str:
    joined = _FOLD.sub(" ", value)
    return decode_bytes(joined.encode("utf-8", errors="surrogateescape"), None) if not joined.isascii() else joined
