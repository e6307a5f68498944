"""One turn of the agent, from the customer's waiting messages to a checked decision. Writes nothing."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents import Agent, RunConfig, RunContextWrapper, RunHooks, Runner, Tool, ToolsToFinalOutputResult
from agents.items import TResponseInputItem
from agents.tool import FunctionToolResult
from agents.tool_context import ToolContext

from agent.compose import summarise
from agent.context import ReadHistory, SearchKnowledge, Turn, TurnContext
from agent.decision.decide import decide
from agent.decision.evidence import Decision, Limits, describe
from agent.decision.grounding import find_unsupported
from agent.decision.policy import PolicyMatch
from agent.effects import Categorise, Draft, clean_model_text
from agent.models.brain import OFFLINE_BRAIN, Brain
from agent.prompts import PROMPT_HASH, write_instructions
from agent.tools import TOOLS
from core.logging import get_logger
from core.settings import AgentSettings
from database.patience import DATABASE_TROUBLE
from database.queries.runs import ToolCallRecord

_log = get_logger(__name__)

CheckPolicy = Callable[[Sequence[str]], Awaitable[tuple[PolicyMatch, ...]]]


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn came to. `draft` is set whenever one was written: to be sent, or to be shown to the person."""

    decision: Decision
    description: dict[str, Any]
    draft: Draft | None
    summary: str
    categorise: Categorise | None
    sentiment: float
    calls: Sequence[ToolCallRecord]
    brain: Brain
    input_tokens: int
    output_tokens: int
    prompt_hash: str = PROMPT_HASH


class SupportAgent:
    """Runs turns through the Agents SDK with the six tools, whichever brain thinks."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        company: str,
        brain: Brain,
        check_policy: CheckPolicy,
        search_knowledge: SearchKnowledge,
        read_history: ReadHistory,
    ) -> None:
        self._settings = settings
        self._limits = Limits(settings.confidence_threshold, settings.max_automatic_replies)
        self._company = company
        self._brain = brain
        self._check_policy = check_policy
        self._search_knowledge = search_knowledge
        self._read_history = read_history

    @property
    def brain_name(self) -> str:
        """What operators see: which brain, and which model of it."""
        return self._brain.name if self._brain is OFFLINE_BRAIN else f"{self._brain.name} ({self._brain.model})"

    async def aclose(self) -> None:
        """End the model's connections; the agent thinks no more afterwards."""
        await self._brain.close()

    async def run_turn(self, turn: Turn) -> TurnResult:
        """Think about the waiting messages. A model that fails is replaced by the offline brain for this turn.

        Raises DATABASE_TROUBLE when the knowledge base could not be read.
        """
        policy = await self._check_policy(turn.everything_said)
        # A message that must go to a person is not put before a model that could be talked out of it.
        brain = OFFLINE_BRAIN if any(match.level == "always" for match in policy) else self._brain
        try:
            return await self._think(turn, policy, brain)
        except Exception as error:
            trouble = _find_database_trouble(error)
            if trouble is not None:
                raise trouble from error
            # Whatever a model or its server makes of a request, the customer still gets an answer or a person.
            if brain is OFFLINE_BRAIN:
                raise
            _log.warning("model failed, the offline brain takes this turn", error=type(error).__name__)
            return await self._think(turn, policy, OFFLINE_BRAIN)

    async def _think(self, turn: Turn, policy: tuple[PolicyMatch, ...], brain: Brain) -> TurnResult:
        context = TurnContext(turn, policy, self._search_knowledge, self._read_history)
        if brain is not OFFLINE_BRAIN:
            for query in turn.queries:  # the offline brain asks them by itself
                context.add_passages(query, await self._search_knowledge(query))
        agent = Agent[TurnContext](
            name="Nightdesk",
            instructions=write_instructions(
                company=self._company,
                channel=turn.conversation.channel,
                ticket_ref=turn.conversation.ticket_ref,
            ),
            tools=list(TOOLS),
            model=brain.build_model(context, self._limits),
            tool_use_behavior=stop_when_settled,
        )
        run = Runner.run(
            agent,
            list_input(turn),
            context=context,
            max_turns=self._settings.max_turns,
            hooks=ToolRecorder(),
            run_config=RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model"),
        )
        async with asyncio.timeout(self._settings.turn_timeout_seconds):
            result = await run
        return conclude(
            context,
            self._limits,
            brain,
            input_tokens=result.context_wrapper.usage.input_tokens,
            output_tokens=result.context_wrapper.usage.output_tokens,
        )


