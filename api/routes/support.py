"""The customer's side: submit the form, read the ticket, write again, follow it live."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import ANYONE, OpenTicket
from api.desk import Desk, DeskDep
from api.feed import TooManyStreams
from api.problems import Problem
from api.schemas import Accepted, MessageView, Reply, ReplyAccepted, Sla, SourceView, Submission, TicketView
from channels.web.parse import CHANNEL, FORM_INBOX, parse_reply, parse_submission, scope_key
from core.ids import new_id
from core.logging import get_logger
from database import queue
from database.notify import WAKE_CHANNEL
from database.patience import is_passing
from database.pool import DATABASE_ERRORS, Conn
from database.queries import tickets
from database.types import InboundMessage, Published, TicketRequest

_log = get_logger(__name__)
router = APIRouter(prefix="/support", tags=["support"])

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=200, description="Repeating a request under the same key is a no-op.")
]
# Notifications only wake the stream; it looks by itself this often, so that a lost one costs seconds.
STREAM_RECHECK_SECONDS = 10.0


@router.post("/submit", status_code=202, dependencies=[Depends(ANYONE)])
async def submit(body: Submission, desk: DeskDep, idempotency_key: IdempotencyKey = None) -> Accepted:
    """Open a ticket. Answered only when the message is committed; the reply follows on the ticket."""
    email = body.email.lower()
    external_id = scope_key(email, idempotency_key) if idempotency_key else str(new_id())
    async with desk.pool.acquire() as conn:
        earlier = await queue.find_published(conn, CHANNEL, FORM_INBOX, external_id) if idempotency_key else None
        request = (
            _repeat_request(body, earlier.message.ticket)
            if earlier is not None and earlier.message.ticket is not None
            else await _open_request(conn, desk, body, email)
        )
        message = parse_submission(
            name=body.name, email=email, message=body.message, ticket=request, external_id=external_id
        )
        published = await _publish(conn, message)
    _announce(desk, published)
    promise = published.message.ticket or request
    token = desk.make_ticket_token(promise.ref)
    return Accepted(
        ticket_ref=promise.ref,
        ticket_token=token,
        sla=Sla(first_reply_minutes=promise.promised_minutes or 0, first_reply_by=promise.first_reply_due),
        status_url=f"{desk.settings.api.public_url or ''}/support/ticket/{promise.ref}?token={token}",
    )


@router.get("/ticket/{ref}")
async def read_ticket(ref: OpenTicket, desk: DeskDep) -> TicketView:
    """The ticket and its conversation, from the moment it was accepted."""
    return await _view(desk, ref)


@router.post("/ticket/{ref}/messages", status_code=202)
async def write_again(
    body: Reply, ref: OpenTicket, desk: DeskDep, idempotency_key: IdempotencyKey = None
) -> ReplyAccepted:
    """Add a message to the ticket. An answered ticket opens again."""
    external_id = scope_key(ref, idempotency_key) if idempotency_key else str(new_id())
    async with desk.pool.acquire() as conn:
        message = parse_reply(ref=ref, message=body.message, external_id=external_id)
        published = await _publish(conn, message)
    _announce(desk, published)
    return ReplyAccepted(ticket_ref=ref, message_id=published.message_id)


async def follow(ref: OpenTicket, desk: DeskDep) -> AsyncIterator[asyncio.Event]:
    """The event that wakes this stream. A dependency, so that a refusal is an answer and not a broken stream."""
    try:
        with desk.feed.follow(ref) as changed:
            yield changed
    except TooManyStreams:
        detail = "Too many live connections; ask for the ticket instead."
        raise Problem(503, detail, headers={"Retry-After": "5"}) from None


@router.get("/ticket/{ref}/events", response_class=EventSourceResponse)
async def follow_ticket(
    ref: OpenTicket, desk: DeskDep, changed: Annotated[asyncio.Event, Depends(follow)]
) -> AsyncIterator[ServerSentEvent]:
    """The ticket as server-sent events: once at the start and whenever it changes, each time whole."""
    last: TicketView | None = None
    while True:
        changed.clear()
        try:
            view = await _view(desk, ref)
        except DATABASE_ERRORS as error:
            # The stream outlasts an outage: hundreds that broke at once would all come again at once.
            if not is_passing(error):
                raise
        else:
            if view != last:
                yield ServerSentEvent(event="ticket", data=view)
                last = view
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), STREAM_RECHECK_SECONDS)


async def _publish(conn: Conn, message: InboundMessage) -> Published:
    published = await queue.publish(conn, message)
    if published.is_erased:
        raise Problem(409, "What was sent under this Idempotency-Key was erased; use a new one.")
    if published.message.fingerprint != message.fingerprint:
        raise Problem(409, "This Idempotency-Key was used for another message; use a new one.")
    return published


async def _open_request(conn: Conn, desk: Desk, body: Submission, email: str) -> TicketRequest:
    """A new reference with its promise."""
    now = desk.clock()
    prepared = await tickets.prepare_submission(
        conn, desk.settings.ticket.prefix, now.date(), channel=CHANNEL, inbox=FORM_INBOX, email=email
    )
    if not prepared.is_open:
        raise Problem(503, "The form takes no new tickets at the moment.", headers={"Retry-After": "600"})
    minutes = desk.settings.ticket.promise_minutes(prepared.plans)
    return TicketRequest(
        ref=prepared.ref,
        subject=body.subject,
        category=body.category,
        priority=body.priority,
        first_reply_due=now + timedelta(minutes=minutes),
        promised_minutes=minutes,
    )


def _repeat_request(body: Submission, given: TicketRequest) -> TicketRequest:
    """What was given out when this key was first used, with the content of this request."""
    content = {"subject": body.subject, "category": body.category, "priority": body.priority}
    return given.model_copy(update=content)


def _announce(desk: Desk, published: Published) -> None:
    if published.is_new:
        _log.info("message queued", message_id=str(published.message_id), thread_id=str(published.thread_id))
        desk.notifier.notify(WAKE_CHANNEL)
        desk.feed.announce(published.contact)


async def _view(desk: Desk, ref: str) -> TicketView:
    async with desk.pool.acquire() as conn:
        ticket = await tickets.view_ticket(conn, ref, channel=CHANNEL, inbox=FORM_INBOX)
    if ticket is None:
        raise Problem(404, "There is no such ticket, or the link to it is not complete.")
    minutes = max(0, round((ticket["first_reply_due"] - ticket["created_at"]).total_seconds() / 60))
    return TicketView(
        ticket_ref=ticket["ref"],
        status=ticket["status"],
        subject=ticket["subject"],
        category=ticket["category"],
        priority=ticket["priority"],
        team=ticket["team"],
        sla=Sla(first_reply_minutes=minutes, first_reply_by=ticket["first_reply_due"]),
        answering=ticket["answering"],
        created_at=ticket["created_at"],
        updated_at=ticket["updated_at"],
        messages=[
            MessageView(
                id=message["id"],
                author=message["author"],
                text=message["text"],
                created_at=message["created_at"],
                citations=[
                    SourceView(number=c["number"], title=c["title"], excerpt=c["excerpt"]) for c in message["citations"]
                ],
            )
            for message in ticket["messages"]
        ],
    )
