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

# Fitted on 1,249 StackFAQ questions with half of the articles removed (three random halvings, both halves), 81 own
# questions and 25 unanswerable ones to the sample knowledge, whole and halved, and 5,153 Banking77 and CLINC train
# questions that it does not answer. Ten folds by article, StackFAQ: AUROC 95.2, calibration error .016; from .75 on
# 39.8 % are answered, 92.9 % of them rightly. Off topic, .75 is reached by 1.6 % of Banking77 and 0.3 % of CLINC.
_BY_MEANING = (-10.07, 12.98, 8.82, 2.50)
# Since then passages are found by BM25 and titles too, which changed what is found more than what the numbers mean: of
# StackFAQ 41.7 % are answered, 94.1 % of them rightly, calibration error .022; 0 and 0.1 % off topic. A new
# fit to StackFAQ is better there (95.6 %) and worse elsewhere: it answers 23 of 30 own questions instead of 29.
# By words alone, fitted anew as above (StackFAQ, two random halvings; 1,600 off-topic questions): AUROC 85.3,
# calibration error .029; 18.1 % answered, 91.2 % rightly; 0.1 % and 0.5 %.
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
    """The best passage's similarity, the lead of its score over the best other article's, and its coverage.

    Where all passages are of one article the lead is at least that over the last of them.
    """
    best = passages[0]
    other = find_other_article(passages) or passages[-1]
    found, missing = count_words(question, best)
    return similarity, best.score - other.score, found / max(found + missing, 1)


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
