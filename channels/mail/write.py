"""Writing mail: formal, with greeting, sources and signature."""

from channels.base import Letter
from channels.phrases import Phrases, admit_languages, find_phrases
from database.types import Citation


class MailWriter:
    """A letter that can stand alone in a mailbox."""

    def write_answer(self, text: str, citations: list[Citation], letter: Letter) -> str:
        """The answer with its sources listed below."""
        phrases = find_phrases(letter.language)
        sources = "\n".join(f"[{citation.number}] {citation.title}" for citation in citations)
        return (
            f"{_greet(phrases, letter)}\n\n{phrases.mail_thanks.format(company=letter.company)}\n\n{text}\n\n"
            f"{phrases.mail_sources}\n{sources}\n\n{phrases.mail_more}\n\n{_sign(phrases, letter)}"
        )

    def write_handover(self, team: str, letter: Letter) -> str:
        """Who has it now."""
        phrases = find_phrases(letter.language)
        said = f"{phrases.mail_thanks.format(company=letter.company)} {phrases.mail_handover.format(team=team)}"
        admitted = admit_languages(letter.language, letter.known_languages)
        return f"{_greet(phrases, letter)}\n\n{said} {admitted}".rstrip() + f"\n\n{_sign(phrases, letter)}"

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


def _greet(phrases: Phrases, letter: Letter) -> str:
    if not letter.customer_name.strip():
        return phrases.mail_greeting_nobody
    return phrases.mail_greeting.format(name=letter.customer_name)


def _sign(phrases: Phrases, letter: Letter) -> str:
    return f"{phrases.mail_closing}\n{letter.signature}\n\n{phrases.mail_reference.format(ref=letter.ticket_ref)}"
