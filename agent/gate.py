"""The gate before every automatic answer: it must be there, cite what it rests on, and say only what that says."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from agent.context import TurnContext
from agent.decision.evidence import Decision
from agent.decision.grounding import NOT_SAID, Grounder, Grounding, Unsupported
from agent.decision.injection import find_trap
from agent.decision.judge import Judge
from database.types import Passage


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision after the gate, and what is to be stored of why."""

    decision: Decision
    findings: dict[str, Any] = field(default_factory=dict)


async def check_draft(context: TurnContext, decision: Decision, grounder: Grounder, judge: Judge | None) -> Checked:
    """The decision to answer, or the handover that the gate makes of it."""
    if context.escalate is not None:
        return _hand_over(decision, "model_escalated", context.escalate.reason, context.escalate.route)
    if context.draft is None:
        return _hand_over(decision, "no_answer", "the model ended without an answer")
    if not context.draft.citations:
        return _hand_over(decision, "uncited", "the answer cites nothing")
    sources = {
        citation.number: _write_source(context.passages[citation.number - 1]) for citation in context.draft.citations
    }
    trap = find_trap(context.draft.text, sources.values(), context.prompts.text)
    if trap is not None:
        return _hand_over(decision, "suspicious", trap)
    return await _check_ground(decision, context.draft.text, sources, grounder, judge)


async def _check_ground(
    decision: Decision, reply: str, sources: dict[int, str], grounder: Grounder, judge: Judge | None
) -> Checked:
    grounding = await asyncio.to_thread(grounder.check, reply, sources)
    verdict = None
    # Nobody is asked about an answer that cannot be sent, nor about one that is word for word in its sources.
    if judge is not None and grounding.open_questions and not grounding.wrong:
        verdict = await judge([statement.text for statement in grounding.open_questions], list(sources.values()))
    unsupported = grounding.unsupported if verdict is None else _read(verdict, grounding)
    findings = {
        "grounded_by": "words" if verdict is None else "judge",
        "unsupported": [{"sentence": found.sentence, "problem": found.problem} for found in unsupported],
    }
    if unsupported:
        decision = replace(
            decision, action="hand_over", rule="ungrounded", reason=f"the answer contains {unsupported[0].problem}"
        )
    return Checked(decision, findings)


def _read(verdict: frozenset[int], grounding: Grounding) -> tuple[Unsupported, ...]:
    return tuple(Unsupported(grounding.open_questions[at].text, NOT_SAID) for at in sorted(verdict))


def _write_source(passage: Passage) -> str:
    return f"{passage.title}\n{passage.heading}\n{passage.content}"


def _hand_over(decision: Decision, rule: str, reason: str, route: str | None = None) -> Checked:
    return Checked(replace(decision, action="hand_over", rule=rule, reason=reason, route=route or decision.route))
