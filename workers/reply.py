"""Putting what the desk says into the conversation and the outbox, in the transaction of whoever says it."""

from collections.abc import Sequence

from channels.base import Channels
from core.ids import new_id
from database import outbox
from database.pool import Conn
from database.queries import conversations
from database.types import Author, Citation, ConversationState, MessageId


async def queue_reply(
    conn: Conn,
    conversation: ConversationState,
    channels: Channels,
    text: str,
    *,
    author: Author,
    in_reply_to: MessageId,
    citations: Sequence[Citation] = (),
) -> None:
    """Each part that the channel needs is a message of its own, with a delivery of its own."""
    for part in channels[conversation.channel].writer.split(text):
        message_id = MessageId(new_id())
        await conversations.add_message(conn, message_id, conversation.id, author, part, citations=citations)
        await outbox.add(
            conn,
            message_id,
            conversation.id,
            conversation.channel,
            conversation.inbox,
            in_reply_to=in_reply_to,
        )
