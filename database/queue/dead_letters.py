"""Dead letters: messages that machines have given up on, kept with what went wrong until a person decides."""

import json
from typing import Any, Literal
from uuid import UUID

from database.pool import Conn
from database.statements import load_statements
from database.types import MessageId

_SQL = load_statements("dead_letters")


class NotOpen(LookupError):
    """There is no such dead letter, or it has been retried or discarded already."""


class MessagesGone(LookupError):
    """The dead letter's messages are no longer in the queue; it can only be discarded."""


async def count_dead_letters(conn: Conn) -> int:
    """How many wait for a person."""
    count: int = await _SQL["count_open"].fetch_value(conn)
    return count


async def list_dead_letters(conn: Conn, *, max_rows: int = 100) -> list[dict[str, Any]]:
    """Those that wait for a person, oldest first: where they came from, what went wrong last, and their ticket."""
    return [dict(row) for row in await _SQL["list_open"].fetch(conn, max_rows=max_rows)]


async def find_dead_letter(conn: Conn, letter_id: UUID) -> dict[str, Any] | None:
    """One with its messages as they arrived, and `errors`: each attempt's time, worker, error class and message."""
    row = await _SQL["find"].fetch_row(conn, id=letter_id)
    if row is None:
        return None
    return {**dict(row), "errors": json.loads(row["errors"]), "messages": json.loads(row["messages"])}


async def retry_dead_letter(conn: Conn, letter_id: UUID) -> list[MessageId]:
    """Queue its messages again, at the end of their thread.

    A conversation that a person got because of this letter goes back to the agent, and what the customer has written
    since is queued with it. Inside the caller's transaction. Returns the ids of the messages; raises NotOpen or
    MessagesGone.
    """
    letter = await _settle(conn, letter_id, "retried")
    handed_over, thread_id = letter.pop("handed_over"), letter["thread_id"]
    is_agents = handed_over and await _SQL["return_to_agent"].fetch_value(conn, thread_id=thread_id)
    rows = await _SQL["requeue"].fetch(conn, **letter, with_later=bool(is_agents))
    if not rows:
        raise MessagesGone(f"the messages of dead letter {letter_id} are no longer there")
    ids = [MessageId(row["id"]) for row in rows]
    await _SQL["forget_stored"].execute(conn, ids=ids)
    return ids


async def discard_dead_letter(conn: Conn, letter_id: UUID) -> None:
    """Say that nothing more need be done. Its messages stay with the conversation; raises NotOpen."""
    await _settle(conn, letter_id, "discarded")


async def _settle(conn: Conn, letter_id: UUID, state: Literal["retried", "discarded"]) -> dict[str, Any]:
    row = await _SQL["settle"].fetch_row(conn, id=letter_id, state=state)
    if row is None:
        raise NotOpen(f"there is no open dead letter {letter_id}")
    return dict(row)
