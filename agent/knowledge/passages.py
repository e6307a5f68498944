"""Cutting a document into passages that make sense alone and fit the embedding model's window."""

import re

from agent.knowledge.documents import Document
from database.queries.vectors import PassageText

# The model reads 256 tokens, about 180 English words, title and heading included.
MAX_WORDS = 150
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def cut_passages(document: Document) -> list[PassageText]:
    """The document's sections, long ones cut between paragraphs, lines or sentences."""
    return [
        PassageText(document.title, section.heading, content)
        for section in document.sections
        for content in cut_text(section.text)
    ]


def cut_text(text: str) -> list[str]:
    """Pieces of at most MAX_WORDS words, whole lines and sentences where they fit."""
    if len(text.split()) <= MAX_WORDS:
        return [text]
    pieces, current, words = [], "", 0
    for unit in _split_units(text):
        length = len(unit.split())
        if current.strip() and words + length > MAX_WORDS:
            pieces.append(current.strip())
            current, words = "", 0
        current += unit
        words += length
    if current.strip():
        pieces.append(current.strip())
    return pieces


def _split_units(text: str) -> list[str]:
    """Lines, and sentences of lines that are too long themselves, and words of sentences that never end."""
    units = []
    for line in text.splitlines(keepends=True):
        if len(line.split()) <= MAX_WORDS:
            units.append(line)
            continue
        for sentence in _SENTENCE_END.split(line):
            words = sentence.split()
            units += [" ".join(words[i : i + MAX_WORDS]) + " " for i in range(0, len(words), MAX_WORDS)]
    return units
