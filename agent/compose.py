"""What the offline brain writes: the passage's own words, never a word of its own."""

import re
from collections.abc import Sequence

from database.types import Channel, Passage

REPLY_CHARACTERS: dict[Channel, int] = {"gmail": 2_000, "mailbox": 2_000, "web": 1_500, "whatsapp": 200}
SUMMARY_CHARACTERS = 280
# Behind a cut answer a channel may say how to get the rest.
_MORE_CHARACTERS = 60
_CUT = "…"

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“\"'(])")
_MARKER = re.compile(r"\[(\d+)\]")
_LIST_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-•])\s+")


def select_passages(passages: Sequence[Passage], best: Passage) -> list[int]:
    """The numbers, from 1, of the passages to answer with: the best, and behind a mere summary also its details."""
    numbers = {passage.id: number for number, passage in enumerate(passages, start=1)}
    if best.heading:
        return [numbers[best.id]]
    details = (passage for passage in passages if passage.article_id == best.article_id and passage.heading)
    return [numbers[best.id], *(numbers[passage.id] for passage in list(details)[:1])]


def compose_reply(passages: Sequence[Passage], numbers: Sequence[int], channel: Channel) -> str:
    """The chosen passages, each cut at a line or sentence to what the channel takes, with its citation marker.

    What was cut ends with “…”: step 1 of 5 must not look like all there is to do.
    """
    room = REPLY_CHARACTERS[channel]
    parts: list[str] = []
    for number in numbers:
        content = passages[number - 1].content
        if parts and room < len(content):
            break  # the summary stands well alone; half of its details would not
        text = content if len(content) <= room else _cut(content, room - _MORE_CHARACTERS)
        parts.append(f"{text} [{number}]")
        room -= len(text)
    return "\n\n".join(parts)


def _cut(text: str, limit: int) -> str:
    kept = shorten(text, limit)
    return kept if kept.endswith(_CUT) else f"{kept} {_CUT}"


def find_markers(text: str) -> list[int]:
    """The passage numbers that a text cites, each once, in order."""
    return list(dict.fromkeys(int(number) for number in _MARKER.findall(text)))


def shorten(text: str, limit: int) -> str:
    """As many whole lines and sentences as fit into `limit` characters; at least the start of the first one."""
    if len(text) <= limit:
        return text
    kept = ""
    for unit in _split_units(text):
        if len(kept) + len(unit.rstrip()) > limit:
            break
        kept += unit
    if not kept.strip():
        return text[: limit - 1].rsplit(" ", 1)[0].rstrip() + "…"
    lines = kept.rstrip().split("\n")
    # A sentence that announces a list says nothing once the list has been cut off.
    while len(lines) > 1 and lines[-1].rstrip().endswith(":"):
        lines.pop()
    return "\n".join(lines).rstrip()


def summarise(subject: str, question: str) -> str:
    """The customer's concern in their own words, for the colleague who takes over."""
    return f"{subject}: {shorten(' '.join(question.split()), SUMMARY_CHARACTERS)}"


def _split_units(text: str) -> list[str]:
    units = []
    for line in text.splitlines(keepends=True):
        if _LIST_ITEM.match(line):
            units.append(line)
        else:
            sentences = _SENTENCE_END.split(line)
            units += [f"{sentence} " for sentence in sentences[:-1]] + sentences[-1:]
    return units
