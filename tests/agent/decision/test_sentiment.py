"""Sentiment: words, negation, intensifiers, shouting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.decision.sentiment import analyze


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you, that was very helpful", "positive"),
        ("How do I export a board?", "neutral"),
        ("This is unacceptable, the worst service ever", "negative"),
        ("The app is not good", "negative"),
        ("I AM SO ANGRY ABOUT THIS NOW", "negative"),
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


@given(st.text(max_size=2_000))
def test_any_text_has_a_score_between_minus_one_and_one(text: str) -> None:
    assert -1.0 <= analyze(text).score <= 1.0
