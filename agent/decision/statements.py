"""Cutting a reply into statements: which of them state a fact, and on which of its sources each says that it rests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_MARKER = re.compile(r"\[(\d+)\]")
_LIST_ITEM = re.compile(r"^\s*(?:[-•*–]\s+|(?:step\s+)?\d{1,2}[.):]\s+)", re.IGNORECASE)
# The middle of a paragraph that is wrapped: a long line without an end, and no list item behind it.
_WRAP = re.compile(r"((?m:^)[^\n]{60,}[^\s.!?:…\]])[ ]*\n(?![ ]*(?:[-•*–]\s|\d{1,2}[.):]\s|\n))(?=[ ]*\S)")
# A marker stands behind the full stop as often as before it; it belongs to the sentence that it follows.
_SENTENCE_END = re.compile(r"(?<=[.!?…])(?P<markers>(?:\s*\[\d+\])*)\s+(?=[^\sa-z\[])")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_EMPHASIS = re.compile(r"\*\*|__|`")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a about above after all also am an and any are as at be because been before being below but by can could did"
        " do does doing done down each few for from further get gets had has have having he her here hers him his how"
        " i if in into is it its itself just let like may me might more most must my of off on once only or other our"
        " ours out over own please same shall she should so some such than that the their theirs them then there these"
        " they this those to too under until up upon us very via was we were what when where which while who whom why"
        " will with would you your yours yourself not no nor never cannot can't don't doesn't isn't aren't won't didn't"
        " i'm you're it's that's we're i've i'll we'll here's"
    )
)
_COURTESY = frozenset(
    _WORD.findall(
        "hello hi hey dear thank thanks sorry apologise apologize apologies glad happy hope hopefully understand"
        " frustrating inconvenience trouble patience helps welcome regards sincerely greetings know question"
        " questions anything else nice great good pleasure appreciate cheers reaching hear concern"
        " asking writing contacting waiting annoying sounds"
    )
)
# Whole sentences that only keep a letter together.
_FORMULA = re.compile(
    r"(?:here(?:['’]s| is| are) (?:how|the steps|what to do|what you can do|what you need)\b.{0,40}:?"
    r"|(?:please )?(?:just )?follow (?:these|the) (?:\w+ )?steps(?: below)?[.:]?"
    r"|(?:please )?(?:feel free to |do not hesitate to |don['’]t hesitate to )?"
    r"(?:let (?:me|us) know|reply|write to us|contact us|reach out|get back to (?:me|us)|ask)\b"
    r"(?: here| again| to this message)?(?:,? if .{0,60})?[.!]?"
    r"|(?:we|i)['’ ](?:a?re|am|m) (?:always )?here (?:to help|for you).{0,20}"
    r"|(?:kind|best|warm) (?:regards|wishes),?.{0,40}|have a (?:nice|good|great) \w+[.!]?)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence or list item, without marker and list number, and the numbers of the sources it cites itself."""

    text: str
    cites: frozenset[int] = frozenset()

    @property
    def is_fact(self) -> bool:
        """Greetings, sympathy and questions say nothing that a source could carry."""
        if self.text.endswith("?") or _FORMULA.fullmatch(self.text):
            return False
        return bool(set(list_words(self.text)) - _COURTESY - _STOP_WORDS)


def split_statements(text: str) -> list[Statement]:
    """Every sentence and list item of a reply or of a source, in order."""
    statements = []
    for line in _WRAP.sub(r"\g<1> ", text).splitlines():
        plain = _LIST_ITEM.sub("", line)
        ends = [(end.start(), end.end("markers"), end.end()) for end in _SENTENCE_END.finditer(plain)]
        start = 0
        for _, upto, following in [*ends, (0, len(plain), len(plain))]:
            statements.append(_read(plain[start:upto]))
            start = following
    return [statement for statement in statements if _WORD.search(statement.text)]


def list_words(text: str) -> list[str]:
    """The words and figures of a text, lower case."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def list_content(words: Iterable[str]) -> list[str]:
    """Those of `words` that carry meaning, without their endings."""
    return [stem(word) for word in words if word not in _STOP_WORDS]


def stem(word: str) -> str:
    """A word without its commonest endings, so that “exports” and “exporting” are one."""
    word = word.removesuffix("'s")
    for ending in ("ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "s", "ly", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _read(piece: str) -> Statement:
    cites = frozenset(int(number) for number in _MARKER.findall(piece))
    return Statement(" ".join(_EMPHASIS.sub("", _MARKER.sub("", piece)).split()), cites)
