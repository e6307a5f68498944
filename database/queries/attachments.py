"""Files that came with messages: what they are called, what they really are, and which are still to be fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.ids import new_id
from database.pool import Conn
from database.statements import load_statements
from database.types import Attachment, Channel, ConversationId, MessageId

_SQL = load_statements("files")

_VISIBLE_FILES = 500


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A file that a message only names, claimed for fetching."""

    id: UUID
    channel: Channel
    inbox: str
    attachment: Attachment
    attempt: int


async def add_attachments(conn: Conn, message_id: MessageId, attachments: Sequence[Attachment]) -> None:
    """Note the files of a message; noting them again changes nothing. A content that is not stored is a problem."""
    for position, attachment in enumerate(attachments):
        await _SQL["add"].execute(
            conn,
            id=new_id(),
            message_id=message_id,
            position=position,
            name=attachment.name,
            content_type=attachment.content_type,
            size=attachment.size,
            digest=None if attachment.digest is None else bytes.fromhex(attachment.digest),
            locator=attachment.locator,
            problem=attachment.problem,
        )


async def claim_missing(conn: Conn, *, max_files: int, lease_seconds: float) -> list[MissingFile]:
    """Lease files that are still to be fetched."""
    rows = await _SQL["claim_missing"].fetch(conn, max_files=max_files, lease_seconds=lease_seconds)
    return [
        MissingFile(
            row["id"],
            row["channel"],
            row["inbox"],
            Attachment(name=row["name"], content_type=row["content_type"], size=row["size"], locator=row["locator"]),
            row["attempts"],
        )
        for row in rows
    ]


async def mark_fetched(conn: Conn, file_id: UUID, *, digest: str, size: int, content_type: str) -> None:
    """Its content is stored; `content_type` is what it really is."""
    await _SQL["mark_fetched"].execute(
        conn, id=file_id, digest=bytes.fromhex(digest), size=size, content_type=content_type
    )


async def mark_missing(conn: Conn, file_id: UUID, problem: str) -> None:
    """It is not to be had, and why."""
    await _SQL["mark_missing"].execute(conn, id=file_id, problem=problem)


async def fetch_later(conn: Conn, file_id: UUID, *, delay_seconds: float) -> None:
    """The vendor does not answer; try again."""
    await _SQL["fetch_later"].execute(conn, id=file_id, delay_seconds=delay_seconds)


async def find_attachment(conn: Conn, file_id: UUID) -> dict[str, Any] | None:
    """One file with the reference of its ticket, which says who may see it."""
    row = await _SQL["find"].fetch_row(conn, id=file_id)
    return None if row is None else dict(row)


async def list_attachments(conn: Conn, conversation_id: ConversationId) -> list[dict[str, Any]]:
    """The files of a conversation, in the order of their messages; of too many, those of the newest."""
    rows = await _SQL["list_of_conversation"].fetch(conn, conversation_id=conversation_id, max_files=_VISIBLE_FILES)
    return [dict(row) for row in reversed(rows)]
