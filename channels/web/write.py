"""Writing for the web: semi-formal, with the ticket reference."""

from channels.base import Letter
from channels.phrases import Phrases, admit_languages, find_phrases
from database.types import Citation


class WebWriter:
    """Citations stay as [n] markers; the ticket page shows the sources beside them."""

    def write_answer(self, text: str, _citations: list[Citation], letter: Letter) -> str:
        """Greeting, answer, and where to turn if it did not help."""
        phrases = find_phrases(letter.language)
        return f"{_greet(phrases, letter)}\n\n{text}\n\n{phrases.web_more}\n\n{_sign(phrases, letter)}"

    def write_handover(self, team: str, letter: Letter) -> str:
        """Who has it now."""
        phrases = find_phrases(letter.language)
        said = phrases.web_handover.format(team=team)
        admitted = admit_languages(letter.language, letter.known_languages)
        return f"{_greet(phrases, letter)}\n\n{said} {admitted}".rstrip() + f"\n\n{_sign(phrases, letter)}"

    def split(self, text: str) -> list[str]:
        """The page takes any length."""
        return [text]


def _greet(phrases: Phrases, letter: Letter) -> str:
    return phrases.web_greeting.format(name=letter.first_name) if letter.first_name else phrases.web_greeting_nobody


def _sign(phrases: Phrases, letter: Letter) -> str:
    return f"{letter.signature}\n{phrases.web_ticket.format(ref=letter.ticket_ref)}"
