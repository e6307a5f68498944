"""Putting what the desk says into the conversation and the outbox, in the transaction of whoever says it."""

from collections.abc import Sequence

from core.ids import new_id
from database import outbox
from database.pool import Conn
from database.queries import conversations
from database.types import Author, Citation, ConversationState, MessageId


async def queue_reply(
    conn: Conn,
    conversation: ConversationState,
    parts: Sequence[str],
    *,
    author: Author,
    in_reply_to: MessageId | None,
    citations: Sequence[Citation] = (),
    ids: Sequence[MessageId] | None = None,
    written_by: str | None = None,
) -> None:
    """Each part, as the channel's writer has split them, is a message of its own, with a delivery of its own.

    `ids` are those that the messages shall have; they have new ones without. `written_by` names the person who answers.
    """
    for position, part in enumerate(parts):
        message_id = MessageId(new_id()) if ids is None else ids[position]
        await conversations.add_message(
            conn, message_id, conversation.id, author, part, citations=citations, written_by=written_by
        )
        await outbox.add(
            conn,
            message_id,
            conversation.id,
            conversation.channel,
            conversation.inbox,
            in_reply_to=in_reply_to,
        )
