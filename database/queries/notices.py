"""What a team must know and nothing else tells it: replies that did not reach their customer."""

from typing import Any, Literal

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.storable import clean_reason
from database.types import MessageId

_SQL = load_statements("notices")

NoticeKind = Literal["undelivered", "in_doubt"]


async def report_undelivered(conn: Conn, message_id: MessageId, kind: NoticeKind, text: str) -> None:
    """Mark the ticket and tell its team, once for each reply and kind until that is settled.

    An undelivered reply also hands the conversation to a person.
    """
    await _SQL["report_undelivered"].execute(
        conn, id=new_id(), message_id=message_id, kind=kind, text=clean_reason(text)
    )


async def settle_notices(conn: Conn, message_id: MessageId) -> None:
    """The matter of this reply is settled, unless it failed: its notices are closed, its ticket is marked no longer."""
    await _SQL["settle"].execute(conn, message_id=message_id)


async def list_notices(conn: Conn, team: str | None, *, max_rows: int) -> list[dict[str, Any]]:
    """Open notices, oldest first; with a team, only that team's."""
    return [dict(row) for row in await _SQL["list_open"].fetch(conn, team=team, max_rows=max_rows)]
