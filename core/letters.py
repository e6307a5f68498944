"""Letters: the words without what stands around them, and how far two of them are apart."""

import difflib
import re

# Comparing takes the square of this in time.
_COMPARED_WORDS = 1_000
_MARKER = re.compile(r"\s*\[\d+\]")
_WORD = re.compile(r"\w+")
_SALUTATION = re.compile(
    r"\A\s*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\b[^\n,!.:]{0,60}(?:[,!.:]|\n|\Z)\s*", re.IGNORECASE
)
_CLOSING = re.compile(
    r"\n[ \t]*(?:--\s*$|(?:(?:best|kind|warm|many)\s+)?(?:regards|wishes|thanks)\b|(?:yours\s+)?sincerely\b|cheers\b"
    r"|yours\s+(?:faithfully|truly)\b|thank\s+you[ \t]{0,3}[,!.]?[ \t]*\n).*\Z",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)


def strip_letter(text: str) -> str:
    """The text without its salutation, and without what follows its closing words."""
    return _CLOSING.sub("", _SALUTATION.sub("", f"{text.strip()}\n", count=1)).strip()


def strip_markers(text: str) -> str:
    """The text without the numbers of its sources."""
    return _MARKER.sub("", text).strip()


def measure_edit(draft: str, sent: str) -> float:
    """How much of a draft was changed before it was sent, in words: 0 nothing, 1 everything.

    Salutation, closing words and the numbers of sources do not count, nor do case and punctuation.
    """
    written, kept = (
        _WORD.findall(strip_letter(strip_markers(text)).lower())[:_COMPARED_WORDS] for text in (draft, sent)
    )
    if not written and not kept:
        return 0.0
    return 1 - difflib.SequenceMatcher(None, written, kept, autojunk=False).ratio()
