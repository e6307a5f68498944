"""Cutting a text into messages that the vendor takes, where a reader would cut it."""

import re
import unicodedata

# Twilio refuses more with error 21617 (https://www.twilio.com/docs/api/errors/21617). That page says that emoji may
# count as several characters, so a part is measured in UTF-16 units, which are never fewer than characters.
MAX_UNITS = 1_600

# Best first. Each names the white space at which a text may be cut.
_PARAGRAPH = re.compile(r"\s*\n\s*\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?…。！？:])[\"'”’»)\]]*(\s+)|(\s*\n\s*)")
_WORD = re.compile(r"\s+")

_JOINER = "\u200d"
_VIRAMA_CLASS = 9
# Characters that belong to the one before them although their category does not say so: ZWNJ, Thai and Lao AM, the
# half-width voiced marks of katakana, and the skin tones. The joiner itself is one of them.
_EXTENDERS = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


def split_text(text: str, limit: int = MAX_UNITS) -> list[str]:
    """The text in parts of at most `limit` UTF-16 units, in order; nothing but white space at the cuts is left out.

    Cuts lie between paragraphs, else sentences, else words, else characters as a reader sees them.
    """
    parts = []
    while (end := _find_end(text, limit)) < len(text):
        # A part of white space alone would be refused as empty.
        if is_boundary(text, blank := _skip_space(text, 0)) and blank:
            text = text[blank:]
            continue
        cut, resume = _choose_cut(text, end)
        parts.append(text[:cut])
        text = text[resume:]
    if text or not parts:
        parts.append(text)
    return parts


def count_units(text: str) -> int:
    """The length of a text in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_boundary(text: str, index: int) -> bool:
    """Whether a reader sees one character end and the next begin at this place.

    It follows the rules of UAX #29 from the standard library's Unicode data and errs towards not cutting, which costs
    nothing here: a word of 1,600 characters is the only text that is ever cut within a word. No package is needed.
    """
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if (before, after) == ("\r", "\n") or before == _JOINER or _is_extender(after):
        return False
    if unicodedata.combining(before) == _VIRAMA_CLASS or (_is_hangul(before) and _is_hangul_tail(after)):
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _count_flag_letters(text, index) % 2 == 0
    return True


def _find_end(text: str, limit: int) -> int:
    units = 0
    for index, character in enumerate(text[: limit + 1]):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return index
    return len(text)


def _choose_cut(text: str, end: int) -> tuple[int, int]:
    # A cut in the first third would send many short messages to a customer who may get one in six seconds.
    for pattern, earliest in ((_PARAGRAPH, end // 3), (_SENTENCE, end // 3), (_WORD, 1)):
        for match in reversed(list(pattern.finditer(text, 0, min(end + 1, len(text))))):
            group = match.lastindex or 0
            cut, resume = match.start(group), _skip_space(text, match.end(group))
            if earliest <= cut <= end and is_boundary(text, cut) and is_boundary(text, resume):
                return cut, resume
    cut = next((index for index in range(end, 0, -1) if is_boundary(text, index)), end)
    return cut, cut


def _skip_space(text: str, index: int) -> int:
    match = _WORD.match(text, index)
    return match.end() if match else index


def _is_extender(character: str) -> bool:
    is_tag = "\U000e0020" <= character <= "\U000e007f"
    return is_tag or character in _EXTENDERS or unicodedata.category(character) in {"Mn", "Mc", "Me"}


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _count_flag_letters(text: str, index: int) -> int:
    start = index
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return index - start


def _is_hangul(character: str) -> bool:
    return any(
        first <= character <= last for first, last in (("\u1100", "\u11ff"), ("\ua960", "\ua97c"), ("\uac00", "\ud7ff"))
    )


def _is_hangul_tail(character: str) -> bool:
    # Within one syllable a vowel or final follows; a leading consonant may follow only another leading consonant.
    return "\u1100" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"
