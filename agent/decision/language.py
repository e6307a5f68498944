"""Which language a customer writes in. Sure of itself or silent: what cannot be told keeps the conversation's language.

py3langid tells languages apart by their letter sequences; restricted to ours, it knows 99.0 % of texts of five words
and 88.9 % of those of two. A list of words that people write alone ("danke", "merci") helps it with the shortest.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

import yaml
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from pydantic import BaseModel, ConfigDict, TypeAdapter

DEFAULT_LANGUAGE = "en"

_MAX_CHARACTERS = 4_000
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_TOKEN = re.compile(r"\S+")
# Nothing that people write in words of their own: links, addresses, file names, references and figures.
_NO_WORD = re.compile(r"https?://|www\.|@|[\w-]\.[a-z]{2,5}(?![\w.])|[\d_<>{}=\\/|#]", re.IGNORECASE)
_LONGEST_TOKEN = 60  # what is longer is a sentence of a language that writes no spaces, whatever figures stand in it
_QUOTED = re.compile('“[^“”\n]+”|"[^"\n]+"|«[^«»\n]+»|„[^„“”\n]+[“”]')
_PIECE_END = re.compile(r"(?<=[.!?;。！？])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_FEW_WORDS = 4  # up to so many, single words are asked before letters are
_SURE = 0.5
_SURE_OF_FEW = 0.85  # two words of a product's name are as often as not another language's letters
_SURE_OF_ENGLISH = 0.3  # the likeliest guess, so less is asked of it


class _Language(BaseModel):
    """One entry of languages.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    words: tuple[str, ...]


_LANGUAGES = TypeAdapter(dict[str, _Language]).validate_python(
    yaml.safe_load((files("agent") / "decision" / "languages.yaml").read_text(encoding="utf-8"))
)
LANGUAGES: tuple[str, ...] = tuple(_LANGUAGES)
_LANGUAGE_OF_WORD = {word: code for code, language in _LANGUAGES.items() for word in language.words}


def name_language(code: str) -> str:
    """What instructions call a language; the code itself where we have no name for it."""
    return _LANGUAGES[code].name if code in _LANGUAGES else code


def choose_language(texts: Sequence[str], known: str | None) -> str:
    """The language to answer these messages in: theirs, else the conversation's, else English."""
    return detect_language("\n".join(texts)) or known or DEFAULT_LANGUAGE


def detect_language(text: str) -> str | None:
    """The ISO 639-1 code of what most of `text` is written in, or None where that cannot be told."""
    plain = _TOKEN.sub(_drop_no_word, _CODE.sub(" ", text[:_MAX_CHARACTERS]))
    # What somebody quotes, an error message perhaps, is not their language unless they write nothing else.
    own_words = _QUOTED.sub(" ", plain)
    plain = own_words if _WORD.search(own_words) else plain
    return _vote(filter(_WORD.search, _PIECE_END.split(plain)))


def _drop_no_word(token: re.Match[str]) -> str:
    word = token[0]
    return " " if len(word) <= _LONGEST_TOKEN and _NO_WORD.search(word) else word


def load_languages() -> None:
    """Read the model now, half a second, and not in the middle of somebody's message."""
    _load_identifier()


def _vote(pieces: Iterable[str]) -> str | None:
    """Each sentence votes with the number of its letters. Sentences that nobody is sure of have no vote."""
    votes: Counter[str] = Counter()
    for piece in pieces:
        language = _detect_piece(piece)
        if language is not None:
            votes[language] += sum(map(len, _WORD.findall(piece)))
    return max(votes, key=votes.__getitem__, default=None)


def _detect_piece(piece: str) -> str | None:
    words = [word.replace("’", "'") for word in _WORD.findall(piece.lower())]
    if len(words) <= _FEW_WORDS:
        known = _LANGUAGE_OF_WORD.get(" ".join(words)) or _count_words(words)
        if known is not None:
            return known
    code, probability = _load_identifier().classify(" ".join(words))
    return code if probability >= _require(code, len(words)) else None


def _require(code: str, words: int) -> float:
    if code == DEFAULT_LANGUAGE:
        return _SURE_OF_ENGLISH
    return _SURE_OF_FEW if words < _FEW_WORDS else _SURE


def _count_words(words: Sequence[str]) -> str | None:
    """The language most of the known words belong to; None where two are level."""
    ranked = Counter(_LANGUAGE_OF_WORD[word] for word in words if word in _LANGUAGE_OF_WORD).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


@cache
def _load_identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
