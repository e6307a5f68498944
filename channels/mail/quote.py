"""Telling what a customer wrote now from what their mail program put below it.

The lines that introduce a quotation are known in 13 languages by the library mail-parser-reply. It is asked about one
line at a time, of at most 300 characters, and at most 60 times a mail: its expressions need minutes for 220 KB of
"On ", on one thread that nothing can interrupt, but a few milliseconds for what is passed to them here.
"""

import re
from dataclasses import dataclass

from mailparser_reply.constants import MAIL_LANGUAGES

_MAX_SEARCHED = 50_000
_MAX_LINE = 300
_MAX_ASKED = 60

_KNOWN = re.compile(
    "|".join(pattern for words in MAIL_LANGUAGES.values() if (pattern := words.get("wrote_header"))), re.IGNORECASE
)
# What the library misses: Portuguese, Finnish, Russian, Ukrainian, Turkish, Norwegian, and Spanish with a date first.
_WROTE = re.compile(r"\b(?:escreveu|escribió|kirjoitti|написал[аи]?|пишет|пише|написав|yazdı|skrev)\b", re.IGNORECASE)
_ADDRESS = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_DATE = re.compile(r"(?:19|20)\d\d|\d:\d\d|\d[./-]\d|\d\s?[日일]")
_COLONS = (":", "：")

_FROM = re.compile(
    r"[*_ ]*(?:from|von|de|da|van|från|fra|od|lähettäjä|от|від|kimden|差出人|送信者|发件人|寄件者|"
    r"보낸\s?사람)\s?\*{0,2}\s?[:：]",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[*_ ]*[^\s:：*_][^:：]{0,24}[:：]")
_RULE = re.compile(r"\s*(?:[-_=*]{5,}|[-_]{2,}\s*[^-_\s][^\n]{0,60}[^-_\s]\s*[-_]{2,})\s*")
_ORIGINAL = re.compile(r"\s*-{3,}\s?(?:original|ursprüngliche|oprindelig|oorspronkelijk|message d)", re.IGNORECASE)
_FORWARDED = re.compile(
    r"\s*(?:-{2,}.{0,40}|begin |anfang |début |inicio |inizio |start )[^\n]{0,20}(?:forward|weitergeleitet|réexpédi|"
    r"transfér|reenvia|inoltrat|doorgestuurd|encaminhad|przekaza|vidarebefordra|videresend|转发|轉寄|転送|전달)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What was written now, and what stood below it. Both are parts of the mail as it came."""

    text: str
    quoted: str = ""


def split_reply(text: str, *, is_forward: bool = False) -> Reply:
    """Take the quoted part off. Where in doubt nothing is taken: too much text confuses less than too little.

    A forward is all text, for it is what the customer wants to show. So is a mail that answers between the lines,
    where the words of either side mean nothing alone, and one that would otherwise say nothing.
    """
    lines = text.split("\n")
    begin = None if is_forward else _find_quotation(lines)
    if begin is None:
        return Reply(text)
    start, body = begin
    head = _trim_rules(lines[:start])
    marked = next((line for line in lines[body:] if line.strip()), "").startswith(">")
    tail = _find_tail(lines, body) if marked else None
    if tail is not None:
        # Written below the quotation; or between its lines, or around it, which only the whole shows.
        is_below = not head and not any(line.startswith(">") for line in lines[tail:])
        return _build(lines[tail:], lines[:tail], text) if is_below else Reply(text)
    return _build(head, lines[start:], text)


def _build(own: list[str], quoted: list[str], whole: str) -> Reply:
    reply = Reply("\n".join(own).strip(), "\n".join(quoted).strip())
    return reply if reply.text else Reply(whole)


def _find_quotation(lines: list[str]) -> tuple[int, int] | None:
    """The line at which the quotation is introduced and the one at which it begins, or None for mails without one."""
    searched = asked = 0
    for number, line in enumerate(lines):
        searched += len(line) + 1
        if searched > _MAX_SEARCHED or _FORWARDED.match(line[:_MAX_LINE]):
            return None
        if line.startswith(">"):
            return number, number
        if _ORIGINAL.match(line) or _is_header_block(lines, number):
            return number, number + 1
        length = _measure_introduction(lines, number)
        if length and asked < _MAX_ASKED:
            asked += 1
            if _is_introduction(" ".join(lines[number : number + length])):
                return number, number + length
    return None


def _measure_introduction(lines: list[str], number: int) -> int:
    """Over how many lines, three at the most, stands what may introduce a quotation; 0 where it does not begin here."""
    if not lines[number].strip():
        return 0
    for length in (1, 2, 3):
        block = lines[number : number + length]
        joined = " ".join(block)
        if len(joined) > _MAX_LINE or not block[-1].strip():
            return 0
        if joined.rstrip().endswith(_COLONS):
            following = next((line for line in lines[number + length : number + length + 4] if line.strip()), "")
            return length if following.startswith(">") or _DATE.search(joined) else 0
    return 0


def _is_introduction(line: str) -> bool:
    stripped = line.strip()
    if _KNOWN.fullmatch(stripped):
        return True
    return bool(_DATE.search(stripped) and (_WROTE.search(stripped) or _ADDRESS.search(stripped)))


def _is_header_block(lines: list[str], number: int) -> bool:
    """Whether the header of another mail begins here, as Outlook quotes. A traveller's From and To are none."""
    if not _FROM.match(lines[number]):
        return False
    fields = 1
    while fields < 8 and number + fields < len(lines) and _FIELD.match(lines[number + fields]):
        fields += 1
    return fields >= 4 or (fields == 3 and any("@" in line for line in lines[number : number + 3]))


def _find_tail(lines: list[str], body: int) -> int | None:
    """The first line after quoted ones that is the customer's again, unless it is only their signature."""
    has_seen_quoted = False
    for number in range(body, len(lines)):
        line = lines[number]
        if line.startswith(">"):
            has_seen_quoted = True
        elif has_seen_quoted and line.strip():
            return None if line.rstrip() == "--" else number
    return None


def _trim_rules(head: list[str]) -> list[str]:
    kept = list(head)
    while kept and (not kept[-1].strip() or _RULE.fullmatch(kept[-1])):
        kept.pop()
    return kept
