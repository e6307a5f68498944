"""What customers say of answers: on their page, signed in, or through staff and machines."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller, OpenTicket, allow
from api.audit import Audit, AuditDep
from api.desk import Desk, DeskDep
from api.handover import tell_handover
from api.problems import Problem
from api.schemas.actions import FeedbackAccepted, NewFeedback, TicketRef
from api.submissions import announce_ticket
from api.tickets import build_not_read, find_ticket
from database.notify import OUTBOX_CHANNEL
from database.queries import ticket_steps
from database.queries.audit import name_object
from database.queries.feedback import rate_ticket
from database.types import Facts

router = APIRouter(tags=["feedback"])


@router.post("/feedback/{ref}")
async def give_feedback(
    body: NewFeedback,
    ref: TicketRef,
    caller: Annotated[Caller, Depends(allow("tickets:write", own=True))],
    desk: DeskDep,
    audit: AuditDep,
) -> FeedbackAccepted:
    """Rate a ticket: for oneself, or for a customer who said so to staff. The latest feedback counts."""
    async with desk.pool.acquire() as conn:
        await find_ticket(conn, caller, ref)
    return await _rate(desk, ref, body, audit)


@router.post("/support/ticket/{ref}/feedback")
async def give_feedback_on_page(body: NewFeedback, ref: OpenTicket, desk: DeskDep) -> FeedbackAccepted:
    """The same from the ticket's page."""
    return await _rate(desk, ref, body)


async def _rate(desk: Desk, ref: str, said: NewFeedback, audit: Audit | None = None) -> FeedbackAccepted:
    """What is not settled goes to a person, and the customer is told so."""
    async with desk.pool.acquire() as conn, conn.transaction():
        before = await ticket_steps.take(conn, ref)
        if before is None:
            raise build_not_read()
        if not await ticket_steps.has_answer(conn, before):
            raise Problem(409, "Nobody has answered this ticket yet, so that there is nothing to rate.")
        await rate_ticket(conn, ref, rating=said.rating, is_resolved=said.resolved, comment=said.comment)
        if not said.resolved:
            await tell_handover(conn, desk, before)
        after = await ticket_steps.read_state(conn, ref) or before
        if audit is not None:
            facts: Facts = {"status": after.status, "rating": said.rating, "resolved": said.resolved}
            await audit.record(
                conn, "ticket.rated", "ticket", name_object(ref), before={"status": before.status}, after=facts
            )
    desk.notifier.notify(OUTBOX_CHANNEL)
    announce_ticket(desk, after.contact)
    return FeedbackAccepted(
        ticket_ref=ref, status=after.status, rating=said.rating, resolved=said.resolved, team=after.team
    )
