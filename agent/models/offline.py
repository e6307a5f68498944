"""The offline model: an SDK `Model` that plans the same tool calls from the decision engine, needing no network.

It answers on a fresh machine, exercises the real loop in tests, and takes over when the API fails.
"""

import json
from typing import Any

from agents import ModelResponse, Usage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from agent.compose import compose_reply, find_markers, select_passages, summarise
from agent.context import TurnContext
from agent.decision.decide import CATEGORY_OF_ARTICLE, decide
from agent.decision.evidence import Decision, Evidence, Limits
from agent.models.whole import Request, WholeModel
from agent.prompts import NO_REPLY
from core.ids import new_id
from database.types import TicketCategory

_CATEGORY_OF_ROUTE: dict[str, TicketCategory] = {"billing": "billing", "security": "security", "account": "account"}

_PlannedCall = tuple[str, dict[str, Any]]


class OfflineModel(WholeModel):
    """Plans one turn: look first (sentiment, knowledge), then decide and either draft or hand over."""

    def __init__(self, context: TurnContext, limits: Limits) -> None:
        self._context = context
        self._limits = limits

    async def answer(self, request: Request) -> ModelResponse:
        """The next tool calls, given the results of those before."""
        if self._context.turn.only_closes and not self._context.policy:
            return ModelResponse(output=[_write_message(NO_REPLY)], usage=Usage(), response_id=None)
        has_looked = not isinstance(request.input, str) and any(
            item.get("type") == "function_call_output" for item in request.input
        )
        planned = self._plan_outcome() if has_looked else self._plan_looking()
        calls = [
            ResponseFunctionToolCall(
                type="function_call", name=name, arguments=json.dumps(arguments), call_id=f"call_{new_id().hex}"
            )
            for name, arguments in planned
        ]
        return ModelResponse(output=[*calls], usage=Usage(), response_id=None)

    def _plan_looking(self) -> list[_PlannedCall]:
        turn = self._context.turn
        looks: list[_PlannedCall] = [
            ("analyze_sentiment", {"text": turn.question}),
            *(("search_knowledge_base", {"query": query}) for query in turn.queries),
        ]
        if turn.conversation.identity_level == "proven":
            looks.append(("get_customer_history", {}))
        return looks

    def _plan_outcome(self) -> list[_PlannedCall]:
        evidence = self._context.collect_evidence()
        decision = decide(evidence, self._limits)
        ticket = self._plan_ticket(evidence, decision)
        if decision.action == "answer" and evidence.best is not None:
            passages = self._context.passages
            numbers = select_passages(passages, evidence.best)
            text = compose_reply(passages, numbers, self._context.turn.conversation.channel)
            return [ticket, ("send_response", {"text": text, "citations": find_markers(text)})]
        return [ticket, ("escalate_to_human", self._plan_escalation(evidence, decision))]

    def _plan_ticket(self, evidence: Evidence, decision: Decision) -> _PlannedCall:
        conversation = self._context.turn.conversation
        category = conversation.ticket_category
        if category == "general" and evidence.likely_intent is not None and not evidence.policy:
            category = evidence.likely_intent.category
        elif category == "general":
            if decision.action == "answer" and evidence.best is not None:
                category = CATEGORY_OF_ARTICLE.get(evidence.best.category, "general")
            else:
                category = _CATEGORY_OF_ROUTE.get(decision.route, "general")
        arguments = {
            "subject": conversation.ticket_subject,
            "category": category,
            "priority": conversation.ticket_priority,
        }
        return "create_ticket", arguments

    def _plan_escalation(self, evidence: Evidence, decision: Decision) -> dict[str, str]:
        turn = self._context.turn
        closest = (
            "no article comes close"
            if evidence.best is None
            else f"closest article: {evidence.best.title} (confidence {evidence.confidence:.2f})"
        )
        summary = (
            f"{summarise(turn.conversation.ticket_subject, turn.question)}\n"
            f"Sentiment {evidence.sentiment.score:+.2f}; {closest}; "
            f"automatic replies so far: {evidence.automatic_replies}."
        )
        return {"category": decision.route, "reason": decision.reason, "summary": summary}


def _write_message(text: str) -> ResponseOutputMessage:
    content = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(
        id=f"msg_{new_id().hex}", type="message", role="assistant", status="completed", content=[content]
    )
