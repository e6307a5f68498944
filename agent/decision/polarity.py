"""Whether a statement says the opposite of its source, or the same of more or of fewer.

The opposite is a negation gained or lost, or a word turned into its antonym; scope is “only”, “except” and “unless”.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.decision.statements import list_content, list_words, stem

_NEGATIONS = frozenset(
    ["not", "no", "non", "never", "cannot", "cant", "without", "neither", "nor", "none", "nobody", "nothing", "unable"]
)
_OPPOSITES = (
    ("accept", "reject refuse decline"),
    ("add", "remove"),
    ("after", "before"),
    ("allow", "forbid prevent disallow prohibit"),
    ("available", "unavailable"),
    ("connect", "disconnect"),
    ("enable", "disable deactivate"),
    ("encrypted", "unencrypted"),
    ("free", "paid chargeable billed"),
    ("include", "exclude"),
    ("increase", "decrease reduce lower"),
    ("keep", "lose delete erase"),
    ("lock", "unlock"),
    ("maximum", "minimum"),
    ("more", "less fewer"),
    ("most", "least"),
    ("possible", "impossible"),
    ("permanently", "temporarily"),
    ("private", "public"),
    ("required", "optional voluntary"),
    ("start", "stop end"),
    ("subscribe", "unsubscribe"),
    ("supported", "unsupported"),
    ("upgrade", "downgrade"),
    ("visible", "hidden invisible"),
)
_ANTONYMS = [(stem(first), frozenset(map(stem, seconds.split()))) for first, seconds in _OPPOSITES]
_COMPARED = frozenset(["after", "before", "more", "less", "fewer", "most", "least"])
_SWITCHED = re.compile(r"\b(turn|switch|log|sign|opt)(\w*) (?:it |them |this )?(off|out)\b")
_SWITCHED_ON = re.compile(r"\b(turn|switch|log|sign|opt)(\w*) (?:it |them |this )?(on|in)\b")
_ANSWER = re.compile(r"^(?:yes|no|sorry|unfortunately)\b[,.:]?")
# “Only 5 minutes” says that it is little, and “not only” that there is more.
_ONLY = re.compile(r"(?<!\bnot )\b(?:only|solely|exclusively)\b(?! (?:for |about |up to |after )?\d)")
_EXCEPTION = re.compile(r"\b(?:except|unless|other than|apart from|with the exception of|excluding)\b")
_CLAUSE_END = re.compile(
    r"[,;:()–—]|\b(?:but|except|if|when|while|unless|because|although|though|so that|and then|until)\b"
    r"|\band (?=(?:can|cannot|can't|do|does|don't|doesn't|is|are|isn't|aren't|will|won't|must|may|not)\b)"
)
_MIN_SHARED = 0.6
_AS_GOOD = 0.85
_MIN_WORDS = 2


@dataclass(frozen=True, slots=True)
class Clause:
    """Its content words without endings, whether it is negated on balance, and whether it holds only of some."""

    words: frozenset[str]
    is_negated: bool
    is_restricted: bool = False


# How alike two clauses are, in [0, 1], and whether they agree.
_Compare = Callable[[Clause, Clause], tuple[float, bool]]


def is_flipped(statement: str, ground: Sequence[str]) -> bool:
    """Whether a clause of `statement` is the opposite of the source sentence in `ground` that it is most like.

    A source that says both, in two places, decides nothing.
    """
    return _differs(statement, ground, _compare)


def changes_scope(statement: str, ground: Sequence[str]) -> bool:
    """Whether a clause of `statement` has lost the “only”, “except” or “unless” of the source sentence it is most like.

    One that is gained counts as well.
    """
    return _differs(statement, ground, _compare_scope)


def is_contested(statement: str, ground: Sequence[str]) -> bool:
    """Whether a source clause of the opposite polarity speaks of what no clause that agrees with `statement` does.

    “Refunds are possible for gift cards” is like “Refunds are possible within 30 days”; of gift cards, “Refunds are not
    possible for gift cards” speaks alone.
    """
    known = [clause for sentence in ground for clause in split_clauses(sentence)]
    return any(_is_contested(clause, known) for clause in _list_compared(statement))


@lru_cache(maxsize=2048)  # every sentence of a reply is compared with every one of its sources
def split_clauses(sentence: str) -> tuple[Clause, ...]:
    """The clauses of a sentence that say anything."""
    plain = _ANSWER.sub("", sentence.lower().replace("’", "'"))
    has_exception = _EXCEPTION.search(plain) is not None
    clauses = (_read(piece, has_exception=has_exception) for piece in _CLAUSE_END.split(plain))
    return tuple(clause for clause in clauses if clause.words)


def _differs(statement: str, ground: Sequence[str], compare: _Compare) -> bool:
    known = [clause for sentence in ground for clause in split_clauses(sentence)]
    return any(_is_opposed(clause, known, compare) for clause in _list_compared(statement))


def _list_compared(statement: str) -> list[Clause]:
    clauses = split_clauses(statement)
    # A word alone, beside other clauses, is too little to be known again by: "…, and they are not billed".
    return [clause for clause in clauses if len(clause.words) >= _MIN_WORDS or len(clauses) == 1]


def _is_opposed(clause: Clause, known: Sequence[Clause], compare: _Compare) -> bool:
    same = opposite = 0.0
    for other in known:
        likeness, agrees = compare(clause, other)
        if agrees:
            same = max(same, likeness)
        else:
            opposite = max(opposite, likeness)
    return opposite >= _MIN_SHARED and same < opposite * _AS_GOOD


def _is_contested(clause: Clause, known: Sequence[Clause]) -> bool:
    agreeing, opposed = set[str](), list[frozenset[str]]()
    most = 0.0
    for other in known:
        likeness, agrees = _compare(clause, other)
        shared = clause.words & other.words
        if not agrees:
            opposed.append(shared)
        elif likeness > most:
            most, agreeing = likeness, set(shared)
    return any(len(shared) >= _MIN_WORDS and not shared <= agreeing for shared in opposed)


def _compare(clause: Clause, other: Clause) -> tuple[float, bool]:
    """How alike two clauses are, in [0, 1], and whether they agree. Antonyms are alike, and do not agree."""
    turned = [pair for pair in _ANTONYMS if _are_opposed(clause.words, other.words, *pair)]
    shared = len(clause.words & other.words) + len(turned)
    # Mostly how much of the clause the other has: a source may say more around it.
    likeness = 0.75 * min(1.0, shared / len(clause.words)) + 0.25 * min(1.0, shared / len(other.words))
    return likeness, (clause.is_negated == other.is_negated) == (len(turned) % 2 == 0)


def _compare_scope(clause: Clause, other: Clause) -> tuple[float, bool]:
    return _compare(clause, other)[0], clause.is_restricted == other.is_restricted


def _are_opposed(words: frozenset[str], others: frozenset[str], first: str, seconds: frozenset[str]) -> bool:
    if first in words and first not in others:
        return bool(seconds & others)
    return first in others and first not in words and bool(seconds & words)


def _read(piece: str, *, has_exception: bool) -> Clause:
    words = list_words(_SWITCHED_ON.sub(r"\1\2 switched", _SWITCHED.sub(r"\1\2 switched not", piece)))
    negations = sum(word in _NEGATIONS or word.endswith("n't") for word in words)
    compared = [stem(word) for word in words if word in _COMPARED]
    is_restricted = has_exception or _ONLY.search(piece) is not None
    return Clause(frozenset([*list_content(words), *compared]) - _NEGATIONS, negations % 2 == 1, is_restricted)
