"""Opening a ticket of the form's kind: from the form itself, by staff and machines, by customers who signed in."""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from api.audit import Audit
from api.desk import Desk
from api.problems import Problem
from api.schemas.support import Accepted, Sla
from channels.web.parse import CHANNEL, FORM_INBOX, parse_submission, scope_key
from core.ids import new_id
from core.logging import get_logger
from database import queue
from database.notify import TICKET_CHANNEL, WAKE_CHANNEL
from database.pool import Conn
from database.queries import tickets
from database.queries.audit import name_object
from database.types import Facts, IdentityLevel, InboundMessage, Priority, Published, TicketCategory, TicketRequest

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a ticket is opened with. `email` and `name` are the customer's, known as far as `level` says.

    `key` is the Idempotency-Key, and `scope` whose keys are told from those of others.
    """

    name: str
    email: str
    level: IdentityLevel
    subject: str
    category: TicketCategory
    priority: Priority
    message: str
    scope: str
    key: str | None


async def open_ticket(desk: Desk, opening: Opening, audit: Audit | None = None) -> Accepted:
    """Publish the message with its ticket, and say what was promised. Repeated under the same key it is a no-op.

    With `audit` it is recorded who has opened it.
    """
    external_id = scope_key(opening.scope, opening.key) if opening.key else str(new_id())
    async with desk.pool.acquire() as conn:
        earlier = await queue.find_published(conn, CHANNEL, FORM_INBOX, external_id) if opening.key else None
        request = (
            _repeat_request(opening, earlier.message.ticket)
            if earlier is not None and earlier.message.ticket is not None
            else await _promise(conn, desk, opening)
        )
        message = parse_submission(
            name=opening.name,
            email=opening.email,
            message=opening.message,
            ticket=request,
            external_id=external_id,
            level=opening.level,
        )
        async with conn.transaction() if audit else nullcontext():
            published = await publish(conn, message)
            if audit is not None and published.is_new:
                facts: Facts = {"category": request.category, "priority": request.priority}
                await audit.record(conn, "ticket.opened", "ticket", name_object(request.ref), after=facts)
    announce_message(desk, published)
    promise = published.message.ticket or request
    token = desk.make_ticket_token(promise.ref)
    return Accepted(
        ticket_ref=promise.ref,
        ticket_token=token,
        sla=Sla(first_reply_minutes=promise.promised_minutes or 0, first_reply_by=promise.first_reply_due),
        status_url=f"{desk.settings.api.public_url or ''}/support/ticket/{promise.ref}?token={token}",
    )


async def publish(conn: Conn, message: InboundMessage) -> Published:
    """Queue a message. Raises Problem 409 where its Idempotency-Key was used for another one."""
    published = await queue.publish(conn, message)
    if published.is_erased:
        raise Problem(409, "What was sent under this Idempotency-Key was erased; use a new one.")
    if published.message.fingerprint != message.fingerprint:
        raise Problem(409, "This Idempotency-Key was used for another message; use a new one.")
    return published


def announce_message(desk: Desk, published: Published) -> None:
    """A message has been queued: workers wake, and so do those who follow its ticket here."""
    if published.is_new:
        _log.info("message queued", message_id=str(published.message_id), thread_id=str(published.thread_id))
        desk.notifier.notify(WAKE_CHANNEL)
        desk.feed.announce(published.contact)


def announce_ticket(desk: Desk, contact: str) -> None:
    """A ticket has changed: those who follow it look again, here and in all other processes."""
    desk.feed.announce(contact)
    desk.notifier.notify(TICKET_CHANNEL, contact)


async def _promise(conn: Conn, desk: Desk, opening: Opening) -> TicketRequest:
    """A new reference with its promise."""
    now = desk.clock()
    prepared = await tickets.prepare_submission(
        conn, desk.settings.ticket.prefix, now.date(), channel=CHANNEL, inbox=FORM_INBOX, email=opening.email
    )
    if not prepared.is_open:
        raise Problem(503, "The form takes no new tickets at the moment.", headers={"Retry-After": "600"})
    minutes = desk.settings.ticket.promise_minutes(prepared.plans)
    return TicketRequest(
        ref=prepared.ref,
        subject=opening.subject,
        category=opening.category,
        priority=opening.priority,
        first_reply_due=now + timedelta(minutes=minutes),
        promised_minutes=minutes,
    )


def _repeat_request(opening: Opening, given: TicketRequest) -> TicketRequest:
    """What was given out when this key was first used, with the content of this request."""
    content = {"subject": opening.subject, "category": opening.category, "priority": opening.priority}
    return given.model_copy(update=content)
