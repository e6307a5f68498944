"""The customer's side: submit the form, read the ticket, write again, follow it live."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import ANYONE, OpenTicket
from api.desk import Desk, DeskDep
from api.feed import TooManyStreams
from api.limits import name_client
from api.problems import Problem
from api.schemas.support import Accepted, Reply, ReplyAccepted, Submission, TicketView
from api.submissions import Opening, announce_message, open_ticket, publish
from api.tickets import show_ticket
from channels.web.parse import parse_reply, scope_key
from core.background import wait_briefly
from core.ids import new_id
from database.patience import is_passing
from database.pool import DATABASE_ERRORS

router = APIRouter(prefix="/support", tags=["support"])

IdempotencyKey = Annotated[
    str | None, Header(min_length=1, max_length=200, description="Repeating a request under the same key is a no-op.")
]
# Notifications only wake the stream; it looks by itself this often, so that a lost one costs seconds.
STREAM_RECHECK_SECONDS = 10.0


@router.post("/submit", status_code=202, dependencies=[Depends(ANYONE)])
async def submit(body: Submission, request: Request, desk: DeskDep, idempotency_key: IdempotencyKey = None) -> Accepted:
    """Open a ticket. Answered only when the message is committed; the reply follows on the ticket."""
    email = body.email.lower()
    await desk.limits.spend({"form": name_client(request), "form_email": email})
    return await open_ticket(
        desk,
        Opening(
            name=body.name,
            email=email,
            level="self_reported",
            subject=body.subject,
            category=body.category,
            priority=body.priority,
            message=body.message,
            scope=email,
            key=idempotency_key,
        ),
    )


@router.get("/ticket/{ref}")
async def read_ticket(ref: OpenTicket, desk: DeskDep) -> TicketView:
    """The ticket and its conversation, from the moment it was accepted."""
    return await show_ticket(desk, ref)


@router.post("/ticket/{ref}/messages", status_code=202)
async def write_again(
    body: Reply, ref: OpenTicket, desk: DeskDep, idempotency_key: IdempotencyKey = None
) -> ReplyAccepted:
    """Add a message to the ticket. An answered ticket opens again."""
    external_id = scope_key(ref, idempotency_key) if idempotency_key else str(new_id())
    async with desk.pool.acquire() as conn:
        message = parse_reply(ref=ref, message=body.message, external_id=external_id)
        published = await publish(conn, message)
    announce_message(desk, published)
    return ReplyAccepted(ticket_ref=ref, message_id=published.message_id)


@contextmanager
def follow_changes(desk: Desk, contact: str) -> Iterator[asyncio.Event]:
    """The event that is set whenever a ticket may have changed. Raises Problem 503 where too many follow one."""
    try:
        with desk.feed.follow(contact) as changed:
            yield changed
    except TooManyStreams:
        detail = "Too many live connections; ask for the ticket instead."
        raise Problem(503, detail, headers={"Retry-After": "5"}) from None


async def follow(ref: OpenTicket, desk: DeskDep) -> AsyncIterator[asyncio.Event]:
    """The event that wakes this stream. A dependency, so that a refusal is an answer and not a broken stream."""
    with follow_changes(desk, ref) as changed:
        yield changed


@router.get("/ticket/{ref}/events", response_class=EventSourceResponse)
async def follow_ticket(
    ref: OpenTicket, desk: DeskDep, changed: Annotated[asyncio.Event, Depends(follow)]
) -> AsyncIterator[ServerSentEvent]:
    """The ticket as server-sent events: once at the start and whenever it changes, each time whole.

    The stream ends when this process stops; connect again.
    """
    last: TicketView | None = None
    while not desk.stopping.is_set():
        changed.clear()
        try:
            view = await show_ticket(desk, ref)
        except DATABASE_ERRORS as error:
            # The stream outlasts an outage: hundreds that broke at once would all come again at once.
            if not is_passing(error):
                raise
        else:
            if view != last:
                yield ServerSentEvent(event="ticket", data=view)
                last = view
        await wait_briefly(changed, STREAM_RECHECK_SECONDS)