def conclude(
    context: TurnContext, limits: Limits, brain: Brain, *, input_tokens: int = 0, output_tokens: int = 0
) -> TurnResult:
    """Pass what the brain wanted through the gate. The gate may turn an answer into a handover, never the reverse."""
    evidence = context.collect_evidence()
    decision = decide(evidence, limits)
    if decision.action == "answer":
        decision = _check_draft(context, decision)
    turn = context.turn
    summary = (
        context.escalate.summary if context.escalate else summarise(turn.conversation.ticket_subject, turn.question)
    )
    return TurnResult(
        decision=decision,
        description=describe(decision, evidence),
        draft=context.draft,
        summary=summary,
        categorise=context.categorise,
        sentiment=evidence.sentiment.score,
        calls=tuple(context.calls),
        brain=brain,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


def _check_draft(context: TurnContext, decision: Decision) -> Decision:
    def hand_over(rule: str, reason: str, route: str = decision.route) -> Decision:
        return replace(decision, action="hand_over", rule=rule, reason=reason, route=route)

    if context.escalate is not None:
        return hand_over("model_escalated", context.escalate.reason, context.escalate.route)
    if context.draft is None:
        return hand_over("no_answer", "the model ended without an answer")
    if not context.draft.citations:
        return hand_over("uncited", "the answer cites nothing")
    sources = [context.passages[citation.number - 1] for citation in context.draft.citations]
    unsupported = find_unsupported(context.draft.text, [f"{s.title}\n{s.heading}\n{s.content}" for s in sources])
    if unsupported is not None:
        return hand_over("ungrounded", f"the answer contains {unsupported}")
    return decision


def stop_when_settled(
    context: RunContextWrapper[TurnContext], _results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    """End the loop once a reply is drafted or a person is asked for; a refused draft gets another try."""
    settled = context.context.draft is not None or context.context.escalate is not None
    return ToolsToFinalOutputResult(is_final_output=settled, final_output="settled" if settled else None)


def list_input(turn: Turn) -> list[TResponseInputItem]:
    """The conversation so far and the waiting messages, as the model reads them."""
    items: list[TResponseInputItem] = [
        {"role": "user" if author == "customer" else "assistant", "content": text}
        for author, text in turn.conversation.history
    ]
    items.append({"role": "user", "content": turn.queries[-1]})
    return items


class ToolRecorder(RunHooks[TurnContext]):
    """Writes down every tool call with its arguments, output and duration, so that a turn can be explained."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    async def on_tool_start(
        self, context: RunContextWrapper[TurnContext], _agent: Agent[TurnContext], _tool: Tool
    ) -> None:
        """Remember when the call began."""
        if isinstance(context, ToolContext):
            self._started[context.tool_call_id] = time.perf_counter()

    async def on_tool_end(
        self, context: RunContextWrapper[TurnContext], _agent: Agent[TurnContext], tool: Tool, result: object
    ) -> None:
        """Keep the finished call."""
        if isinstance(context, ToolContext):
            seconds = time.perf_counter() - self._started.pop(context.tool_call_id, time.perf_counter())
            arguments = _make_storable(context.tool_arguments or "{}")
            output = clean_model_text(str(result))
            context.context.calls.append(ToolCallRecord(tool.name, arguments, output, seconds * 1000))


def _find_database_trouble(error: BaseException | None) -> BaseException | None:
    """The database's error behind another one; the SDK wraps what its tools raise."""
    while error is not None and not isinstance(error, DATABASE_TROUBLE):
        error = error.__cause__
    return error


def _make_storable(arguments: str) -> str:
    """The arguments as JSON that Postgres takes. A model may write broken JSON or NUL, which must not undo its turn."""
    try:
        parsed = json.loads(arguments)
    except ValueError:
        parsed = {"unreadable": arguments}
    return json.dumps(_clean(parsed))


def _clean(value: object) -> object:
    if isinstance(value, str):
        return clean_model_text(value)
    if isinstance(value, dict):
        return {clean_model_text(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value
