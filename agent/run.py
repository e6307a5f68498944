"""One turn of the agent, from the customer's waiting messages to a checked decision. Writes nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from agents import Agent, Model, RunConfig, RunContextWrapper, Runner, ToolsToFinalOutputResult
from agents.tool import FunctionToolResult

from agent.compose import summarise
from agent.context import ReadHistory, SearchKnowledge, Turn, TurnContext
from agent.decision.decide import decide
from agent.decision.evidence import Decision, Limits, describe
from agent.decision.grounding import Grounder
from agent.decision.judge import Judge, build_judge
from agent.decision.language import DEFAULT_LANGUAGE, name_language
from agent.decision.policy import PolicyMatch, add_match
from agent.effects import Categorise, Draft, make_storable
from agent.gate import check_draft
from agent.intents.classifier import IntentGuess
from agent.intents.serve import IntentReader
from agent.models.brain import OFFLINE_BRAIN, Brain
from agent.models.metered import Budget, Meter
from agent.prompts import NO_REPLY, SHIPPED_PROMPTS, Prompts
from agent.reading import MessageReader
from agent.recorder import ToolRecorder
from agent.summary import RunningSummary, extract_summary, write_summary
from agent.tools import TOOLS
from agent.window import build_window, count_kept
from core.logging import get_logger
from core.settings import AgentSettings
from database.patience import DATABASE_TROUBLE
from database.queries.knowledge import KnowledgeVersion
from database.queries.runs import ModelCallRecord, ToolCallRecord

_log = get_logger(__name__)

CheckPolicy = Callable[[Sequence[str]], Awaitable[tuple[PolicyMatch, ...]]]
ReadKnowledgeVersion = Callable[[datetime | None], Awaitable[KnowledgeVersion | None]]


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn came to. `draft` is set whenever one was written: to be sent, or to be shown to the person.

    `fallback` is why the offline brain took a turn of the model's, `cost_usd` is None where no price is known, and
    `input` is what the brain was shown first, as JSON.
    """

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
    prompt_hash: str = SHIPPED_PROMPTS.hash
    language: str = DEFAULT_LANGUAGE
    sentiment_trend: float = 0.0
    knowledge_languages: tuple[str, ...] = (DEFAULT_LANGUAGE,)
    cached_tokens: int = 0
    cost_usd: Decimal | None = Decimal(0)
    model_calls: Sequence[ModelCallRecord] = ()
    fallback: str | None = None
    knowledge_version: str | None = None
    instructions_hash: str | None = None
    input: str = "[]"
    running_summary: RunningSummary | None = None
    intent: IntentGuess | None = None


