"""What a customer meant to type: neither meaning nor words find an article by `how do i deleet a coment`."""

import re
from collections.abc import Mapping
from functools import cache

from spellchecker import SpellChecker

# Not a part of an address, a path, a number or a name in code.
_WORD = re.compile(r"(?<![\w.@/#:'’-])[a-z]{4,24}(?![\w@/#:'’-]|\.\w)", re.IGNORECASE)
# More strange words than these are another language, whose words must stay as they are.
_MOST_STRANGE = 3
_STRANGE_SHARE = 1 / 2


def find_strange_words(text: str) -> dict[str, list[str]]:
    """Words that are no English, in lower case, with those one slip away.

    None of a text in another language, unless it is so short that all of it may be mistyped. The first call loads the
    dictionary, which takes a second: call it in a thread.
    """
    dictionary = _load_dictionary()
    words = {word.lower() for word in _WORD.findall(text)}
    strange = sorted(word for word in dictionary.unknown(words) if f"{word[:-1]}'{word[-1]}" not in dictionary)
    if len(strange) > max(_MOST_STRANGE, len(words) * _STRANGE_SHARE):
        return {}
    return {word: _list_slips(dictionary, word) for word in strange}


def mend(text: str, strange: Mapping[str, list[str]], known: Mapping[str, int]) -> str:
    """The text, each strange word that the knowledge does not have replaced by the slip away that it has most often.

    `known`: how often it has a word.
    """

    def choose(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word not in strange or word in known:
            return match[0]
        return max((meant for meant in strange[word] if meant in known), key=known.__getitem__, default=match[0])

    return _WORD.sub(choose, text)


@cache
def _load_dictionary() -> SpellChecker:
    return SpellChecker(language="en", distance=1)


def _list_slips(dictionary: SpellChecker, word: str) -> list[str]:
    near = (dictionary.candidates(word) or set()) - {word}
    return sorted(near, key=lambda candidate: (-dictionary[candidate], candidate))
