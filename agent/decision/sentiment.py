"""How a message feels, from −1 to +1, by its words: VADER, with what support text needs beside it.

The words and phrases are data, in sentiment.yaml. Where there is an embedding model, `mood.py` hears more than this.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from agent.decision.language import DEFAULT_LANGUAGE

Label = Literal["negative", "neutral", "positive"]

SENTIMENT_FILE = Path(__file__).with_name("sentiment.yaml")
TREND_MESSAGES = 6

_MAX_CHARACTERS = 8_000
_NEUTRAL = 0.2  # scores nearer to 0 than this have no side
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?;,\n]+")
_APOSTROPHES = re.compile("[’‘`´]")
_NEGATION_REACH = 3
_SATURATION = 1.2


@dataclass(frozen=True, slots=True)
class Sentiment:
    """A score in [−1, 1], its label, and the words it came from."""

    score: float
    label: Label
    signals: tuple[str, ...]


class _Words(BaseModel):
    """What a language says about moods."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    negations: tuple[str, ...]


class _File(BaseModel):
    """sentiment.yaml, which explains its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: dict[str, float]
    formulae: tuple[str, ...]
    languages: dict[str, _Words]


def analyze(text: str, language: str = DEFAULT_LANGUAGE) -> Sentiment:
    """Score a message by its words. A language that we have no words of comes out neutral."""
    if language == DEFAULT_LANGUAGE:
        return _load_english().score(text[:_MAX_CHARACTERS])
    words = _read_file().languages.get(language)
    return _score_words(text[:_MAX_CHARACTERS], words) if words else Sentiment(0.0, "neutral", ())


def label_score(score: float) -> Label:
    """Which side a score is on."""
    if score <= -_NEUTRAL:
        return "negative"
    return "positive" if score >= _NEUTRAL else "neutral"


def measure_trend(scores: Sequence[float]) -> float:
    """The change of sentiment per message, by least squares over the latest ones, oldest first; 0 for a single one."""
    recent = scores[-TREND_MESSAGES:]
    middle = (len(recent) - 1) / 2
    spread = sum((at - middle) ** 2 for at in range(len(recent)))
    return sum((at - middle) * score for at, score in enumerate(recent)) / spread if spread else 0.0


class _English:
    """VADER with our weights. Phrases become words of their own before it looks at the text."""

    def __init__(self, file: _File) -> None:
        self._analyzer = SentimentIntensityAnalyzer()
        self._tokens = {phrase: phrase.replace(" ", "") for phrase in file.weights if " " in phrase}
        for phrase, weight in file.weights.items():
            self._analyzer.lexicon[self._tokens.get(phrase, phrase)] = weight
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._phrases = re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)
        self._formulae = re.compile(rf"\b(?:{'|'.join(file.formulae)})\b", re.IGNORECASE)

    def score(self, text: str) -> Sentiment:
        """VADER's compound of the text without formulae, and the words with any weight in it."""
        plain = self._formulae.sub(" ", _APOSTROPHES.sub("'", text))
        plain = self._phrases.sub(self._join_phrase, plain)
        score = self._analyzer.polarity_scores(plain)["compound"]
        weights = self._analyzer.lexicon
        signals = [word for word in _WORD.findall(plain.lower()) if weights.get(word)]
        return Sentiment(round(score, 3), label_score(score), tuple(dict.fromkeys(signals)))

    def _join_phrase(self, phrase: re.Match[str]) -> str:
        token = self._tokens[phrase[0].lower()]
        return token.upper() if phrase[0].isupper() else token


def _score_words(text: str, words: _Words) -> Sentiment:
    total, signals = 0.0, []
    plain = _APOSTROPHES.sub("'", text).lower()
    # Phrases first, so that their words do not count once more by themselves.
    for sign, phrases in ((-1, words.negative), (1, words.positive)):
        for phrase in (phrase for phrase in phrases if " " in phrase):
            found = len(re.findall(rf"\b{re.escape(phrase)}\b", plain))
            total += sign * found
            signals += [phrase] * bool(found)
            plain = plain.replace(phrase, " ")
    for sentence in _SENTENCE_END.split(plain):
        tokens = _WORD.findall(sentence)
        for at, token in enumerate(tokens):
            sign = (token in words.positive) - (token in words.negative)
            if sign:
                # On either side: in German and Dutch the negation follows its verb.
                near = tokens[max(0, at - _NEGATION_REACH) : at + _NEGATION_REACH + 1]
                is_negated = any(word in words.negations for word in near)
                # "No problem" is hardly a compliment; "does not work" is a complaint.
                total += sign * (1.0 if not is_negated else -1.0 if sign > 0 else -0.3)
                signals.append(token)
    total *= 1.3 if "!" in text else 1.0
    score = total / (abs(total) + _SATURATION)
    return Sentiment(round(score, 3), label_score(score), tuple(dict.fromkeys(signals)))


@cache
def _load_english() -> _English:
    return _English(_read_file())


@cache
def _read_file() -> _File:
    return _File.model_validate(yaml.safe_load(SENTIMENT_FILE.read_text(encoding="utf-8")))
