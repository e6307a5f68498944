"""What customers say of themselves that a later turn should know, in their own words and never in a model's.

Only what they state in the first person about what they have, use or want; nothing secret, nothing with long figures.
"""

import re

MAX_FACTS = 3
MAX_CHARACTERS = 200
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_STATES = re.compile(
    r"\b(?:"
    r"(?:i|we)(?:['’]m| am|['’]re| are) (?:on|using|running|based|located|in) (?:the |a |an |our )?\w+"
    r"|(?:i|we) (?:only |always |mostly |currently )?(?:use|run|work (?:on|with|in|from)|live in|prefer|speak) \w+"
    r"|(?:i|we) have (?:a|an|the|\d{1,3}|two|three|several|many) \w+"
    r"|(?:my|our) (?:plan|team|time ?zone|company|organi[sz]ation|language|browser|phone|device|computer|operating"
    r" system|workspace|role|job|version)(?: \w+){0,2} (?:is|has|are|runs)\b"
    r"|we are (?:a|an|\d{1,4}|about) \w+"
    r")",
    re.IGNORECASE,
)
# A question states nothing, what may be over tomorrow is no fact, and a secret must not be kept a second time.
_UNFIT = re.compile(
    r"\?|\d{5,}|\S+@\S+|https?:|\b(?:password|passcode|pin|code|token|secret|card|iban|cvv|ssn|problem|issue|question|error"
    r"|trouble|not|no|never|can['’]?t|cannot|won['’]?t|ignore|instructions?|system)\b|n['’]t\b",
    re.IGNORECASE,
)


def extract_facts(text: str) -> list[str]:
    """The first few sentences of a message in which its writer states something lasting of themselves."""
    sentences = (" ".join(sentence.split()) for sentence in _SENTENCE_END.split(text))
    found = [
        sentence
        for sentence in sentences
        if len(sentence) <= MAX_CHARACTERS and _STATES.search(sentence) and not _UNFIT.search(sentence)
    ]
    return list(dict.fromkeys(found))[:MAX_FACTS]
