"""Asking a customer to prove an address, from wherever they claim it."""

from dataclasses import dataclass

from core.ids import derive_code, new_id
from database import outbox
from database.pool import Conn
from database.queries import conversations, identities
from database.types import Channel, ConversationId, MailPath, MessageId

SENT = "(A one-time code was sent to the address that the customer names.)"


@dataclass(frozen=True, slots=True)
class Post:
    """From which inbox codes are sent, and whose name they carry."""

    channel: Channel
    inbox: str
    company: str


async def send_code(conn: Conn, secret_key: str, post: Post, conversation_id: ConversationId, email: str) -> None:
    """Queue a code for the address that is claimed. Raises identities.TooManyCodes, or LookupError.

    The answer is the same whether or not anybody holds the address, so that nothing can be learnt from asking.
    """
    code_id, message_id = new_id(), MessageId(new_id())
    # One at a time in a conversation, or the limit could be passed by asking at once.
    if await conversations.lock_owner(conn, conversation_id) is None:
        raise LookupError(f"there is no conversation {conversation_id}")
    code = derive_code(secret_key, str(code_id))
    await identities.add_code(conn, secret_key, conversation_id, email, code_id=code_id, code=code)
    await conversations.add_message(conn, message_id, conversation_id, "system", SENT)
    await outbox.add(
        conn,
        message_id,
        conversation_id,
        post.channel,
        post.inbox,
        kind="code",
        path=MailPath(to=email, subject=f"Your code for {post.company}"),
        code_id=code_id,
    )
