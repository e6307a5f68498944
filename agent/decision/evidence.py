"""What a decision is made from, and what it comes to. Plain data, so that a decision can be stored and explained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.decision.language import DEFAULT_LANGUAGE
from agent.decision.policy import PolicyMatch
from agent.decision.sentiment import Sentiment
from agent.intents.taxonomy import GuessedIntent, Intent
from database.types import Channel, Passage, Scale, TicketCategory

# From here on an intent says where its ticket belongs, and whose threshold holds.
LIKELY_TRUST = 0.5

Thresholds = Mapping[tuple[Scale, str | None, str | None], float]
Action = Literal["answer", "hand_over", "stay_silent"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known about a turn when it is decided. `confidence` is the chance that `best` answers it.

    A message that only thanks for an automatic answer needs none. `can_be_told` is whether the brain at work can put
    `best` into the customer's language.
    """

    policy: tuple[PolicyMatch, ...]
    sentiment: Sentiment
    best: Passage | None
    confidence: float
    automatic_replies: int
    ticket_category: TicketCategory
    needs_answer: bool = True
    sentiment_trend: float = 0.0
    language: str = DEFAULT_LANGUAGE
    knowledge_languages: frozenset[str] = frozenset({DEFAULT_LANGUAGE})
    can_be_told: bool = True
    intent: GuessedIntent | None = None
    channel: Channel | None = None

    @property
    def likely_intent(self) -> Intent | None:
        """What the customer wants, if the guess is more likely right than wrong."""
        if self.intent is None or self.intent.guess.trust < LIKELY_TRUST:
            return None
        return self.intent.intent

    @property
    def scale(self) -> Scale:
        """What `confidence` was measured by."""
        return "words" if self.best is None or self.best.similarity is None else "meaning"

    @property
    def is_translated(self) -> bool:
        """Whether the best passage is in another language than the customer's."""
        return self.best is not None and self.best.language not in {None, self.language}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the deployment allows the agent to do by itself.

    `thresholds` are learned ones by scale, intent and channel, where None stands for every one.
    """

    confidence_threshold: float
    max_automatic_replies: int
    thresholds: Thresholds = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Answer, hand over or stay silent, why, and to whom. `rule` names the line of the table that decided."""

    action: Action
    rule: str
    reason: str
    route: str
    confidence: float
    required_confidence: float


def describe(decision: Decision, evidence: Evidence) -> dict[str, Any]:
    """The decision with its evidence, as stored with the run."""
    return {
        "action": decision.action,
        "rule": decision.rule,
        "reason": decision.reason,
        "route": decision.route,
        "confidence": round(decision.confidence, 4),
        "required_confidence": decision.required_confidence,
        "sentiment": evidence.sentiment.score,
        "sentiment_signals": list(evidence.sentiment.signals),
        "sentiment_trend": evidence.sentiment_trend,
        "language": evidence.language,
        "knowledge_languages": sorted(evidence.knowledge_languages),
        "policy": [
            {"rule": match.rule, "route": match.route, "level": match.level, "evidence": match.evidence}
            for match in evidence.policy
        ],
        "intent": None if evidence.intent is None else _describe_intent(evidence.intent),
        "best_passage": None
        if evidence.best is None
        else {
            "id": str(evidence.best.id),
            "source": evidence.best.source,
            "heading": evidence.best.heading,
            "similarity": evidence.best.similarity,
            "lexical": evidence.best.lexical,
            "score": evidence.best.score,
        },
        "automatic_replies": evidence.automatic_replies,
        "needs_answer": evidence.needs_answer,
    }


def _describe_intent(guessed: GuessedIntent) -> dict[str, Any]:
    """Never the nearest example's text: it may be another customer's message."""
    guess = guessed.guess
    return {
        "label": guess.label,
        "probability": round(guess.probability, 4),
        "trust": round(guess.trust, 4),
        "runner_up": guess.runner_up,
        "runner_up_probability": round(guess.runner_up_probability, 4),
        "nearest_label": guess.nearest.label,
        "nearest_similarity": round(guess.nearest.similarity, 4),
    }