class SupportAgent:
    """Runs turns through the Agents SDK with the six tools, whichever brain thinks."""

    def __init__(
        self,
        settings: AgentSettings,
        *,
        company: str,
        brain: Brain,
        check_policy: CheckPolicy,
        reader: MessageReader,
        grounder: Grounder,
        search_knowledge: SearchKnowledge,
        read_history: ReadHistory,
        read_knowledge_version: ReadKnowledgeVersion,
        prompts: Prompts = SHIPPED_PROMPTS,
        intents: IntentReader | None = None,
        policy_version: str | None = None,
    ) -> None:
        self._settings = settings
        self._limits = Limits(settings.confidence_threshold, settings.max_automatic_replies)
        self._budget = Budget(settings.max_tokens, settings.max_cost_usd, settings.turn_timeout_seconds)
        self._company = company
        self._brain = brain
        self._check_policy = check_policy
        self._reader = reader
        self._grounder = grounder
        self._search_knowledge = search_knowledge
        self._read_history = read_history
        self._read_knowledge_version = read_knowledge_version
        self._prompts = prompts
        self.intents = intents
        self._policy_version = policy_version

    @property
    def brain_name(self) -> str:
        """What operators see: which brain, and which model of it. May be read from any thread."""
        if self._brain is OFFLINE_BRAIN:
            return self._brain.name
        name = f"{self._brain.name} ({self._brain.model})"
        return f"{OFFLINE_BRAIN.name}, while {name} is away" if self._brain.breaker.is_open else name

    @property
    def is_model_away(self) -> bool:
        """Whether the model is being left alone because it failed. May be read from any thread."""
        return self._brain.breaker.is_open

    async def aclose(self) -> None:
        """End the model's connections; the agent thinks no more afterwards."""
        await self._brain.close()

    async def run_turn(self, turn: Turn) -> TurnResult:
        """Think about the waiting messages. A model that fails is replaced by the offline brain for this turn.

        Raises DATABASE_TROUBLE when the knowledge base could not be read.
        """
        intent = None
        if self.intents is not None:
            intent = await self.intents.read(turn.queries, version=turn.classifier, without=turn.own_example)
        policy = await self._check_policy(turn.everything_said)
        if intent is not None and intent.rule is not None:
            policy = add_match(policy, intent.rule)
        reading = await self._reader.read(turn.messages, turn.conversation)
        knowledge = await self._read_knowledge_version(turn.shelf.as_of)
        brain, fallback = self._choose_brain(turn, policy)
        calls: list[ToolCallRecord] = []
        model_calls: list[ModelCallRecord] = []

        async def think(brain: Brain, fallback: str | None) -> TurnResult:
            context = TurnContext(
                turn,
                policy,
                reading,
                self._reader,
                intent=intent,
                can_translate=brain is not OFFLINE_BRAIN,
                search_knowledge=self._search_knowledge,
                read_history=self._read_history,
                prompts=self._prompts,
                knowledge=knowledge,
                calls=calls,
                model_calls=model_calls,
            )
            try:
                result = await self._think(context, brain)
            except Exception as error:
                trouble = _find_database_trouble(error)
                if trouble is not None:
                    raise trouble from error
                raise
            versions = {"policy": self._policy_version, "classifier": intent.version if intent else None}
            description = {**result.description, "versions": versions}
            return replace(result, description=description, fallback=fallback)

        try:
            return await think(brain, fallback)
        except DATABASE_TROUBLE:
            raise
        except Exception as error:
            # Whatever a model or its server makes of a request, the customer still gets an answer or a person.
            if brain is OFFLINE_BRAIN:
                raise
            _log.warning("model failed, the offline brain takes this turn", error=type(error).__name__)
            # The records of the failed attempt stay: it may have cost money.
            return await think(OFFLINE_BRAIN, type(error).__name__)

    def _choose_brain(self, turn: Turn, policy: Sequence[PolicyMatch]) -> tuple[Brain, str | None]:
        # A message that must go to a person is not put before a model that could be talked out of it, and for mere
        # thanks none is paid.
        if self._brain is OFFLINE_BRAIN or turn.only_closes or any(match.level == "always" for match in policy):
            return OFFLINE_BRAIN, None
        return (self._brain, None) if self._brain.breaker.lets_through() else (OFFLINE_BRAIN, "Breaker")

    async def _think(self, context: TurnContext, brain: Brain) -> TurnResult:
        turn, conversation = context.turn, context.turn.conversation
        meter = Meter(brain, self._budget, context.model_calls)
        limits = self._limits
        if self.intents is not None:
            limits = replace(limits, thresholds=self.intents.thresholds)
        model = brain.build_model(context, limits)
        instructions = self._prompts.write_instructions(
            company=self._company,
            channel=conversation.channel,
            ticket_ref=conversation.ticket_ref,
            language=name_language(context.reading.language),
        )
        judge = None
        if brain is not OFFLINE_BRAIN:
            asked, seconds = meter.wrap(model, "judge"), self._settings.judge_seconds
            judge = build_judge(asked, brain.request, seconds, lambda: meter.seconds_left)
        async with asyncio.timeout(self._settings.turn_timeout_seconds):
            summary = await self._sum_up(turn, model, meter)
            if brain is not OFFLINE_BRAIN:
                for query in turn.queries:  # the offline brain asks them by itself
                    context.add_passages(query, await self._search_knowledge(query, shelf=turn.shelf))
                model = meter.wrap(model, "turn")
            items = build_window(
                turn,
                context.show(context.passages),
                summary=summary.text if summary else conversation.summary,
                kept=summary.kept if summary else len(conversation.history),
                budget=self._settings.window_tokens,
            )
            agent = Agent[TurnContext](
                name="Nightdesk",
                instructions=instructions,
                tools=list(TOOLS),
                model=model,
                model_settings=brain.request,
                tool_use_behavior=stop_when_settled,
            )
            run = await Runner.run(
                agent,
                items,
                context=context,
                max_turns=self._settings.max_turns,
                hooks=ToolRecorder(is_model=brain is not OFFLINE_BRAIN),
                run_config=RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model"),
            )
            context.wants_silence = str(run.final_output).strip() == NO_REPLY
            # The check embeds: it has what is left of the turn's time, and no more.
            result = await conclude(context, limits, brain, self._grounder, judge)
        hashed = sha256(instructions.encode()).hexdigest()[:12]
        return replace(result, running_summary=summary, input=make_storable(items), instructions_hash=hashed)

    async def _sum_up(self, turn: Turn, model: Model, meter: Meter) -> RunningSummary | None:
        """A summary of what no longer fits into the window, or None where everything does."""
        conversation = turn.conversation
        history = conversation.history
        kept = count_kept(history, self._settings.window_tokens)
        if kept == len(history):
            return None
        older = history[: len(history) - kept]
        text = extract_summary(conversation.summary, older)
        if meter.brain is not OFFLINE_BRAIN:
            try:
                asked = meter.wrap(model, "summary")
                instructions = self._prompts.summary
                text = await write_summary(asked, meter.brain.request, instructions, conversation.summary, older)
            except Exception as error:  # noqa: BLE001  # the turn itself may still succeed, and has a fallback if not
                _log.warning("no summary by the model, the extracted one is used", error=type(error).__name__)
        return RunningSummary(text, kept)


