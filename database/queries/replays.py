"""Past runs with all that was known to them, to think about them once more. Reads alone."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from database.pool import DbPool
from database.queries.runs import TurnRecord
from database.statements import load_statements
from database.types import Author, Channel, ConversationId, ConversationState, CustomerId, MessageId, Outcome, RunId

_SQL = load_statements("replays")

_AT_ONCE = 100
_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as it is stored. `conversation` and `messages` are as they were then; None where that is not recorded.

    `reply` and `cited` (sources) are of the draft, whether it was sent or not. `first_message` is what the customer
    began the conversation with, and `names` are those they have given.
    """

    id: RunId
    created_at: datetime
    outcome: Outcome
    brain: str
    model: str
    decision: dict[str, Any]
    cost_usd: Decimal | None
    channel: Channel
    ticket_id: UUID
    ticket_ref: str
    reply: str
    cited: tuple[str, ...]
    conversation: ConversationState | None
    messages: tuple[str, ...]
    has_files: bool
    first_message: str
    names: tuple[str, ...]


async def count_runs(pool: DbPool, since: datetime, until: datetime) -> int:
    """How many runs there were from `since` on and before `until`."""
    async with pool.acquire() as conn:
        count: int = await _SQL["count_runs"].fetch_value(conn, since=since, until=until)
    return count


async def read_runs(pool: DbPool, since: datetime, until: datetime) -> AsyncIterator[PastRun]:
    """The runs from `since` on and before `until`, oldest first. No connection is held while the caller thinks."""
    after_id = _NO_ID
    while True:
        async with pool.acquire() as conn:
            rows = await _SQL["list_runs"].fetch(conn, since=since, until=until, after_id=after_id, max_runs=_AT_ONCE)
            turns = [TurnRecord.load(row["turn"]) if row["turn"] else None for row in rows]
            ids = {message_id for turn in turns if turn for message_id in (*turn.messages, *turn.history)}
            said = await _SQL["list_said"].fetch(conn, ids=list(ids))
        texts = {row["id"]: (row["author"], row["text"]) for row in said}
        for row, turn in zip(rows, turns, strict=True):
            yield _build_run(dict(row), turn, texts)
        if len(rows) < _AT_ONCE:
            return
        since, after_id = rows[-1]["created_at"], rows[-1]["id"]


def _build_run(row: dict[str, Any], turn: TurnRecord | None, texts: dict[MessageId, tuple[Author, str]]) -> PastRun:
    draft: dict[str, Any] = json.loads(row["draft"]) if row["draft"] else {"text": "", "cited": []}
    return PastRun(
        id=row["id"],
        created_at=row["created_at"],
        outcome=row["outcome"],
        brain=row["brain"],
        model=row["model"],
        decision=json.loads(row["decision"]),
        cost_usd=row["cost_usd"],
        channel=row["channel"],
        ticket_id=row["ticket_id"],
        ticket_ref=row["ref"],
        reply=draft["text"],
        cited=tuple(draft["cited"]),
        conversation=_build_conversation(row, turn, texts) if turn else None,
        messages=tuple(texts[message_id][1] for message_id in turn.messages) if turn else (),
        has_files=turn.has_files if turn else False,
        first_message=row["first_message"] or "",
        names=tuple(row["names"]),
    )


def _build_conversation(
    row: dict[str, Any], turn: TurnRecord, texts: dict[MessageId, tuple[Author, str]]
) -> ConversationState:
    return ConversationState(
        id=ConversationId(row["conversation_id"]),
        customer_id=CustomerId(row["customer_id"]),
        contact_name=row["contact_name"],
        channel=row["channel"],
        inbox=row["inbox"],
        identity_level=turn.identity_level,
        owner="agent",
        automatic_replies=turn.automatic_replies,
        ticket_ref=row["ref"],
        ticket_subject=turn.subject,
        ticket_category=turn.category,
        ticket_priority=turn.priority,
        history=tuple(texts[message_id] for message_id in turn.history),
        history_ids=turn.history,
        summary=turn.summary,
        facts=turn.facts,
        language=turn.language,
        sentiments=turn.sentiments,
    )
