"""The gate before every automatic answer: it must be there, cite what it rests on, and say only what that says."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.context import TurnContext
from agent.decision.evidence import Decision
from agent.decision.grounding import NOT_SAID, Grounder, Grounding, Unsupported
from agent.decision.injection import find_trap
from agent.decision.judge import Judge
from agent.decision.statements import split_statements
from database.types import Passage

_NO_VERDICT = "; the judge gave no verdict, so words and meaning alone were compared"


@dataclass(frozen=True, slots=True)
class Checked:
    """The decision after the gate, and what is to be stored of why."""

    decision: Decision
    findings: dict[str, Any] = field(default_factory=dict)


async def check_draft(
    context: TurnContext, decision: Decision, grounder: Grounder, judge: Judge | None, *, is_copied: bool
) -> Checked:
    """The decision to answer, or the handover that the gate makes of it.

    `is_copied`: the offline brain wrote it, which copies passages and cuts them where a channel takes no more.
    """
    if context.escalate is not None:
        return _hand_over(decision, "model_escalated", context.escalate.reason, context.escalate.route)
    if context.draft is None:
        return _hand_over(decision, "no_answer", "the model ended without an answer")
    if not context.draft.citations:
        return _hand_over(decision, "uncited", "the answer cites nothing")
    cited = {citation.number: context.passages[citation.number - 1] for citation in context.draft.citations}
    trap = find_trap(context.draft.text, list(map(_write_source, cited.values())), context.prompts.text)
    if trap is not None:
        return _hand_over(decision, "suspicious", trap)
    confidence = context.rate([cited[number] for number in find_bearing(context.draft.text, cited.keys())])
    decision, required = replace(decision, confidence=confidence), decision.required_confidence
    if confidence < required:
        reason = f"confidence {confidence:.2f} in what the answer rests on is below the required {required:.2f}"
        return _hand_over(decision, "low_confidence", reason)
    ground = {number: _write_ground(passage) for number, passage in cited.items()}
    grounding = await asyncio.to_thread(grounder.check, context.draft.text, ground, may_be_cut=is_copied)
    return await _settle(decision, grounding, list(ground.values()), judge)


def find_bearing(text: str, cited: Collection[int]) -> Collection[int]:
    """The sources that the statements of a reply name, of those `cited`; all of them where none is named.

    A source that only thanks are marked with, or that is listed and never used, bears nothing.
    """
    named = {number for statement in split_statements(text) if statement.says_something for number in statement.cites}
    return named & set(cited) or cited


async def _settle(decision: Decision, grounding: Grounding, ground: Sequence[str], judge: Judge | None) -> Checked:
    verdict, caveat = None, ""
    # Nobody is asked about an answer that cannot be sent, nor about one that is word for word in its sources.
    if judge is not None and grounding.open_questions and not grounding.wrong:
        verdict = await judge([statement.text for statement in grounding.open_questions], ground)
        caveat = _NO_VERDICT if verdict is None else ""
    unsupported = grounding.unsupported if verdict is None else _read(verdict, grounding)
    findings = {
        "grounded_by": "words" if verdict is None else "judge",
        "unsupported": [{"sentence": found.sentence, "problem": found.problem} for found in unsupported],
    }
    if unsupported:
        reason = f"the answer contains {unsupported[0].problem}"
        decision = replace(decision, action="hand_over", rule="ungrounded", reason=reason)
    return Checked(replace(decision, reason=decision.reason + caveat), findings)


def _read(verdict: frozenset[int], grounding: Grounding) -> tuple[Unsupported, ...]:
    return tuple(Unsupported(grounding.open_questions[at].text, NOT_SAID) for at in sorted(verdict))


def _write_source(passage: Passage) -> str:
    return f"{passage.title}\n{passage.heading}\n{passage.content}"


def _write_ground(passage: Passage) -> str:
    """What may carry an answer. The title of a resolution is what a customer asked, and may say anything."""
    if passage.kind == "resolution":
        return f"{passage.heading}\n{passage.content}"
    return _write_source(passage)


def _hand_over(decision: Decision, rule: str, reason: str, route: str | None = None) -> Checked:
    return Checked(replace(decision, action="hand_over", rule=rule, reason=reason, route=route or decision.route))
