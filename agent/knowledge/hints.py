"""Hints for whoever keeps the knowledge: passages that say the same twice, and that may contradict each other."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from agent.knowledge.embedder import Embedder
from database.pool import Conn
from database.queries import knowledge
from database.queries.knowledge import HintKind, NearPassage

_LEAST_COSINE = 0.7  # less alike passages are about different matters, whatever words they share
_DUPLICATE_COSINE = 0.95
_SAME_SENTENCE = 0.6  # shared words, of all the words of both

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"[a-z]+(?:['’][a-z]+)?")
_NEGATION = re.compile(r"\b(?:no|not|never|cannot|without|neither|nor|none)\b|n['’]t\b", re.IGNORECASE)
_NEGATION_WORDS = {"no", "not", "never", "cannot", "can", "without", "neither", "nor", "none", "do", "does"}
_SHORTEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Hint:
    """Two passages to look at, and why."""

    kind: HintKind
    passage_id: UUID
    other_id: UUID
    other_source: str
    reason: str


async def keep_hints(conn: Conn, revision_id: UUID, embedder: Embedder | None) -> list[Hint]:
    """Compare a revision with what else is published and keep what should be looked at; nothing without a model."""
    if embedder is None:
        return []
    near = await knowledge.list_nearest(conn, revision_id, model=embedder.name, least=_LEAST_COSINE)
    hints = find_hints(near)
    async with conn.transaction():
        await knowledge.replace_hints(
            conn, revision_id, [(hint.passage_id, hint.other_id, hint.kind, hint.reason) for hint in hints]
        )
    return hints


def find_hints(near: Iterable[NearPassage]) -> list[Hint]:
    """One hint at most for each pair; a contradiction says more than a likeness."""
    hints = []
    for pair in near:
        reason = find_contradiction(pair.content, pair.other_content)
        if reason is not None:
            hints.append(Hint("contradiction", pair.id, pair.other_id, pair.other_source, reason))
        elif pair.cosine >= _DUPLICATE_COSINE:
            reason = f"says nearly the same (cosine {pair.cosine:.2f})"
            hints.append(Hint("duplicate", pair.id, pair.other_id, pair.other_source, reason))
    return hints


def find_contradiction(text: str, other: str) -> str | None:
    """Two sentences, one of each text, with the same words but other numbers, or of which one alone is negated."""
    others = _split_sentences(other)
    for sentence in _split_sentences(text):
        for compared in others:
            if not _are_alike(sentence, compared):
                continue
            numbers, other_numbers = set(_NUMBER.findall(sentence)), set(_NUMBER.findall(compared))
            if numbers and other_numbers and numbers != other_numbers:
                return f"other numbers: “{sentence}” and “{compared}”"
            if bool(_NEGATION.search(sentence)) != bool(_NEGATION.search(compared)):
                return f"one of them is negated: “{sentence}” and “{compared}”"
    return None


def _split_sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def _are_alike(sentence: str, other: str) -> bool:
    words, others = _list_words(sentence), _list_words(other)
    if min(len(words), len(others)) < _SHORTEST_WORDS:
        return False
    return len(words & others) >= _SAME_SENTENCE * len(words | others)


def _list_words(sentence: str) -> set[str]:
    return {
        word for word in _WORD.findall(sentence.lower()) if word not in _NEGATION_WORDS and not word.endswith("n't")
    }
