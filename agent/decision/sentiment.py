"""How a message feels, from −1 to +1: words with weights, negation, intensifiers, and shouting."""

import re
from dataclasses import dataclass
from typing import Literal

Label = Literal["negative", "neutral", "positive"]

_WEIGHTS: dict[str, float] = {
    **dict.fromkeys(["furious", "outrageous", "disgusting", "scam", "fraud", "theft", "stolen", "hate"], -3.0),
    **dict.fromkeys(["terrible", "awful", "horrible", "worst", "unacceptable", "ridiculous", "useless"], -2.5),
    **dict.fromkeys(["pathetic", "appalling", "disgrace", "disgraceful", "incompetent", "garbage", "rubbish"], -2.5),
    **dict.fromkeys(["angry", "upset", "livid", "fuming", "fed", "sick", "rude", "lied", "lies", "nightmare"], -2.0),
    **dict.fromkeys(["frustrated", "frustrating", "annoyed", "annoying", "disappointed", "disappointing"], -1.8),
    **dict.fromkeys(["bad", "poor", "broken", "crashed", "crashes", "crashing", "lost", "ignored", "waste"], -1.3),
    **dict.fromkeys(["fail", "failed", "fails", "failing", "failure", "wrong", "error", "errors", "missing"], -1.0),
    **dict.fromkeys(["problem", "problems", "issue", "issues", "trouble", "stuck", "slow", "confusing"], -0.7),
    **dict.fromkeys(["complaint", "complain", "refuse", "refused", "declined", "rejected", "blocked"], -0.9),
    **dict.fromkeys(["ok", "okay", "fine", "works", "working", "solved", "fixed", "please"], 0.6),
    **dict.fromkeys(["thanks", "thank", "appreciate", "appreciated", "grateful", "helpful", "nice", "good"], 1.5),
    **dict.fromkeys(["great", "happy", "glad", "pleased", "love", "like", "easy", "quick", "fast"], 1.8),
    **dict.fromkeys(["excellent", "amazing", "awesome", "fantastic", "perfect", "wonderful", "brilliant"], 2.6),
}
_INTENSIFIERS: dict[str, float] = {
    **dict.fromkeys(["very", "really", "so", "extremely", "absolutely", "totally", "completely", "utterly"], 1.5),
    **dict.fromkeys(["incredibly", "beyond", "fucking", "bloody", "damn"], 1.7),
    **dict.fromkeys(["slightly", "somewhat", "bit", "little", "kinda"], 0.6),
}
_NEGATIONS = frozenset({"not", "no", "never", "none", "nothing", "without", "cannot"})
_NEGATED = -0.6
_WINDOW = 3
_SHOUTED = 1.4
_SATURATION = 4.0
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_MAX_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A score in [−1, 1], its label, and the words it came from."""

    score: float
    label: Label
    signals: tuple[str, ...]


def analyze(text: str) -> Sentiment:
    """Score a message. Works on English; a message in another language comes out neutral."""
    words = _WORD.findall(text)[:_MAX_WORDS]
    shouting = _is_shouting(words)
    total, signals = 0.0, []
    for index, word in enumerate(words):
        weight = _WEIGHTS.get(word.lower())
        if weight is None:
            continue
        before = [earlier.lower().replace("’", "'") for earlier in words[max(0, index - _WINDOW) : index]]
        total += _adjust(weight, before, shouted=word.isupper() and len(word) > 2 and not shouting) * (
            _SHOUTED if shouting else 1.0
        )
        signals.append(word.lower())
    total -= 0.4 * min(text.count("!"), 5) if total < 0 or shouting else 0.0
    score = max(-1.0, min(1.0, total / (abs(total) + _SATURATION) * 1.6))
    return Sentiment(round(score, 3), _name(score), tuple(dict.fromkeys(signals)))


def _adjust(weight: float, before: list[str], *, shouted: bool) -> float:
    for word in before:
        weight *= _INTENSIFIERS.get(word, 1.0)
    if any(word in _NEGATIONS or word.endswith("n't") for word in before):
        weight *= _NEGATED
    return weight * _SHOUTED if shouted else weight


def _is_shouting(words: list[str]) -> bool:
    long_words = [word for word in words if len(word) > 2]
    return len(long_words) >= 4 and sum(word.isupper() for word in long_words) > 0.6 * len(long_words)


def _name(score: float) -> Label:
    if score <= -0.2:
        return "negative"
    return "positive" if score >= 0.2 else "neutral"
