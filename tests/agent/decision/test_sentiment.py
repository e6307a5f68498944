"""Sentiment by words: VADER, and what support text needs beside it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.decision.sentiment import SENTIMENT_FILE, analyze, label_score, measure_trend

HELD_OUT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("sentiment.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you, that was very helpful", "positive"),
        ("How do I export a board?", "neutral"),
        ("This is unacceptable, the worst service ever", "negative"),
        ("The app is not good", "negative"),
        ("I AM SO ANGRY ABOUT THIS NOW", "negative"),
        ("It is still not working", "negative"),
        ("This is the third time I ask", "negative"),
        ("Oh great, it crashed", "negative"),
        ("Thanks for nothing", "negative"),
        ("Please help, I would like to share a secure file. Thanks in advance. Best regards", "neutral"),
        ("Dear team, I hope this email finds you well. What is the best way to add a user?", "neutral"),
        ("Could you please tell me if there is a free plan?", "neutral"),
        ("No problem, it works again", "positive"),
        ("", "neutral"),
        ("هذا تطبيق", "neutral"),
    ],
)
def test_plain_cases(text: str, label: str) -> None:
    assert analyze(text).label == label


def test_intensifiers_shouting_and_exclamation_marks_deepen_it() -> None:
    plain = analyze("the service is terrible").score
    assert analyze("the service is absolutely terrible").score < plain
    assert analyze("the service is TERRIBLE").score < plain
    assert analyze("the service is terrible!!!").score < plain


def test_negation_turns_it_around() -> None:
    assert analyze("it is not bad").score > 0 > analyze("it is bad").score
    assert analyze("it doesn’t work, not great").score < analyze("it works great").score


def test_the_words_it_came_from_are_named() -> None:
    assert "worst" in "".join(analyze("the worst app").signals)
    assert analyze("It arrives on Monday.").signals == ()


@pytest.mark.parametrize("case", HELD_OUT["other_languages"], ids=lambda case: f"{case['language']}-{case['label']}")
def test_other_languages_have_words_of_their_own(case: dict[str, str]) -> None:
    assert analyze(case["text"], case["language"]).label == case["label"]


def test_a_language_without_words_is_neutral() -> None:
    assert analyze("terrible awful horrible", "fi").score == 0


def test_a_trend_is_the_change_per_message() -> None:
    assert measure_trend([]) == measure_trend([0.4]) == 0
    assert measure_trend([0.5, -0.5]) == pytest.approx(-1)
    assert measure_trend([0.3, 0.0, -0.3]) == pytest.approx(-0.3)
    assert measure_trend([-0.9] * 20 + [0.2] * 6) == pytest.approx(0), "only the latest messages count"


def test_words_and_phrases_are_written_once() -> None:
    weights = SENTIMENT_FILE.read_text(encoding="utf-8").split("weights:\n")[-1].split("formulae:\n")[0]
    names = [line.split(":")[0].strip() for line in weights.splitlines() if not line.strip().startswith("#")]
    assert len(names) == len(set(names))


@settings(deadline=None, database=None)
@given(st.text(max_size=2_000), st.sampled_from(["en", "de", "es", "fi"]))
def test_any_text_has_a_score_between_minus_one_and_one(text: str, language: str) -> None:
    found = analyze(text, language)
    assert -1.0 <= found.score <= 1.0
    assert found.label == label_score(found.score)


@settings(deadline=None, database=None)
@given(st.lists(st.floats(-1, 1), max_size=30), st.floats(-0.5, 0.5))
def test_a_trend_does_not_depend_on_where_it_starts(scores: list[float], shift: float) -> None:
    assert measure_trend([score + shift for score in scores]) == pytest.approx(measure_trend(scores), abs=1e-9)
