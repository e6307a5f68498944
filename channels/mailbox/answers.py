"""Reading what an IMAP server answers, as aioimaplib hands it over: lines as bytes, literals as bytearrays."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Lines = Sequence[bytes | bytearray]

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_CHANGE = re.compile(rb"(\d{1,20}) (EXISTS|EXPUNGE)", re.IGNORECASE)
_ARRIVAL = re.compile(rb'\bINTERNALDATE "([^"]{20,40})"', re.IGNORECASE)
_ESCAPED = re.compile(rb"\\(.)")


def read_number(lines: Lines, name: str) -> int | None:
    """The number behind a name, as in `[UIDNEXT 7]` or `RFC822.SIZE 512`; None if it is not said."""
    pattern = re.compile(rb"\b" + re.escape(name.encode()) + rb" (\d{1,20})\b", re.IGNORECASE)
    for line in _drop_literals(lines):
        if found := pattern.search(line):
            return int(found[1])
    return None


def read_arrival(lines: Lines) -> datetime | None:
    """When a message reached its mailbox, as in `INTERNALDATE " 7-Feb-2026 09:30:00 +0100"`; None if it is not said."""
    for line in _drop_literals(lines):
        if found := _ARRIVAL.search(line):
            with suppress(ValueError):
                return parsedate_to_datetime(found[1].decode("ascii", "replace")).astimezone(UTC)
    return None


def read_uids(lines: Lines) -> list[int]:
    """The UIDs that a SEARCH found, rising. The last line is the server's remark, not a result."""
    words = b" ".join(_drop_literals(lines[:-1])).split()
    return sorted({int(word) for word in words if word.isdigit()})


def read_body(lines: Lines) -> bytes | None:
    """The message or header in the answer to a FETCH of BODY[…]; None if the server named no such message.

    Servers announce a literal, and some send what is short as a quoted string.
    """
    for index, line in enumerate(lines):
        if isinstance(line, bytearray) or (start := line.upper().find(b"BODY[")) < 0:
            continue
        if line.endswith(b"}") and index + 1 < len(lines):
            return bytes(lines[index + 1])
        if text := _QUOTED.search(line, line.find(b"]", start) + 1):
            return _ESCAPED.sub(rb"\1", text[1])
        return b""  # NIL: there is such a message, and nothing in it
    return None


def read_change(line: bytes | bytearray) -> tuple[int, str] | None:
    """The number and the word of an untagged `EXISTS` or `EXPUNGE`, or None for any other line."""
    found = _CHANGE.fullmatch(line.strip())
    return (int(found[1]), found[2].decode().upper()) if found else None


def _drop_literals(lines: Lines) -> list[bytes]:
    return [line for line in lines if not isinstance(line, bytearray)]
