"""A one-time code that comes back in the conversation itself, as on WhatsApp."""

import re

from channels.base import Channels
from database import queue
from database.pool import Conn
from database.queries import identities
from database.types import ConversationState, Lease
from workers.reply import queue_reply

PROVEN = "Thank you, your address {value} is confirmed."
WRONG = "This code is not right, or it is too old. Please look again, or ask for a new one."

_CODE = re.compile(r"\s*([0-9]{3})[ -]?([0-9]{3})\s*")


def find_code(lease: Lease) -> str | None:
    """The six digits that the newest message consists of."""
    match = _CODE.fullmatch(lease.messages[-1].message.text)
    return None if match is None else match[1] + match[2]


def is_alone(lease: Lease) -> bool:
    """Whether nothing but the code waits for an answer."""
    return not any(queued.message.starts_turn for queued in lease.messages[:-1])


async def take_code(conn: Conn, lease: Lease, conversation: ConversationState, channels: Channels, code: str) -> None:
    """Confirm or refuse the code, say which, and settle the turn if there is nothing else in it; the caller commits."""
    await queue.fence(conn, lease)
    proven = await identities.confirm_code(conn, conversation.id, code)
    text = WRONG if proven is None else PROVEN.format(value=proven.value)
    await queue_reply(conn, conversation, channels, text, author="system", in_reply_to=lease.messages[-1].id)
    if is_alone(lease):
        await queue.complete(conn, lease)
