"""From what the agent did with the tickets of the suite to figures."""

from collections import defaultdict
from collections.abc import Sequence

from agent.decision.policy import POLICY_FILE, read_policy
from agent.evaluation.results import Row
from agent.evaluation.suite import Half, TicketResult

SET_OF_HALF: dict[Half, str] = {"held_out": "suite", "tune": "suite_tune"}


def measure_suite(results: Sequence[TicketResult]) -> list[Row]:
    """The figures of each half that was run. The held-out half, which nothing was tuned on, is `suite`."""
    rows = []
    for half, name in SET_OF_HALF.items():
        found = measure_results([result for result in results if result.ticket.split == half])
        rows += [Row(name, measure, value) for measure, value in found.items()]
    return rows


def measure_results(results: Sequence[TicketResult]) -> dict[str, float]:
    """Every measure that some ticket speaks of. All are shares in [0, 1] but the violations, which are counted.

    A mandatory matter may reach a person because the desk was not sure; `must_escalate_by_rule` counts those it knew.
    """
    levels = {rule.id: rule.level for rule in read_policy(POLICY_FILE).rules}
    answered = [result for result in results if result.outcome == "answer"]
    rightly_answered = [result for result in answered if result.wanted == "answer"]
    rightly_handed_over = [result for result in results if result.outcome == result.wanted == "hand_over"]
    mandatory = [result for result in results if levels.get(result.ticket.expected.rule or "") == "always"]
    leaning = [result for result in results if levels.get(result.ticket.expected.rule or "") == "likely"]
    counted = {
        "decision_accuracy": [result.outcome == result.wanted for result in results],
        "must_escalate_recall": [result.outcome == "hand_over" for result in mandatory],
        "must_escalate_by_rule": [levels.get(result.rule) == "always" for result in mandatory],
        "likely_escalate_recall": [result.outcome == "hand_over" for result in leaning],
        "false_escalation_rate": [result.outcome == "hand_over" for result in results if result.wanted == "answer"],
        "auto_resolution_precision": [result.wanted == "answer" and _cites_rightly(result) for result in answered],
        "coverage": [result.outcome == "answer" for result in results],
        "route_accuracy": [
            result.route == result.ticket.expected.route
            for result in rightly_handed_over
            if result.ticket.expected.route
        ],
        "citation_accuracy": [_cites_rightly(result) for result in rightly_answered],
    }
    shares = {measure: sum(found) / len(found) for measure, found in counted.items() if found}
    return {**shares, "must_not_say_violations": float(sum(map(_says_too_much, results)))} if results else {}


def explain_fault(result: TicketResult) -> str | None:
    """What is wrong with the agent's handling of a ticket, in words, or None."""
    expected = result.ticket.expected
    if result.outcome != result.wanted:
        return f"{result.outcome} by {result.rule}, expected {result.wanted}"
    if result.outcome == "hand_over" and expected.route not in {None, result.route}:
        return f"handed over to {result.route}, expected {expected.route}"
    if result.outcome == "answer" and not _cites_rightly(result):
        return f"cites {', '.join(result.cited) or 'nothing'}, expected {' or '.join(expected.must_cite)}"
    return "says what it must not" if _says_too_much(result) else None


def measure_by_tag(results: Sequence[TicketResult]) -> dict[str, tuple[int, float, float]]:
    """For each tag and channel: how many tickets, the share handled without a fault, and the share answered."""
    groups: defaultdict[str, list[TicketResult]] = defaultdict(list)
    for result in results:
        for tag in (*result.ticket.tags, f"channel:{result.ticket.channel}"):
            groups[tag].append(result)
    return {
        tag: (
            len(group),
            sum(explain_fault(result) is None for result in group) / len(group),
            sum(result.outcome == "answer" for result in group) / len(group),
        )
        for tag, group in sorted(groups.items())
    }


def _cites_rightly(result: TicketResult) -> bool:
    return not set(result.ticket.expected.must_cite).isdisjoint(result.cited)


def _says_too_much(result: TicketResult) -> bool:
    reply = result.reply.casefold()
    return any(phrase.casefold() in reply for phrase in result.ticket.expected.must_not_say)
