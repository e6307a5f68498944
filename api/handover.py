"""Telling the customer that a person has their ticket now."""

from api.desk import Desk
from channels.letters import open_letter
from database.pool import Conn
from database.queries import conversations, ticket_steps
from database.queries.operations import find_channel_config
from database.queries.ticket_steps import TicketWork
from database.reply import queue_reply


async def tell_handover(conn: Conn, desk: Desk, before: TicketWork) -> None:
    """Queue the words for it, if the agent had the ticket `before`: who has been told already is not told again."""
    after = await ticket_steps.read_state(conn, before.ref)
    conversation = await conversations.load_state(conn, before.conversation_id)
    if before.owner == "person" or after is None or after.team is None or not conversation.is_reachable:
        return
    config = await find_channel_config(conn, conversation.channel, conversation.inbox)
    letter = open_letter(conversation, desk.settings.company, config.signature, language=conversation.language or "en")
    writer = desk.channels[conversation.channel].writer
    parts = writer.split(writer.write_handover(after.team, letter))
    question = await ticket_steps.find_question(conn, conversation.id)
    await queue_reply(conn, conversation, parts, author="system", in_reply_to=question)