async def conclude(
    context: TurnContext, limits: Limits, brain: Brain, grounder: Grounder, judge: Judge | None = None
) -> TurnResult:
    """Pass what the brain wanted through the gate. The gate may turn an answer into a handover, never the reverse."""
    evidence = context.collect_evidence()
    decision = decide(evidence, limits)
    findings: dict[str, Any] = {}
    if decision.action == "answer":
        checked = await check_draft(context, decision, grounder, judge, is_copied=brain is OFFLINE_BRAIN)
        decision, findings = checked.decision, checked.findings
    turn, calls = context.turn, context.model_calls
    summary = (
        context.escalate.summary if context.escalate else summarise(turn.conversation.ticket_subject, turn.question)
    )
    return TurnResult(
        decision=decision,
        description={**describe(decision, evidence), **findings},
        draft=context.draft,
        summary=summary,
        categorise=context.categorise,
        sentiment=evidence.sentiment.score,
        sentiment_trend=evidence.sentiment_trend,
        language=evidence.language,
        knowledge_languages=tuple(sorted(evidence.knowledge_languages)),
        knowledge_version=str(context.knowledge.id) if context.knowledge else None,
        calls=tuple(context.calls),
        brain=brain,
        prompt_hash=context.prompts.hash,
        input_tokens=sum(call.input_tokens for call in calls),
        output_tokens=sum(call.output_tokens for call in calls),
        cached_tokens=sum(call.cached_tokens for call in calls),
        cost_usd=_add_costs(calls),
        model_calls=tuple(calls),
        intent=context.intent.guess if context.intent else None,
    )


def _add_costs(calls: Sequence[ModelCallRecord]) -> Decimal | None:
    """None if any request that used something has an unknown price; of most that failed, nobody says what they used."""
    costs = [call.cost_usd for call in calls if call.error is None or call.input_tokens or call.output_tokens]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))


def stop_when_settled(
    context: RunContextWrapper[TurnContext], _results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    """End the loop once a reply is drafted or a person is asked for; a refused draft gets another try."""
    settled = context.context.is_settled
    return ToolsToFinalOutputResult(is_final_output=settled, final_output="settled" if settled else None)


def _find_database_trouble(error: BaseException | None) -> BaseException | None:
    """The database's error behind another one; the SDK wraps what its tools raise."""
    while error is not None and not isinstance(error, DATABASE_TROUBLE):
        error = error.__cause__
    return error
