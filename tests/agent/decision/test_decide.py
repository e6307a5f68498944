"""The decision table, line by line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from agent.decision.decide import decide, find_threshold
from agent.decision.evidence import Evidence, Limits, Thresholds, describe
from agent.decision.policy import PolicyMatch
from agent.decision.sentiment import Sentiment
from agent.intents.classifier import IntentGuess, Nearest
from agent.intents.taxonomy import GuessedIntent, Intent
from database.types import Scale
from tests.agent.builders import CALM, make_passage

LIMITS = Limits(confidence_threshold=0.75, max_automatic_replies=4)
MISERABLE = Sentiment(-0.9, "negative", ("worst",))
UNHAPPY = Sentiment(-0.4, "negative", ("bad",))


def make_evidence(**changes: Any) -> Evidence:
    """A question with a clear answer, unless told otherwise."""
    values: dict[str, Any] = {
        "policy": (),
        "sentiment": CALM,
        "best": make_passage(),
        "confidence": 0.9,
        "automatic_replies": 0,
        "ticket_category": "general",
    }
    return Evidence(**{**values, **changes})


def match(rule: str, route: str, level: Any) -> PolicyMatch:
    return PolicyMatch(rule, route, level, "words")


def guess(label: str, trust: float, category: Any, route: Any) -> GuessedIntent:
    """The intent `label`, likely or not."""
    intent = Intent(id=label, title="", description="", category=category, route=route, examples=("x",))
    return GuessedIntent(intent, IntentGuess(label, 0.9, trust, "other", 0.05, Nearest("their words", label, 0.8)))


def scale(thresholds: Mapping[tuple[str | None, str | None], float], by: Scale) -> Thresholds:
    """As learned from answers that were found by this."""
    return {(by, *scope): threshold for scope, threshold in thresholds.items()}


INVOICE = guess("invoice", 0.5, "billing", "billing")
DOUBTFUL = guess("invoice", 0.49, "billing", "billing")
GERMAN, ANY = make_passage(language="de"), make_passage(language=None)
THREAT, CHURN = match("legal_threat", "legal", "always"), match("churn_risk", "general", "likely")


@pytest.mark.parametrize(
    ("changes", "action", "rule", "route"),
    [
        ({}, "answer", "grounded_answer", "account"),
        ({"confidence": 0.75}, "answer", "grounded_answer", "account"),
        ({"confidence": 0.7499}, "hand_over", "low_confidence", "account"),
        ({"confidence": 0.1}, "hand_over", "low_confidence", "general"),
        ({"confidence": 0.1, "ticket_category": "billing"}, "hand_over", "low_confidence", "billing"),
        ({"best": None, "confidence": 0.0}, "hand_over", "no_knowledge", "general"),
        ({"automatic_replies": 4}, "hand_over", "too_many_replies", "account"),
        ({"intent": INVOICE}, "answer", "grounded_answer", "billing"),
        ({"intent": INVOICE, "confidence": 0.1}, "hand_over", "low_confidence", "billing"),
        ({"intent": INVOICE, "best": None, "confidence": 0.0}, "hand_over", "no_knowledge", "billing"),
        ({"intent": INVOICE, "ticket_category": "technical"}, "answer", "grounded_answer", "technical"),
        ({"intent": INVOICE, "policy": (THREAT,)}, "hand_over", "legal_threat", "legal"),
        ({"intent": DOUBTFUL}, "answer", "grounded_answer", "account"),
        ({"policy": (THREAT,), "confidence": 1.0}, "hand_over", "legal_threat", "legal"),
        ({"policy": (CHURN,)}, "hand_over", "churn_risk", "general"),
        ({"policy": (CHURN,), "confidence": 0.95}, "answer", "grounded_answer", "account"),
        ({"sentiment": MISERABLE}, "hand_over", "low_confidence", "account"),
        ({"sentiment": MISERABLE, "confidence": 0.95}, "answer", "grounded_answer", "account"),
        ({"sentiment": UNHAPPY, "sentiment_trend": -0.3}, "hand_over", "low_confidence", "account"),
        ({"sentiment": UNHAPPY, "sentiment_trend": -0.1}, "answer", "grounded_answer", "account"),
        ({"sentiment": CALM, "sentiment_trend": -0.9}, "answer", "grounded_answer", "account"),
        ({"language": "de", "can_be_told": False}, "hand_over", "language_not_supported", "account"),
        ({"language": "de", "can_be_told": False, "policy": (THREAT,)}, "hand_over", "legal_threat", "legal"),
        ({"language": "de"}, "hand_over", "low_confidence", "account"),
        ({"language": "de", "confidence": 0.95}, "answer", "grounded_answer", "account"),
        ({"language": "de", "best": GERMAN}, "answer", "grounded_answer", "account"),
        ({"language": "de", "best": ANY}, "answer", "grounded_answer", "account"),
        ({"language": "de", "knowledge_languages": frozenset({"de"})}, "hand_over", "low_confidence", "account"),
    ],
)  # fmt: skip
def test_each_line_of_the_table(changes: dict[str, Any], action: str, rule: str, route: str) -> None:
    decision = decide(make_evidence(**changes), LIMITS)
    assert (decision.action, decision.rule, decision.route) == (action, rule, route)
    assert decision.reason


def test_the_threshold_is_a_setting() -> None:
    strict = Limits(confidence_threshold=0.95, max_automatic_replies=4)
    assert decide(make_evidence(), LIMITS).action == "answer"
    assert decide(make_evidence(), strict).action == "hand_over"


@pytest.mark.parametrize(
    ("changes", "thresholds", "wanted"),
    [
        ({}, {}, 0.75),
        ({"intent": INVOICE}, {("invoice", "web"): 0.8, ("invoice", None): 0.85, (None, "web"): 0.9}, 0.8),
        ({"intent": INVOICE}, {("invoice", "gmail"): 0.8, ("invoice", None): 0.85, (None, "web"): 0.9}, 0.85),
        ({"intent": INVOICE}, {("refund", None): 0.85, (None, "web"): 0.9}, 0.9),
        ({"intent": INVOICE}, {("refund", None): 0.85, (None, "gmail"): 0.9}, 0.75),
        ({"intent": DOUBTFUL}, {("invoice", "web"): 0.8, ("invoice", None): 0.85, (None, "web"): 0.9}, 0.9),
        ({}, {("invoice", None): 0.85, (None, "web"): 0.9}, 0.9),
        ({"channel": None}, {(None, "web"): 0.9}, 0.75),
    ],
)  # fmt: skip
def test_the_most_specific_threshold_that_was_learned_holds(
    changes: dict[str, Any], thresholds: dict[tuple[str | None, str | None], float], wanted: float
) -> None:
    limits = Limits(confidence_threshold=0.75, max_automatic_replies=4, thresholds=scale(thresholds, "meaning"))
    evidence = make_evidence(**{"channel": "web", **changes})
    assert find_threshold(evidence, limits) == wanted
    assert decide(evidence, limits).required_confidence == wanted
    leaning = make_evidence(**{"channel": "web", **changes, "policy": (CHURN,)})
    assert decide(leaning, limits).required_confidence == 0.92


@pytest.mark.parametrize(
    ("similarity", "scale_learned_on", "wanted"),
    [(0.8, "meaning", 0.8), (0.8, "words", 0.75), (None, "words", 0.8), (None, "meaning", 0.75)],
)
def test_a_threshold_learned_on_the_other_scale_does_not_count(
    similarity: float | None, scale_learned_on: Scale, wanted: float
) -> None:
    limits = Limits(0.75, max_automatic_replies=4, thresholds=scale({(None, "web"): 0.8}, scale_learned_on))
    evidence = make_evidence(channel="web", best=replace(make_passage(), similarity=similarity))
    assert find_threshold(evidence, limits) == wanted


def test_a_learned_threshold_is_a_real_limit() -> None:
    limits = Limits(confidence_threshold=0.75, max_automatic_replies=4, thresholds={("meaning", None, "web"): 0.95})
    assert decide(make_evidence(channel="web"), limits).action == "hand_over"
    assert decide(make_evidence(channel="gmail"), limits).action == "answer"


def test_a_threshold_of_one_stops_automatic_answers_whatever_was_learned() -> None:
    limits = Limits(confidence_threshold=1.0, max_automatic_replies=4, thresholds={("meaning", None, "web"): 0.5})
    assert decide(make_evidence(channel="web"), limits).action == "hand_over"
    assert decide(make_evidence(channel="web"), replace(limits, confidence_threshold=0.99)).action == "answer"


def test_a_mandatory_rule_stands_before_everything_else() -> None:
    rules = (match("security_incident", "security", "always"), match("anger", "general", "likely"))
    decision = decide(make_evidence(policy=rules, best=None, automatic_replies=9), LIMITS)
    assert decision.rule == "security_incident"


def test_a_stored_decision_explains_itself() -> None:
    evidence = make_evidence(policy=(match("anger", "general", "likely"),))
    stored = describe(decide(evidence, LIMITS), evidence)
    assert stored["required_confidence"] == 0.92
    assert stored["policy"] == [{"rule": "anger", "route": "general", "level": "likely", "evidence": "words"}]
    assert stored["best_passage"]["source"] == "login/reset.md"
