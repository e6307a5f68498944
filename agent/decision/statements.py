"""Cutting a reply into statements: which of them state a fact, and on which of its sources each says that it rests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

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
# Beside courtesies alone they state something: "Sorry, no", "Yes, thank you", "we might have anything else".
_ASSERTIONS = frozenset(
    _WORD.findall(
        "yes no nor not never cannot can't don't doesn't isn't aren't won't didn't can could may might must shall"
        " should will would we'll i'll"
    )
)
# Whole sentences that only keep a letter together. No part of them is free: what was said there went out unchecked.
_ANY_MORE = r"(?:any |more |other |further |additional )*"
_IF_NEEDED = (
    rf"(?:if you (?:still )?(?:have {_ANY_MORE}(?:questions?|trouble|problems?)|need {_ANY_MORE}(?:help|assistance)"
    r"|need anything else|get stuck|are (?:still )?stuck)"
    r"|if (?:that|this|it|anything) (?:does not|doesn['’]t|still does not|still doesn['’]t) (?:help|work)"
    r"|if (?:anything|something) (?:is|remains|stays) unclear|(?:how|whether|if) (?:that|this|it) (?:works|helps|goes))"
)
_FORMULA = re.compile(
    r"(?:here(?:['’]s| is| are) (?:how|the steps|what to do|what you can do|what you need)"
    r"(?: (?:it works|to do (?:it|that)))?"
    r"|to do (?:it|this|that|so)"
    r"|(?:please )?(?:just )?follow (?:these|the) steps(?: below)?"
    r"|(?:please )?(?:just )?(?:feel free to |do not hesitate to |don['’]t hesitate to )?"
    r"(?:let (?:me|us) know|reply|write to us|contact us|reach out|get back to (?:me|us)|ask)"
    rf"(?: here| again| to this message| any ?time)?(?:,? {_IF_NEEDED})?"
    rf"|{_IF_NEEDED},? (?:please )?(?:just )?(?:let (?:me|us) know|reply|write to us|contact us|reach out)"
    r"(?: here| again)?"
    r"|(?:we|i)(?:['’]| a)?(?:re|m) (?:always )?here (?:to help(?: you)?|for you)"
    r"|(?:i|we) hope (?:that |this |it )?helps"
    r"|(?:kind|best|warm) (?:regards|wishes)(?:,? (?:your|the) (?:support )?team)?"
    r"|have a (?:nice|good|great) (?:day|evening|weekend|week)"
    r"|(?:does|did) (?:that|this|it) (?:help|work|solve it|answer your question)(?: for you)?"
    r"|is there anything else(?: (?:that )?(?:i|we) can (?:do|help)(?: for you| you)?(?: with)?)?"
    r"|can (?:i|we) help (?:you )?with anything else)[.:!?,]*",
    re.IGNORECASE,
)
# Questions are known by their mark, and those in the first person without it too: so customers write a subject.
_QUESTION = re.compile(
    r".*\?[\s)]*|(?:can|could|do|does|did|is|are|am|will|would|should|shall|may|must|have|has) (?:i|we|my|our)\b.*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence or list item, without marker and list number, and the numbers of the sources it cites itself."""

    text: str
    cites: frozenset[int] = frozenset()

    @property
    def is_formula(self) -> bool:
        """Whether it is, from end to end, a phrase that letters begin or close with."""
        return _FORMULA.fullmatch(self.text) is not None

    @property
    def is_question(self) -> bool:
        """A question claims nothing: it carries no answer, and no source can carry it."""
        return _QUESTION.fullmatch(self.text) is not None

    @property
    def says_something(self) -> bool:
        """Only formulas, greetings and sympathy say nothing that a source could carry: “No, you cannot” says much."""
        words = set(list_words(self.text))
        is_courtesy = not words.isdisjoint(_COURTESY) and words.isdisjoint(_ASSERTIONS)
        return not (self.is_formula or (is_courtesy and words <= _COURTESY | _STOP_WORDS))


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


def simplify(sentence: str) -> str:
    """A sentence without case, spacing and the marks around it: what is alike then is the same word for word."""
    return " ".join(sentence.lower().strip(" .!:…").split())


def list_words(text: str) -> list[str]:
    """The words and figures of a text, lower case."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def list_content(words: Iterable[str]) -> list[str]:
    """Those of `words` that carry meaning, without their endings."""
    return [stem(word) for word in words if word not in _STOP_WORDS]


@lru_cache(maxsize=2048)  # of the sources of a reply, which each of its sentences is compared with
def read_content(sentence: str) -> tuple[str, ...]:
    """The words of a sentence that carry meaning, without their endings."""
    return tuple(list_content(list_words(sentence)))


@lru_cache(maxsize=8192)
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
