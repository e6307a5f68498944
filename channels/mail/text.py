"""Text as it may be stored and shown, whatever a mail put into it."""

import json
import re
import unicodedata

# Control characters that Postgres cannot store (NUL) or that only garble a page, and halves of surrogate pairs, which
# no UTF-8 has; tab and newline stay.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){3,}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # parts of letters in Persian and Hindi, and of many emoji
_SPACE = re.compile(r"\s+")


def clean_text(text: str) -> str:
    """The text without control characters and outer white space, with Unix line ends and few blank lines."""
    plain = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " "))
    return _BLANK_LINES.sub("\n\n\n", plain).strip()


def clean_line(text: str, max_length: int) -> str:
    """One line of at most so many characters: nothing in it can begin a new header or turn the writing around."""
    visible = "".join(c if c in _JOINERS or unicodedata.category(c) not in _INVISIBLE else " " for c in text)
    return _SPACE.sub(" ", visible).strip()[:max_length].strip()


def cut_text(text: str, max_chars: int, max_bytes: int, note: str) -> str:
    """The text, or its beginning with a note that it was cut. `max_bytes` is its size within JSON in UTF-8."""
    if len(text) <= max_chars and _measure(text) <= max_bytes:
        return text
    low, high = 0, min(len(text), max_chars)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _measure(text[:middle]) <= max_bytes else (low, middle - 1)
    return f"{text[:low].rstrip()}\n\n{note}"


def _measure(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
