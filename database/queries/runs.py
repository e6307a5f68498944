"""The record of every turn: decision, tool calls, stages and figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database.pool import Conn
from database.statements import load_statements
from database.types import ConversationId, Outcome, RunId, ThreadId

_SQL = load_statements("runs")


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """One call of one tool: its arguments as JSON and what it told the model."""

    tool: str
    arguments: str
    output: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One turn of the agent, with enough to explain it. `stages` maps a stage's name to milliseconds."""

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


async def add_run(conn: Conn, run: RunRecord) -> None:
    """Record a turn and its tool calls."""
    await _SQL["add_run"].execute(
        conn,
        id=run.id,
        conversation_id=run.conversation_id,
        attempt=run.attempt,
        through_seq=run.through_seq,
        brain=run.brain,
        model=run.model,
        prompt_hash=run.prompt_hash,
        outcome=run.outcome,
        decision=json.dumps(run.decision),
        stages=json.dumps(run.stages),
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
    )
    await _SQL["add_tool_call"].execute_many(
        conn,
        [
            {
                "run_id": run.id,
                "position": position,
                "tool": call.tool,
                "arguments": call.arguments,
                "output": call.output,
                "milliseconds": call.milliseconds,
            }
            for position, call in enumerate(run.tool_calls)
        ],
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
