"""The record of every turn: decision, tool calls, stages and figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import TypeAdapter

from database.pool import Conn
from database.statements import load_statements
from database.types import (
    ConversationId,
    ConversationState,
    IdentityLevel,
    MessageId,
    Outcome,
    Priority,
    RunId,
    ThreadId,
    TicketCategory,
)

_SQL = load_statements("runs")


# What a model was asked for.
Purpose = Literal["turn", "summary", "judge"]


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """One call of one tool: its arguments as JSON and what it told the model.

    `model_call` is the position of the request that asked for it; None where the offline brain did.
    """

    tool: str
    arguments: str
    output: str
    milliseconds: float
    model_call: int | None = None


@dataclass(frozen=True, slots=True)
class ModelCallRecord:
    """One request to a model: what it answered, as JSON, or the name of the error it ended in.

    `cached_tokens` are a part of `input_tokens`; `cost_usd` is None where the model's price is not known.
    """

    purpose: Purpose
    model: str
    milliseconds: float
    output: str = "[]"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    finish_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """What a turn was about and what was known, as it was before it: enough to think about it once more.

    Words that are stored as messages are named by their ids.
    """

    messages: tuple[MessageId, ...]
    history: tuple[MessageId, ...]
    identity_level: IdentityLevel
    automatic_replies: int
    subject: str
    category: TicketCategory
    priority: Priority
    summary: str
    facts: tuple[str, ...]
    language: str | None
    sentiments: tuple[float, ...]
    has_files: bool

    @classmethod
    def of(cls, conversation: ConversationState, messages: Sequence[MessageId], *, has_files: bool) -> Self:
        """A conversation as it is now, and the messages that wait in it."""
        return cls(
            messages=tuple(messages),
            history=conversation.history_ids,
            identity_level=conversation.identity_level,
            automatic_replies=conversation.automatic_replies,
            subject=conversation.ticket_subject,
            category=conversation.ticket_category,
            priority=conversation.ticket_priority,
            summary=conversation.summary,
            facts=conversation.facts,
            language=conversation.language,
            sentiments=conversation.sentiments,
            has_files=has_files,
        )

    @staticmethod
    def load(stored: str) -> "TurnRecord":
        """From the JSON that it was stored as."""
        return _TURN_RECORD.validate_json(stored)

    def dump(self) -> str:
        """As JSON."""
        return _TURN_RECORD.dump_json(self).decode()


_TURN_RECORD = TypeAdapter(TurnRecord)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One turn of the agent, with enough to explain it and to run it again.

    `stages` maps a stage's name to milliseconds, `input` is what the brain was shown first, as JSON, and `fallback` is
    why the offline brain took a turn that was the model's. `turn` is None where no brain was asked; `draft` is what it
    wrote, as text and cited sources.
    """

    id: RunId
    conversation_id: ConversationId
    attempt: int
    through_seq: int
    brain: str
    model: str
    prompt_hash: str
    outcome: Outcome
    decision: Mapping[str, Any]
    stages: Mapping[str, float]
    input_tokens: int
    output_tokens: int
    tool_calls: Sequence[ToolCallRecord]
    model_calls: Sequence[ModelCallRecord] = ()
    cached_tokens: int = 0
    cost_usd: Decimal | None = None
    fallback: str | None = None
    knowledge_version: str | None = None
    instructions_hash: str | None = None
    input: str = "[]"
    turn: TurnRecord | None = None
    draft: tuple[str, Sequence[str]] | None = None


async def add_run(conn: Conn, run: RunRecord) -> None:
    """Record a turn with its model and tool calls."""
    await _SQL["add_run"].execute(
        conn,
        id=run.id,
        conversation_id=run.conversation_id,
        attempt=run.attempt,
        through_seq=run.through_seq,
        brain=run.brain,
        model=run.model,
        fallback=run.fallback,
        prompt_hash=run.prompt_hash,
        instructions_hash=run.instructions_hash,
        input=run.input,
        knowledge_version=run.knowledge_version,
        outcome=run.outcome,
        decision=json.dumps(run.decision),
        stages=json.dumps(run.stages),
        input_tokens=run.input_tokens,
        cached_tokens=run.cached_tokens,
        output_tokens=run.output_tokens,
        cost_usd=run.cost_usd,
        turn=run.turn.dump() if run.turn else None,
        draft=json.dumps({"text": run.draft[0], "cited": list(run.draft[1])}) if run.draft else None,
    )
    await _SQL["add_model_call"].execute_many(
        conn,
        [{"run_id": run.id, "position": position, **asdict(call)} for position, call in enumerate(run.model_calls)],
    )
    await _SQL["add_tool_call"].execute_many(
        conn,
        [{"run_id": run.id, "position": position, **asdict(call)} for position, call in enumerate(run.tool_calls)],
    )


async def count_superseded(conn: Conn, conversation_id: ConversationId, *, after_seq: int) -> int:
    """How many turns over the messages after this one were overtaken by newer messages."""
    count: int = await _SQL["count_superseded"].fetch_value(conn, conversation_id=conversation_id, after_seq=after_seq)
    return count


async def add_metric(
    conn: Conn,
    run_id: RunId,
    *,
    channel: str,
    inbox: str,
    outcome: Outcome,
    confidence: float,
    sentiment: float,
    agent_ms: float,
    received_at: datetime,
) -> None:
    """The figures of a settled turn; `reply_ms` counts from when the customer's first waiting message arrived."""
    await _SQL["add_metric"].execute(
        conn,
        run_id=run_id,
        channel=channel,
        inbox=inbox,
        outcome=outcome,
        confidence=confidence,
        sentiment=sentiment,
        agent_ms=agent_ms,
        received_at=received_at,
    )


async def find_outcome(conn: Conn, thread_id: ThreadId) -> dict[str, Any] | None:
    """What became of a thread's newest turn, or None while it is not settled."""
    row = await _SQL["find_outcome"].fetch_row(conn, thread_id=thread_id)
    if row is None:
        return None
    return {
        **dict(row),
        "decision": json.loads(row["decision"]),
        "stages": json.loads(row["stages"]),
        "citations": json.loads(row["citations"] or "[]"),
    }
