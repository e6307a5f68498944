"""What follows when a reply does not reach its customer: a person is told, or the customer is asked to write again."""

from core.ids import new_id
from database import outbox
from database.outbox.status import Waiting
from database.pool import Conn
from database.queries import conversations
from database.queries.notices import report_undelivered
from database.types import MessageId, OutboundMessage

INVITATION = "(A template asks the customer to write again, because WhatsApp lets us send nothing else.)"


async def fail(conn: Conn, reply: OutboundMessage, reason: str) -> None:
    """The reply was refused for good: its ticket goes to a person."""
    await outbox.give_up(conn, reply, "failed", reason)
    await report_undelivered(conn, reply.id, "undelivered", reason)


async def leave_in_doubt(conn: Conn, reply: OutboundMessage, reason: str) -> None:
    """Nobody can be asked whether it was sent: a person decides."""
    await outbox.give_up(conn, reply, "unknown", reason)
    await report_undelivered(conn, reply.id, "in_doubt", reason)


async def wait_for_customer(
    conn: Conn, reply_id: MessageId, reason: str, *, lease: OutboundMessage | None = None, vendor_id: str | None = None
) -> bool:
    """The reply waits until its customer writes again, and one template asks them to. False if it is past waiting."""
    waiting = await outbox.close_window(conn, reply_id, reason, lease=lease, vendor_id=vendor_id)
    if waiting is None:
        return False
    # Two replies may be refused at once; the second must see the first one's invitation.
    await conversations.lock_owner(conn, waiting.conversation_id)
    if await outbox.reopen_if_written(conn, reply_id):
        return True
    if not await outbox.has_invitation(conn, waiting.conversation_id):
        await _invite(conn, waiting)
    return True


async def _invite(conn: Conn, waiting: Waiting) -> None:
    message_id = MessageId(new_id())
    await conversations.add_message(conn, message_id, waiting.conversation_id, "system", INVITATION)
    await outbox.add(
        conn,
        message_id,
        waiting.conversation_id,
        waiting.channel,
        waiting.inbox,
        in_reply_to=waiting.in_reply_to,
        kind="template",
    )
