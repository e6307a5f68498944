"""A ticket as a route has it before it does anything: found, and open to whoever calls."""

from collections.abc import Mapping
from typing import Any

from api.access import Caller
from api.desk import Desk
from api.problems import Problem
from api.schemas.support import FeedbackView, MessageView, Sla, SourceView, TicketView
from channels.web.parse import CHANNEL, FORM_INBOX
from database.pool import Conn
from database.queries import tickets
from database.queries.tickets import TicketHandle

NO_TICKET = "There is no such ticket."
NO_TICKET_OR_LINK = "There is no such ticket, or the link to it is not complete."


def build_not_read() -> Problem:
    """No worker has seen this ticket, so that there is nothing yet to work on."""
    return Problem(409, "The desk has not read this ticket yet; try again in a moment.", headers={"Retry-After": "2"})


async def find_ticket(conn: Conn, caller: Caller, ref: str) -> TicketHandle:
    """The ticket, if the caller may know of it: a customer who signed in only of their own. Raises Problem 404."""
    handle = await tickets.find_handle(conn, ref, channel=CHANNEL, inbox=FORM_INBOX)
    if handle is None or (caller.customer_id is not None and handle.customer_id != caller.customer_id):
        raise Problem(404, NO_TICKET)
    return handle


async def show_ticket(desk: Desk, ref: str) -> TicketView:
    """The ticket as its customer sees it. Raises Problem 404."""
    async with desk.pool.acquire() as conn:
        ticket = await tickets.view_ticket(conn, ref, channel=CHANNEL, inbox=FORM_INBOX)
    if ticket is None:
        raise Problem(404, NO_TICKET_OR_LINK)
    return TicketView(
        ticket_ref=ticket["ref"],
        status=ticket["status"],
        subject=ticket["subject"],
        category=ticket["category"],
        priority=ticket["priority"],
        team=ticket["team"],
        sla=Sla.between(ticket["created_at"], ticket["first_reply_due"]),
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
        feedback=None if ticket["feedback"] is None else describe_feedback(ticket["feedback"]),
    )


def describe_feedback(said: Mapping[str, Any]) -> FeedbackView:
    """A row of feedback as it is shown."""
    return FeedbackView(
        rating=said["rating"], resolved=said["is_resolved"], comment=said["comment"], created_at=said["created_at"]
    )
