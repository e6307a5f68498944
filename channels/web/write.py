"""Writing for the web: semi-formal, with the ticket reference."""

from channels.base import Letter
from database.types import Citation


class WebWriter:
    """Citations stay as [n] markers; the ticket page shows the sources beside them."""

    def write_answer(self, text: str, _citations: list[Citation], letter: Letter) -> str:
        """Greeting, answer, and where to turn if it did not help."""
        return (
            f"{_greet(letter)}\n\n{text}\n\n"
            f"If this does not solve it, reply here and a person can take over.\n\n"
            f"{letter.signature}\nTicket {letter.ticket_ref}"
        )

    def write_handover(self, team: str, letter: Letter) -> str:
        """Who has it now."""
        return (
            f"{_greet(letter)}\n\nThank you for writing. Your request needs a person, so our {team} has it now "
            f"and will reply here.\n\n{letter.signature}\nTicket {letter.ticket_ref}"
        )

    def split(self, text: str) -> list[str]:
        """The page takes any length."""
        return [text]


def _greet(letter: Letter) -> str:
    return f"Hi {letter.first_name}," if letter.first_name else "Hi,"
