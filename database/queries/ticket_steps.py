"""What a person does to a ticket, beside what `feedback` says of it. Call each inside one transaction, `take` first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.ids import derive_id, new_id
from database.pool import Conn
from database.queries import feedback
from database.reply import queue_reply
from database.statements import load_statements
from database.types import (
    Author,
    ConversationId,
    ConversationState,
    MessageId,
    Owner,
    Priority,
    ThreadId,
    TicketCategory,
    TicketStatus,
)
from database.types.lifecycle import Step, list_allowed, require_step

_SQL = load_statements("ticket_steps")

MAX_NOTES = 200
_REOPENED = "a person opened the ticket again"


class NotRead(Exception):
    """The customer has written something that no worker has read yet: who acts now has not seen it."""


class NotAnswered(Exception):
    """No person has answered the customer's last words yet."""


class KeyUsed(Exception):
    """This Idempotency-Key was used for another reply."""


class NoSuchColleague(LookupError):
    """Nobody of the staff has this id."""


@dataclass(frozen=True, slots=True)
class TicketWork:
    """How a ticket stands. `has_unread`: something waits in its thread. `last_author` spoke last, the desk aside."""

    id: UUID
    ref: str
    status: TicketStatus
    conversation_id: ConversationId
    thread_id: ThreadId
    contact: str
    owner: Owner
    category: TicketCategory
    priority: Priority
    intent: str | None
    route: str | None
    team: str | None
    updated_at: datetime
    assignee_id: UUID | None
    assignee_name: str | None
    has_unread: bool
    last_author: Author | None

    @property
    def allowed(self) -> list[Step]:
        """What a person may do now. Nothing is given back to the agent while the customer waits for a person."""
        return [step for step in list_allowed(self.status) if step != "release" or self._is_answered]

    @property
    def _is_answered(self) -> bool:
        return self.last_author == "person" and not self.has_unread


async def read_state(conn: Conn, ref: str) -> TicketWork | None:
    """How the ticket stands, or None where no worker has read one of this reference."""
    row = await _SQL["read_state"].fetch_row(conn, ref=ref)
    return TicketWork(**dict(row)) if row else None


async def take(conn: Conn, ref: str, step: Step | None = None) -> TicketWork | None:
    """The ticket, locked, so that no worker answers meanwhile. Raises ForbiddenStep if it does not take this step."""
    if await _SQL["lock"].fetch_value(conn, ref=ref) is None:
        return None
    ticket = await read_state(conn, ref)
    if ticket is not None and step is not None:
        require_step(step, ticket.status)
    return ticket


async def close(conn: Conn, ticket: TicketWork) -> None:
    """The matter is settled. Raises NotRead: a turn that is under way would answer a closed ticket."""
    await feedback.close_ticket(conn, ticket.ref)
    closed = await read_state(conn, ticket.ref)
    if closed is None or closed.status != "closed":
        raise NotRead


async def reopen(conn: Conn, ticket: TicketWork) -> None:
    """A closed ticket is a person's."""
    await feedback.take_over(conn, ticket.ref, reason=_REOPENED)


async def release(conn: Conn, ticket: TicketWork) -> None:
    """The agent answers what comes next. Raises NotRead or NotAnswered: else the customer would wait for nobody."""
    if ticket.has_unread:
        raise NotRead
    if ticket.last_author != "person":
        raise NotAnswered
    await _SQL["return_to_agent"].execute(conn, conversation_id=ticket.conversation_id)


async def escalate(conn: Conn, ticket: TicketWork, *, route: str, reason: str) -> None:
    """The team of this route gets the ticket; who of another had it has it no more. Raises feedback.UnknownRoute."""
    await feedback.take_over(conn, ticket.ref, reason=reason)
    await feedback.correct_ticket(conn, ticket.ref, route=route)
    if route != ticket.route:
        await assign(conn, ticket, None)
    await _SQL["direct"].execute(conn, conversation_id=ticket.conversation_id, route=route, reason=reason)


async def assign(conn: Conn, ticket: TicketWork, user_id: UUID | None) -> None:
    """One of the staff has the ticket, or nobody. Raises NoSuchColleague."""
    if user_id is not None and await _SQL["find_staff"].fetch_value(conn, id=user_id) is None:
        raise NoSuchColleague(f"nobody of the staff has the id {user_id}")
    await _SQL["assign"].execute(conn, ref=ticket.ref, user_id=user_id)


async def answer(
    conn: Conn,
    ticket: TicketWork,
    conversation: ConversationState,
    parts: Sequence[str],
    *,
    author_id: UUID,
    written_by: str,
    key: str | None = None,
) -> MessageId:
    """A person answers, in as many messages as their channel needs, and has the conversation from now on.

    A ticket that nobody had is theirs; `author_id` may also be that of a key, which can have none. Repeated under the
    same key it changes nothing; KeyUsed if it says something else. Returns the first message's id.
    """
    ids = _name_parts(derive_id("reply", str(author_id), ticket.ref, key) if key else new_id(), len(parts) + 1)
    said = [row["text"] for row in await _SQL["list_said"].fetch(conn, ids=ids)]
    if said:
        if said != list(parts):
            raise KeyUsed
        return ids[0]
    await feedback.note_answer(conn, ticket.ref, "\n".join(parts))
    question = await find_question(conn, conversation.id)
    await queue_reply(conn, conversation, parts, author="person", in_reply_to=question, ids=ids, written_by=written_by)
    await _SQL["keep"].execute(conn, ticket_id=ticket.id, author_id=author_id)
    return ids[0]


def _name_parts(first_id: UUID, count: int) -> list[MessageId]:
    """The ids of a reply's messages: known from the first, so that a longer reply is told from its beginning."""
    further = (derive_id("reply part", str(first_id), str(number)) for number in range(1, count))
    return [MessageId(first_id), *map(MessageId, further)]


async def find_question(conn: Conn, conversation_id: ConversationId) -> MessageId | None:
    """The customer's newest message: what is said now answers it."""
    question: MessageId | None = await _SQL["find_question"].fetch_value(conn, conversation_id=conversation_id)
    return question


async def add_note(conn: Conn, ticket: TicketWork, text: str, *, author_id: UUID, written_by: str) -> dict[str, Any]:
    """Note something for staff; `author_id` is that of a person or of a key."""
    note_id = new_id()
    created_at = await _SQL["add_note"].fetch_value(
        conn, id=note_id, ticket_id=ticket.id, text=text, author_id=author_id, written_by=written_by
    )
    await _SQL["touch"].execute(conn, ticket_id=ticket.id)
    return {"id": note_id, "text": text, "written_by": written_by, "created_at": created_at}


async def list_notes(conn: Conn, ticket_id: UUID) -> list[dict[str, Any]]:
    """The ticket's notes, oldest first; of too many, the newest."""
    rows = await _SQL["list_notes"].fetch(conn, ticket_id=ticket_id, max_notes=MAX_NOTES)
    return [dict(row) for row in reversed(rows)]


async def has_answer(conn: Conn, ticket: TicketWork) -> bool:
    """Whether the agent or a person has answered, so that there is something to rate."""
    return bool(await _SQL["has_answer"].fetch_value(conn, conversation_id=ticket.conversation_id))
