"""Writing for WhatsApp: below 300 characters, source and reference included."""

import re

from channels.base import Letter
from channels.phrases import admit_languages, find_phrases
from channels.whatsapp.split import split_text
from database.types import Citation

MAX_CHARACTERS = 299
_CUT = "…"
_MARKER = re.compile(r"\s*\[\d+\]")


class WhatsAppWriter:
    """Short messages without a letter's ceremony."""

    def write_answer(self, text: str, citations: list[Citation], letter: Letter) -> str:
        """The answer, cut at a word where it must be, and the title it rests on. A cut one says how to get the rest."""
        body = _MARKER.sub("", text).rstrip()
        source = f"\n📖 {_cut(citations[0].title, 60)}" if citations else ""
        tail = f"{source}\n{letter.ticket_ref}"
        if body.endswith(_CUT) or len(body) > MAX_CHARACTERS - len(tail):
            tail = f"\n{find_phrases(letter.language).chat_more}{tail}"
        return _cut(body, MAX_CHARACTERS - len(tail)) + tail

    def write_handover(self, team: str, letter: Letter) -> str:
        """Who has it now."""
        phrases = find_phrases(letter.language)
        said = (
            phrases.chat_handover.format(name=_cut(letter.first_name, 40), team=_cut(team, 60))
            if letter.first_name
            else phrases.chat_handover_nobody.format(team=_cut(team, 60))
        )
        admitted = admit_languages(letter.language, letter.known_languages)
        tail = f"\n{letter.ticket_ref}"
        return _cut(f"{said} {admitted}".rstrip(), MAX_CHARACTERS - len(tail)) + tail

    def split(self, text: str) -> list[str]:
        """Parts of at most 1,600 characters, cut between paragraphs or sentences."""
        return split_text(text)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip() + _CUT
