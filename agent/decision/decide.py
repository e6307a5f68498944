"""The decision: one pure function from evidence to action, read from top to bottom like a table."""

from agent.decision.evidence import Decision, Evidence, Limits

# A message that leans to a person (churn, anger, data loss, a critical bug, plain misery) is still answered
# automatically, but only when the answer is nearly certain.
LEANING_CONFIDENCE = 0.92
MISERABLE = -0.75

_ROUTE_OF_CATEGORY = {"billing": "billing", "technical": "technical", "security": "security", "account": "account"}
_ROUTE_OF_ARTICLE = {
    "account": "account",
    "billing": "billing",
    "integrations": "technical",
    "login": "account",
    "mobile": "technical",
    "product": "technical",
    "reliability": "technical",
}
_PLAUSIBLE = 0.3


def decide(evidence: Evidence, limits: Limits) -> Decision:  # noqa: PLR0911  # as many ends as the table has lines
    """Answer only with ground, confidence and no rule against it; otherwise a person gets the conversation.

    Thanks are neither answered nor handed over, unless a rule speaks of the message.
    """
    must = next((match for match in evidence.policy if match.level == "always"), None)
    leans = next((match for match in evidence.policy if match.level == "likely"), None)
    required = max(limits.confidence_threshold, LEANING_CONFIDENCE) if _leans(evidence) else limits.confidence_threshold

    def hand_over(rule: str, reason: str, route: str) -> Decision:
        return Decision("hand_over", rule, reason, route, evidence.confidence, required)

    if must is not None:
        return hand_over(must.rule, _explain_mandatory(evidence), must.route)
    if not evidence.needs_answer and leans is None:
        reason = "the customer only closes the conversation"
        return Decision("stay_silent", "needs_no_answer", reason, find_route(evidence), evidence.confidence, required)
    if evidence.automatic_replies >= limits.max_automatic_replies:
        reason = f"{evidence.automatic_replies} automatic replies have not settled it"
        return hand_over("too_many_replies", reason, find_route(evidence))
    if evidence.best is None:
        return hand_over("no_knowledge", "nothing in the knowledge base matches", find_route(evidence))
    if evidence.confidence < required:
        reason = f"confidence {evidence.confidence:.2f} is below the required {required:.2f}"
        if leans is not None:
            return hand_over(leans.rule, f"{leans.rule.replace('_', ' ')}: {reason}", leans.route)
        return hand_over("low_confidence", reason, find_route(evidence))
    reason = f"confidence {evidence.confidence:.2f} in “{evidence.best.title}”"
    return Decision("answer", "grounded_answer", reason, find_route(evidence), evidence.confidence, required)


def _explain_mandatory(evidence: Evidence) -> str:
    """Names every mandatory rule: the team of the first one must know what else the message is about."""
    first, *others = (match.rule.replace("_", " ") for match in evidence.policy if match.level == "always")
    return f"{first} always goes to a person" + (f"; also: {', '.join(others)}" if others else "")


def find_route(evidence: Evidence) -> str:
    """The team for a message no policy speaks of: by the customer's own category, else by the likeliest article."""
    route = _ROUTE_OF_CATEGORY.get(evidence.ticket_category)
    if route is None and evidence.best is not None and evidence.confidence >= _PLAUSIBLE:
        route = _ROUTE_OF_ARTICLE.get(evidence.best.category)
    return route or "general"


def _leans(evidence: Evidence) -> bool:
    return any(match.level == "likely" for match in evidence.policy) or evidence.sentiment.score <= MISERABLE
