"""Writing mail: formal, with greeting, sources and signature."""

from channels.base import Letter
from database.types import Citation


class MailWriter:
    """A letter that can stand alone in a mailbox."""

    def write_answer(self, text: str, citations: list[Citation], letter: Letter) -> str:
        """The answer with its sources listed below."""
        sources = "\n".join(f"[{citation.number}] {citation.title}" for citation in citations)
        return (
            f"{_greet(letter)}\n\nThank you for contacting {letter.company}.\n\n{text}\n\nSources:\n{sources}\n\n"
            f"Should this not answer your question, please reply to this message and a colleague will help you.\n\n"
            f"{_sign(letter)}"
        )

    def write_handover(self, team: str, letter: Letter) -> str:
        """Who has it now."""
        return (
            f"{_greet(letter)}\n\nThank you for contacting {letter.company}. Your request needs the attention of a "
            f"colleague, and our {team} has received it. You will hear from us by reply to this message.\n\n"
            f"{_sign(letter)}"
        )

    def split(self, text: str) -> list[str]:
        """A letter is sent whole."""
        return [text]


def write_code(code: str, company: str) -> str:
    """The mail that proves an address: whoever can read it holds the address."""
    return (
        f"Your code is {code}.\n\n"
        f"Somebody who is talking with {company} says that this address is theirs. If that is you, give them this code "
        f"within ten minutes. If not, ignore this message: without the code nothing happens.\n\n"
        f"We never ask for this code by telephone or in a message that we begin.\n"
    )


def _greet(letter: Letter) -> str:
    return f"Dear {letter.customer_name}," if letter.customer_name.strip() else "Dear customer,"


def _sign(letter: Letter) -> str:
    return f"Kind regards,\n{letter.signature}\n\nReference: {letter.ticket_ref}"
