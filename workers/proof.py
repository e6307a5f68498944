"""A one-time code that comes back in the conversation itself, as on WhatsApp."""

import re

from channels.base import Channels
from database import queue
from database.pool import Conn
from database.queries import identities
from database.reply import queue_reply
from database.types import ConversationState, Lease, MessageId, QueuedMessage

PROVEN = "Thank you, your address {value} is confirmed."
WRONG = "This code is not right, or it is too old. Please look again, or ask for a new one."

_CODE = re.compile(r"\s*([0-9]{3})[ -]?([0-9]{3})\s*")


def find_codes(lease: Lease) -> dict[MessageId, str]:
    """The messages that consist of six digits, and the digits."""
    matches = {queued.id: _CODE.fullmatch(queued.message.text) for queued in lease.messages}
    return {message_id: match[1] + match[2] for message_id, match in matches.items() if match}


async def take_codes(
    conn: Conn, lease: Lease, conversation: ConversationState, channels: Channels, secret_key: str
) -> set[MessageId]:
    """Confirm or refuse the code that the newest message may be, and say which; the caller commits.

    Returns the messages that were codes, also those taken at an earlier attempt, which are not tried again: no agent
    gets them. If nothing else waits for an answer, the turn is settled with them.
    """
    await queue.fence(conn, lease)
    codes = find_codes(lease)
    taken = await identities.list_tried(conn, conversation.id, list(codes))
    newest = lease.messages[-1].id
    if newest in codes and newest not in taken and await identities.has_open_code(conn, conversation.id):
        proven = await identities.confirm_code(conn, secret_key, conversation.id, codes[newest], message_id=newest)
        text = WRONG if proven is None else PROVEN.format(value=proven.value)
        parts = channels[conversation.channel].writer.split(text)
        await queue_reply(conn, conversation, parts, author="system", in_reply_to=newest)
        taken.add(newest)
    if taken and not list_asked(lease, taken):
        await queue.complete(conn, lease)
    return taken


def list_asked(lease: Lease, taken: set[MessageId]) -> tuple[QueuedMessage, ...]:
    """The messages that wait for an agent's answer: all but the codes that were taken."""
    return tuple(queued for queued in lease.messages if queued.message.starts_turn and queued.id not in taken)
