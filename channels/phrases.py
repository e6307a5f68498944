"""What the desk says around an answer, in the languages that we have written it in."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

_Phrase = Annotated[str, StringConstraints(min_length=1)]


class Phrases(BaseModel):
    """One entry of phrases.yaml. `languages` are its names for the languages, by their codes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mail_greeting: _Phrase
    mail_greeting_nobody: _Phrase
    mail_thanks: _Phrase
    mail_sources: _Phrase
    mail_more: _Phrase
    mail_handover: _Phrase
    mail_closing: _Phrase
    mail_reference: _Phrase
    web_greeting: _Phrase
    web_greeting_nobody: _Phrase
    web_more: _Phrase
    web_handover: _Phrase
    web_ticket: _Phrase
    chat_more: _Phrase
    chat_handover: _Phrase
    chat_handover_nobody: _Phrase
    not_spoken: _Phrase
    conjunction: _Phrase
    languages: Mapping[str, _Phrase]


_PHRASES = TypeAdapter(dict[str, Phrases]).validate_python(
    yaml.safe_load((files("channels") / "phrases.yaml").read_text(encoding="utf-8"))
)
LANGUAGES: tuple[str, ...] = tuple(_PHRASES)


def find_phrases(language: str) -> Phrases:
    """The phrases of a language; English ones where we have written none."""
    return _PHRASES.get(language, _PHRASES["en"])


def admit_languages(language: str, known: Sequence[str]) -> str:
    """One sentence that says which languages the automatic help knows; empty where there is nothing to admit."""
    if not known:
        return ""
    phrases = find_phrases(language)
    *others, last = [phrases.languages.get(code, code) for code in known]
    listed = f"{', '.join(others)} {phrases.conjunction} {last}" if others else last
    return phrases.not_spoken.format(languages=listed)
