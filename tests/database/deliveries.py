"""Chats whose replies are on their way, and what vendors say of them."""

from datetime import UTC, datetime, timedelta

from asyncpg import Record

from core.ids import new_id
from database import intake, outbox
from database.intake import TakenIn
from database.pool import Conn
from database.queries import conversations
from database.types import (
    Channel,
    ConversationId,
    MessageId,
    OutboundMessage,
    Parsed,
    StatusUpdate,
    WhatsAppPath,
)
from tests.database.builders import make_message, open_conversation, queue_reply

INBOX = "+15550100"
ALICES_PHONE = "+15550111"


async def open_chat(conn: Conn, phone: str = ALICES_PHONE) -> ConversationId:
    """A conversation on WhatsApp whose customer wrote a moment ago."""
    conversation_id = await open_conversation(conn, phone, channel="whatsapp", inbox=INBOX, level="proven")
    await write_again(conn, conversation_id, phone, ago=timedelta(minutes=1))
    return conversation_id


async def write_again(
    conn: Conn, conversation_id: ConversationId, phone: str = ALICES_PHONE, *, ago: timedelta = timedelta(0)
) -> None:
    """The customer's message is noted in its conversation, and nothing else follows from it."""
    message = make_message(phone, channel="whatsapp", inbox=INBOX, sender=None).model_copy(
        update={"reply_path": WhatsAppPath(provider="twilio", phone=phone)}
    )
    await conversations.note_inbound(conn, conversation_id, message, datetime.now(UTC) - ago)


async def queue_chat_reply(conn: Conn, conversation_id: ConversationId, text: str = "Here is how.") -> MessageId:
    """A reply in a chat that waits to be sent."""
    return await queue_reply(conn, conversation_id, text, channel="whatsapp", inbox=INBOX)


async def queue_template(conn: Conn, conversation_id: ConversationId) -> MessageId:
    """An invitation that waits to be sent."""
    message_id = MessageId(new_id())
    await conversations.add_message(conn, message_id, conversation_id, "system", "(template)")
    await outbox.add(conn, message_id, conversation_id, "whatsapp", INBOX, kind="template")
    return message_id


async def claim_replies(conn: Conn) -> list[OutboundMessage]:
    """Everything that may be sent now."""
    return await outbox.claim(conn, max_replies=10, lease_seconds=60)


async def claim_reply(conn: Conn) -> OutboundMessage:
    """The one reply that may be sent now."""
    (reply,) = await claim_replies(conn)
    return reply


async def send_reply(conn: Conn, conversation_id: ConversationId, vendor_id: str = "SM1") -> OutboundMessage:
    """A reply that the vendor took."""
    await queue_chat_reply(conn, conversation_id)
    reply = await claim_reply(conn)
    await outbox.mark_sent(conn, reply, vendor_id)
    return reply


async def report(conn: Conn, *updates: StatusUpdate, channel: Channel = "whatsapp") -> TakenIn:
    """What the vendor says, as a webhook takes it in."""
    return await intake.take_in(conn, channel, None, Parsed(statuses=updates))


def refuse_outside_window(reply_id: MessageId, vendor_id: str | None = "SM1") -> StatusUpdate:
    """The refusal that a template can mend."""
    return StatusUpdate(
        "failed", outbox_id=reply_id, vendor_id=vendor_id, error="outside the window", is_window_closed=True
    )


async def read_reply(conn: Conn, reply_id: MessageId) -> Record:
    """The reply's row, with `delay`: the seconds until something is due."""
    row = await conn.fetchrow(
        "SELECT *, extract(epoch FROM ready_at - clock_timestamp())::float8 AS delay FROM outbox WHERE id = $1",
        reply_id,
    )
    assert row is not None
    return row


async def read_state(conn: Conn, reply_id: MessageId) -> str:
    """How far the reply is."""
    state: str = (await read_reply(conn, reply_id))["state"]
    return state


async def let_time_pass(conn: Conn) -> None:
    """Every lease and every pause of the outbox ends; what waits for ever still does."""
    await conn.execute("UPDATE outbox SET ready_at = now() - interval '1 second' WHERE ready_at < 'infinity'")


async def read_problem(conn: Conn, conversation_id: ConversationId) -> str | None:
    """What the ticket says about its deliveries."""
    problem: str | None = await conn.fetchval(
        "SELECT delivery_problem FROM tickets WHERE conversation_id = $1", conversation_id
    )
    return problem
