"""How likely it is that the best passage found truly answers the question."""

import math
import re
from collections.abc import Sequence

from database.types import Passage

_WORD = re.compile(r"[a-z0-9]+")
_SUFFIX = re.compile(r"(?:ations?|ings?|ed|es|s|e|ly|y)$")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a about after again all am an and any anybody anyone anything are as at be been before but by can cannot cant"
        " could did didnt do does doesnt doing dont for from get getting give go going got had has have havent hello"
        " help hey hi how i id if ill im in into is isnt it its ive just kindly know let like make me mine my myself"
        " need no not of off on one or our out please pls possible should show so some someone something tell than"
        " thank thanks that thats the their them then there these they this those to too try trying up us use using"
        " very want was way we were what whats when where which while who why will with without wont would you your"
        " yours"
    )
)
# More words found than this are a long message, not better evidence.
_MAX_FOUND = 8

# Nor do more words than this make a message longer, nor does a larger lead make it clearer.
_MAX_WORDS = 40
_MAX_LEAD = 0.4
# How far words may lift a passage above its likeness. An identifier that is named finds its passage; that does not
# make the passage an answer.
_MAX_LIFT = 0.2

# Fitted on 700 StackFAQ questions with half of the articles hidden, on the tickets to be answered of our own suite's
# tune half (86, once more with their articles taken away) and 17 that nothing answers, on the titles of the sample
# articles in three wordings (with and without their article), and on 500 Banking77 and CLINC train questions off topic.
# Ten folds by article, from .75 on: StackFAQ 45.7 % answered, 94 % of them rightly; suite 31 % (96 %), where 19 %
# were answered without the length of the message: a long one is less like any passage, however right that is. Off
# topic 0.2 %. It says less than is so (StackFAQ: calibration error .059), as the unanswerable ones weigh heavily.
# Fitted before documents had questions of their own; with them for half of StackFAQ's articles it still holds: 45.5 %
# answered, 94 % rightly, off topic 1.0 %; of the suite's tune half 48 % are answered, 98 % rightly.
_BY_MEANING = (-12.57, 12.35, 7.76, 1.44)
# By words alone, on StackFAQ (two random halvings; 1,600 off-topic questions): AUROC 85.3, calibration error .029;
# 18.1 % answered, 91.2 % rightly; 0.1 % and 0.5 %.
_BY_WORDS = (-5.94, 4.95, 3.54, -0.78)


def estimate_answerability(question: str, passages: Sequence[Passage]) -> float:
    """Calibrated probability in [0, 1] that the first of `passages` (best first) answers `question`; 0 for none."""
    if not passages:
        return 0.0
    if passages[0].similarity is None:
        bias, *weights = _BY_WORDS
        evidence = measure_words(question, passages)
    else:
        bias, *weights = _BY_MEANING
        evidence = measure_meaning(question, passages, passages[0].similarity)
    logit = bias + sum(weight * value for weight, value in zip(weights, evidence, strict=True))
    return 1 / (1 + math.exp(-logit))


def measure_meaning(question: str, passages: Sequence[Passage], similarity: float) -> tuple[float, float, float]:
    """The best passage's score, its lead over the best other article's, and the message's content words (log).

    Where all passages are of one article the lead is at least that over the last of them.
    """
    best = passages[0]
    other = find_other_article(passages) or passages[-1]
    words = min(len(list_stems(question)), _MAX_WORDS)
    return min(best.score, similarity + _MAX_LIFT), min(best.score - other.score, _MAX_LEAD), math.log1p(words)


def measure_words(question: str, passages: Sequence[Passage]) -> tuple[float, float, float]:
    """The lead of the best passage's lexical rank over the best other article's, and words found and missing (log).

    Counts and not their ratio: one word found out of one is weak evidence, five out of six are strong.
    """
    other = find_other_article(passages)
    found, missing = count_words(question, passages[0])
    lead = passages[0].lexical - (other.lexical if other else 0.0)
    return lead, math.log1p(min(found, _MAX_FOUND)), math.log1p(missing)


def find_other_article(passages: Sequence[Passage]) -> Passage | None:
    """The best passage of another topic than the first's: a resolution taken from the same article agrees with it."""
    return next((passage for passage in passages if passage.topic_id != passages[0].topic_id), None)


def count_words(question: str, passage: Passage) -> tuple[int, int]:
    """How many of the question's content words the passage or its title has in any inflection, and how many not."""
    asked = list_stems(question)
    found = asked & list_stems(f"{passage.title} {passage.heading} {passage.content}")
    return len(found), len(asked) - len(found)


def list_stems(text: str) -> set[str]:
    """The content words of a text, without endings."""
    words = _WORD.findall(text.lower().replace("'", "").replace("’", ""))
    return {_SUFFIX.sub("", word) if len(word) > 4 else word for word in words if word not in _STOP_WORDS}
