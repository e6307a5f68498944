"""A conversation on WhatsApp, and who delivers its replies."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from channels.base import ChannelKit, Poller, Receipt
from channels.whatsapp.write import WhatsAppWriter
from core.ids import derive_code, new_id
from core.settings import Settings
from database import outbox
from database.pool import DbPool
from database.queries import conversations
from database.types import ConversationId, MailPath, MessageId, OutboundMessage, WhatsAppPath
from tests.database.builders import open_conversation, queue_reply
from tests.workers.test_delivery import StubSender
from workers.delivery import Deliverer

INBOX = "+15550100"
PHONE = "+15550199"
SECRET = "s" * 32


class Desk:
    """One conversation on WhatsApp, and who delivers its replies."""

    def __init__(
        self, pool: DbPool, sender: StubSender, *, per_minute: float | None = None, pollers: Sequence[Poller] = ()
    ) -> None:
        self.pool = pool
        kit = ChannelKit("whatsapp", WhatsAppWriter(), sender, pollers=pollers, sends_per_minute=per_minute)
        settings = Settings.model_construct(secret_key=SecretStr(SECRET))
        kits = {"whatsapp": kit, "gmail": ChannelKit("gmail", WhatsAppWriter(), sender)}
        self.deliverer = Deliverer(pool, kits, settings, on_result=lambda _contact: None)

    async def open_chat(self, contact: str = PHONE) -> ConversationId:
        path = WhatsAppPath(provider="twilio", phone=contact).model_dump_json()
        async with self.pool.acquire() as conn:
            conversation_id = await open_conversation(conn, contact, channel="whatsapp", inbox=INBOX)
            await conn.execute(
                "UPDATE conversations SET reply_path = $1, last_inbound_at = now() WHERE id = $2", path, conversation_id
            )
        return conversation_id

    async def queue(self, conversation_id: ConversationId, text: str = "Here is how.") -> MessageId:
        async with self.pool.acquire() as conn:
            return await queue_reply(conn, conversation_id, text, channel="whatsapp", inbox=INBOX)

    async def queue_code(self, conversation_id: ConversationId) -> str:
        """Queue a one-time code for a mailbox; returns the code."""
        code_id, message_id = new_id(), MessageId(new_id())
        path, inbox = MailPath(to="alice@example.com", subject="Your code"), "support@example.com"
        async with self.pool.acquire() as conn:
            await conversations.add_message(conn, message_id, conversation_id, "system", "(A code was sent.)")
            await outbox.add(conn, message_id, conversation_id, "gmail", inbox, kind="code", path=path, code_id=code_id)
        return derive_code(SECRET, str(code_id))

    async def claim(self) -> list[OutboundMessage]:
        async with self.pool.acquire() as conn:
            return await outbox.claim(conn, max_replies=50, lease_seconds=60)

    async def deliver(self) -> int:
        """Deliver what is due, all at once as a worker does; returns how much that was."""
        replies = await self.claim()
        await asyncio.gather(*(self.deliverer.deliver(reply) for reply in replies))
        return len(replies)

    async def fetch(self, sql: str, *values: object) -> list[Any]:
        async with self.pool.acquire() as conn:
            return list(await conn.fetch(sql, *values))

    async def read(self) -> dict[str, Any]:
        (row,) = await self.fetch("SELECT *, extract(epoch FROM ready_at - now())::float8 AS delay FROM outbox")
        return dict(row)

    async def count_states(self) -> dict[str, int]:
        rows = await self.fetch("SELECT state, count(*) AS replies FROM outbox GROUP BY state")
        return {row["state"]: row["replies"] for row in rows}


async def open_desk(pool: DbPool, *results: Receipt | Exception, **options: Any) -> tuple[Desk, StubSender]:
    """A desk with one reply that waits."""
    sender = StubSender(list(results))
    desk = Desk(pool, sender, **options)
    await desk.queue(await desk.open_chat())
    return desk, sender
