"""A customer on WhatsApp, and what the desk tells them."""

from uuid import uuid4

from database import queue
from database.types import Identity, InboundMessage, ThreadId, WhatsAppPath
from tests.workers.stubs import Desk

PHONE = "+15550111"
ALICE = Identity(kind="whatsapp", value=PHONE, level="proven", name="Alice Abbott")
PATH = WhatsAppPath(provider="twilio", phone=PHONE)


def make_chat(text: str = "How do I export my data?", **changes: object) -> InboundMessage:
    """A message of Alice's; a new one every time, with some fields changed."""
    message = InboundMessage(
        channel="whatsapp",
        inbox="+15550100",
        contact=PHONE,
        external_id=uuid4().hex,
        fingerprint="f" * 64,
        sender=ALICE,
        text=text,
        reply_path=PATH,
    )
    return message.model_copy(update=changes)


async def write(desk: Desk, *messages: InboundMessage) -> ThreadId:
    """The messages arrive, and the quiet after them is over."""
    async with desk.pool.acquire() as conn:
        thread_id = (await queue.publish_many(conn, messages))[-1].thread_id
        await conn.execute("UPDATE queue_threads SET ready_at = now() WHERE id = $1", thread_id)
    return thread_id


async def list_replies(desk: Desk) -> list[str]:
    """The texts of everything in the outbox, oldest first."""
    rows = await desk.fetch("SELECT m.text FROM outbox o JOIN messages m ON m.id = o.id ORDER BY o.created_at, o.id")
    return [row["text"] for row in rows]
