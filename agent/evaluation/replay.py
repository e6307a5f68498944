"""Past turns decided once more, and held against what was decided then. Writes nothing and sends nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from agent.context import Turn
from agent.decision.evidence import Action
from agent.intents.learn import write_example
from agent.run import SupportAgent, TurnResult
from database.queries.knowledge import Shelf
from database.queries.replays import PastRun

AT_ONCE = 4

Knowledge = Literal["then", "now"]
Field = Literal["decision", "rule", "route", "reply", "citations"]
# What a turn was decided by, beside settings, model and knowledge; a turn of long ago may not say.
Part = Literal["policy", "classifier"]
Versions = Mapping[Part, str | None]
_PARTS: tuple[Part, ...] = ("policy", "classifier")

_KINDS: dict[tuple[Action, Action], str] = {
    ("answer", "answer"): "other reply",
    ("hand_over", "hand_over"): "other rule or team",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a turn. Reply and cited sources are those of an answer, the route is that of a handover."""

    action: Action
    rule: str
    route: str = ""
    reply: str = ""
    cited: tuple[str, ...] = ()
    confidence: float = 0.0
    cost_usd: Decimal | None = None  # None where the model's price is not known
    model: str = ""
    versions: Versions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One turn, then and now. `fallback` is why the offline brain took the model's place this time."""

    run: PastRun
    before: Verdict
    after: Verdict
    fallback: str | None = None

    @property
    def differences(self) -> tuple[Field, ...]:
        """What would change for the customer or for the team, the weightiest first."""
        compared: dict[Field, bool] = {
            "decision": self.before.action == self.after.action,
            "rule": self.before.rule == self.after.rule,
            "route": self.before.route == self.after.route,
            "reply": self.before.reply == self.after.reply,
            "citations": self.before.cited == self.after.cited,
        }
        return tuple(field for field, is_same in compared.items() if not is_same)

    @property
    def drifted(self) -> tuple[Part, ...]:
        """What was not as it was then, or is not known to have been, and may be why something changes."""
        then, now = self.before.versions, self.after.versions
        return tuple(part for part in _PARTS if part not in then or then[part] != now.get(part))

    @property
    def kind(self) -> str:
        """The line of the summary that it counts in."""
        if not self.differences:
            return "unchanged"
        pair = self.before.action, self.after.action
        return _KINDS.get(pair) or f"{pair[0]} → {pair[1]}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A turn that is not decided once more, and why."""

    run: PastRun
    reason: str


def explain_leaving_out(run: PastRun) -> str | None:
    """Why a run has nothing to be held against, or None where it has."""
    if run.outcome == "superseded":
        return "overtaken by newer messages, with which it was thought about again"
    if run.outcome == "person_owns":
        return "a person had taken the conversation meanwhile"
    if "overruled" in run.decision or run.decision["rule"] == "given_up":
        return "decided by a limit of the desk and not by the agent"
    if run.conversation is None:
        return "recorded before turns were kept for replaying"
    return None


def build_turn(run: PastRun, knowledge: Knowledge) -> Turn:
    """The turn as it was, with the knowledge and classifier of then or of now, without what its own ticket taught.

    Raises ValueError for a run that does not say what it was about.
    """
    if run.conversation is None:
        raise ValueError(f"run {run.id} has no record of its turn")
    as_of = run.created_at if knowledge == "then" else None
    shelf = Shelf(as_of=as_of, without_ticket=run.ticket_id)
    versions: Versions = run.decision.get("versions", {})
    return Turn(
        run.conversation,
        run.messages,
        has_files=run.has_files,
        shelf=shelf,
        as_of=run.created_at,
        classifier=versions.get("classifier") if knowledge == "then" else None,
        own_example=write_example(run.first_message, run.names),
    )


async def replay_runs(
    agent: SupportAgent, runs: AsyncIterator[PastRun], *, knowledge: Knowledge, limit: int | None = None
) -> AsyncIterator[Replayed | LeftOut]:
    """Put each turn before the agent, a few at a time; in the order of the runs, at most `limit` of them replayed."""
    batch: list[PastRun] = []
    started = 0
    async for run in runs:
        reason = explain_leaving_out(run)
        if reason is not None:
            yield LeftOut(run, reason)
            continue
        batch.append(run)
        started += 1
        if len(batch) == AT_ONCE or started == limit:
            for replayed in await _replay_batch(agent, batch, knowledge):
                yield replayed
            batch = []
        if started == limit:
            return
    for replayed in await _replay_batch(agent, batch, knowledge):
        yield replayed


async def _replay_batch(agent: SupportAgent, runs: Sequence[PastRun], knowledge: Knowledge) -> list[Replayed]:
    results = await asyncio.gather(*(agent.run_turn(build_turn(run, knowledge)) for run in runs))
    return [
        Replayed(run, read_past(run), read_result(result), result.fallback)
        for run, result in zip(runs, results, strict=True)
    ]


def read_past(run: PastRun) -> Verdict:
    """What was decided then."""
    decision = run.decision
    is_answer = decision["action"] == "answer"
    return Verdict(
        action=decision["action"],
        rule=decision["rule"],
        route=decision["route"] if decision["action"] == "hand_over" else "",
        reply=run.reply if is_answer else "",
        cited=_list_once(run.cited) if is_answer else (),
        confidence=decision["confidence"],
        cost_usd=run.cost_usd,
        model=run.model,
        versions=decision.get("versions", {}),
    )


def _list_once(sources: Iterable[str]) -> tuple[str, ...]:
    """Each article once: two of its passages may be cited."""
    return tuple(dict.fromkeys(sources))


def read_result(result: TurnResult) -> Verdict:
    """What would be decided this time."""
    decision = result.decision
    draft = result.draft if decision.action == "answer" else None
    return Verdict(
        action=decision.action,
        rule=decision.rule,
        route=decision.route if decision.action == "hand_over" else "",
        reply=draft.text if draft else "",
        cited=_list_once(citation.source for citation in draft.citations) if draft else (),
        confidence=round(decision.confidence, 4),
        cost_usd=result.cost_usd,
        model=result.brain.model,
        versions=result.description.get("versions", {}),
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """A replay in figures: `drifted` counts the turns for which that part was not as it was then.

    A cost is None where one of its turns has an unknown price.
    """

    turns: int
    kinds: dict[str, int]
    left_out: dict[str, int]
    fallbacks: int
    drifted: dict[Part, int]
    cost_before: Decimal | None
    cost_after: Decimal | None


def summarise_replay(outcomes: Sequence[Replayed | LeftOut]) -> Summary:
    """Count what would change. `unchanged` comes first, then the commonest."""
    replayed = [outcome for outcome in outcomes if isinstance(outcome, Replayed)]
    kinds = Counter(outcome.kind for outcome in replayed)
    unchanged = kinds.pop("unchanged", 0)
    return Summary(
        turns=len(replayed),
        kinds={"unchanged": unchanged, **dict(kinds.most_common())},
        left_out=dict(Counter(outcome.reason for outcome in outcomes if isinstance(outcome, LeftOut)).most_common()),
        fallbacks=sum(outcome.fallback is not None for outcome in replayed),
        drifted=dict(Counter(part for outcome in replayed for part in outcome.drifted)),
        cost_before=_add([outcome.before.cost_usd for outcome in replayed]),
        cost_after=_add([outcome.after.cost_usd for outcome in replayed]),
    )


def _add(costs: Sequence[Decimal | None]) -> Decimal | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None
