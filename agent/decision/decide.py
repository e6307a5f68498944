"""The decision: one pure function from evidence to action, read from top to bottom like a table."""

from collections.abc import Mapping

from agent.decision.evidence import Decision, Evidence, Limits
from agent.decision.language import name_language
from database.types import TicketCategory

# A message that leans to a person (churn, anger, data loss, a critical bug, misery, a question that had to be
# translated) is still answered automatically, but only when the answer is nearly certain.
LEANING_CONFIDENCE = 0.92
MISERABLE = -0.75
# Somebody whose mood falls by so much per message, and is bad already, is losing patience with a machine.
FALLING = -0.25
UNHAPPY = -0.3

# What a ticket is filed under that an article of this category answers.
CATEGORY_OF_ARTICLE: Mapping[str, TicketCategory] = {
    "account": "account",
    "billing": "billing",
    "integrations": "technical",
    "login": "account",
    "mobile": "technical",
    "orders": "orders",
    "product": "technical",
    "reliability": "technical",
}
_CATEGORIES_WITH_TEAM: frozenset[TicketCategory] = frozenset({"account", "billing", "security", "technical"})
_PLAUSIBLE = 0.3


def decide(evidence: Evidence, limits: Limits) -> Decision:  # noqa: PLR0911  # as many ends as the table has lines
    """Answer only with ground, confidence and no rule against it; otherwise a person gets the conversation.

    Thanks are neither answered nor handed over, unless a rule speaks of the message.
    """
    must = next((match for match in evidence.policy if match.level == "always"), None)
    usual = find_threshold(evidence, limits)
    required = max(usual, LEANING_CONFIDENCE) if _leans(evidence) else usual

    def hand_over(rule: str, reason: str, route: str) -> Decision:
        return Decision("hand_over", rule, reason, route, evidence.confidence, required)

    if must is not None:
        return hand_over(must.rule, _explain_mandatory(evidence), must.route)
    if not evidence.needs_answer and not evidence.policy:
        reason = "the customer only closes the conversation"
        return Decision("stay_silent", "needs_no_answer", reason, find_route(evidence), evidence.confidence, required)
    if not evidence.can_be_told:
        reason = f"written in {name_language(evidence.language)}, and the passage that fits is not"
        return hand_over("language_not_supported", reason, find_route(evidence))
    if evidence.automatic_replies >= limits.max_automatic_replies:
        reason = f"{evidence.automatic_replies} automatic replies have not settled it"
        return hand_over("too_many_replies", reason, find_route(evidence))
    if evidence.best is None:
        return hand_over("no_knowledge", "nothing in the knowledge base matches", find_route(evidence))
    if evidence.confidence < required:
        return hand_over(*_explain_doubt(evidence, required))
    reason = f"confidence {evidence.confidence:.2f} in “{evidence.best.title}”"
    return Decision("answer", "grounded_answer", reason, find_route(evidence), evidence.confidence, required)


def find_threshold(evidence: Evidence, limits: Limits) -> float:
    """The confidence an answer needs: learned for its intent on its channel, its intent, its channel, or as set.

    What was learned on the other scale does not count. Set to 1, nothing counts that was learned: it is how a desk is
    told not to answer by itself, and a threshold that it found would lift that for an intent.
    """
    if limits.confidence_threshold >= 1:
        return limits.confidence_threshold
    intent = evidence.likely_intent
    scopes: list[tuple[str | None, str | None]] = [(None, evidence.channel)]
    if intent is not None:
        scopes = [(intent.id, evidence.channel), (intent.id, None), *scopes]
    scaled = [(evidence.scale, *scope) for scope in scopes]
    found = (limits.thresholds[scope] for scope in scaled if scope in limits.thresholds)
    return next(found, limits.confidence_threshold)


def _explain_mandatory(evidence: Evidence) -> str:
    """Names every mandatory rule: the team of the first one must know what else the message is about."""
    first, *others = (match.rule.replace("_", " ") for match in evidence.policy if match.level == "always")
    return f"{first} always goes to a person" + (f"; also: {', '.join(others)}" if others else "")


def _explain_doubt(evidence: Evidence, required: float) -> tuple[str, str, str]:
    """Rule, reason and route of an answer that is not sure enough: those of the rule it leans by, if there is one."""
    reason = f"confidence {evidence.confidence:.2f} is below the required {required:.2f}"
    leans = next((match for match in evidence.policy if match.level == "likely"), None)
    if leans is None:
        return "low_confidence", reason, find_route(evidence)
    return leans.rule, f"{leans.rule.replace('_', ' ')}: {reason}", leans.route


def find_route(evidence: Evidence) -> str:
    """The team for a message no policy speaks of: by the customer's own category, intent, or the likeliest article."""
    category: TicketCategory = evidence.ticket_category
    if category not in _CATEGORIES_WITH_TEAM:
        if evidence.likely_intent is not None:
            return evidence.likely_intent.route
        if evidence.best is not None and evidence.confidence >= _PLAUSIBLE:
            category = CATEGORY_OF_ARTICLE.get(evidence.best.category, "general")
    return category if category in _CATEGORIES_WITH_TEAM else "general"


def _leans(evidence: Evidence) -> bool:
    score = evidence.sentiment.score
    is_losing_patience = score <= UNHAPPY and evidence.sentiment_trend <= FALLING
    return (
        any(match.level == "likely" for match in evidence.policy)
        or score <= MISERABLE
        or is_losing_patience
        or evidence.is_translated
    )
