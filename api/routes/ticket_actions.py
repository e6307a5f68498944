"""What staff do to tickets. Each is one transaction, after which everybody who follows the ticket looks again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller, allow
from api.audit import Audit, AuditDep
from api.desk import DeskDep
from api.handover import tell_handover
from api.problems import Problem, refuse_field
from api.routes.support import IdempotencyKey
from api.schemas.actions import (
    Assignment,
    Correction,
    Escalation,
    NewNote,
    PersonReply,
    ReplyQueued,
    TicketRef,
    TicketState,
)
from api.schemas.tickets import NoteView
from api.submissions import announce_ticket
from api.ticket_detail import describe_assignee
from api.tickets import build_not_read, find_ticket
from database.notify import OUTBOX_CHANNEL
from database.pool import Conn
from database.queries import conversations, feedback, ticket_steps
from database.queries.audit import name_object, name_word, tell_apart
from database.queries.ticket_steps import TicketWork
from database.types import Facts
from database.types.lifecycle import ForbiddenStep, Step

router = APIRouter(prefix="/tickets", tags=["tickets"])

Staff = Annotated[Caller, Depends(allow("tickets:write"))]


@dataclass(slots=True)
class Work:
    """A ticket that is being worked on, and the transaction in which that happens."""

    conn: Conn
    ticket: TicketWork

    async def look_again(self) -> TicketState:
        """How the ticket stands now."""
        self.ticket = await ticket_steps.read_state(self.conn, self.ticket.ref) or self.ticket
        return describe_state(self.ticket)


@asynccontextmanager
async def work_on(audit: Audit, caller: Caller, ref: str, action: str, step: Step | None = None) -> AsyncIterator[Work]:
    """Lock the ticket, commit and record what is done to it, and wake those who follow it. Raises Problem."""
    async with audit.desk.pool.acquire() as conn, conn.transaction():
        handle = await find_ticket(conn, caller, ref)
        try:
            ticket = await ticket_steps.take(conn, ref, step)
        except ForbiddenStep as error:
            raise Problem(409, f"This is not possible now: {error}.") from None
        if ticket is None:
            raise build_not_read()
        work = Work(conn, ticket)
        yield work
        if work.ticket is ticket:
            await work.look_again()
        if work.ticket.updated_at != ticket.updated_at:  # else it was said before, under the same key
            before, after = tell_apart(_describe_facts(ticket), _describe_facts(work.ticket))
            await audit.record(conn, action, "ticket", name_object(ticket.ref), before=before, after=after)
    announce_ticket(audit.desk, handle.contact)


def _describe_facts(ticket: TicketWork) -> Facts:
    return {
        "status": ticket.status,
        "owner": ticket.owner,
        "category": ticket.category,
        "priority": ticket.priority,
        "intent": name_word(ticket.intent),
        "route": ticket.route,
        "assignee": ticket.assignee_id,
    }


def describe_state(ticket: TicketWork) -> TicketState:
    """How a ticket stands, and what may be done to it next."""
    return TicketState(
        ticket_ref=ticket.ref,
        status=ticket.status,
        owner=ticket.owner,
        category=ticket.category,
        priority=ticket.priority,
        intent=ticket.intent,
        route=ticket.route,
        team=ticket.team,
        assignee=describe_assignee(ticket),
        allowed=ticket.allowed,
        updated_at=ticket.updated_at,
    )


@router.post("/{ref}/replies", status_code=202)
async def reply(
    body: PersonReply,
    ref: TicketRef,
    caller: Staff,
    audit: AuditDep,
    idempotency_key: IdempotencyKey = None,
) -> ReplyQueued:
    """Answer as a person. From now on the conversation is a person's, and the agent says nothing more.

    A ticket that nobody had is theirs from now on.
    """
    async with work_on(audit, caller, ref, "ticket.answered", "reply") as work:
        conversation = await conversations.load_state(work.conn, work.ticket.conversation_id)
        if not conversation.is_reachable:
            raise Problem(409, "Nobody can be reached here: the messages of this ticket name no sender.")
        parts = audit.desk.channels[conversation.channel].writer.split(body.text)
        try:
            message_id = await ticket_steps.answer(
                work.conn,
                work.ticket,
                conversation,
                parts,
                author_id=caller.id,
                written_by=caller.name,
                key=idempotency_key,
            )
        except ticket_steps.KeyUsed:
            raise Problem(409, "This Idempotency-Key was used for another reply; use a new one.") from None
        state = await work.look_again()
    audit.desk.notifier.notify(OUTBOX_CHANNEL)
    return ReplyQueued(message_id=message_id, ticket=state)


@router.post("/{ref}/notes", status_code=201)
async def add_note(body: NewNote, ref: TicketRef, caller: Staff, audit: AuditDep) -> NoteView:
    """Note something for other staff. No customer and no model is ever shown it."""
    async with work_on(audit, caller, ref, "ticket.noted") as work:
        note = await ticket_steps.add_note(
            work.conn, work.ticket, body.text, author_id=caller.id, written_by=caller.name
        )
    return NoteView(**note)


@router.post("/{ref}/assign")
async def assign(body: Assignment, ref: TicketRef, caller: Staff, audit: AuditDep) -> TicketState:
    """Give the ticket to one of the staff, or to nobody."""
    async with work_on(audit, caller, ref, "ticket.assigned") as work:
        try:
            await ticket_steps.assign(work.conn, work.ticket, body.user_id)
        except ticket_steps.NoSuchColleague as error:
            raise refuse_field("user_id", str(error)) from None
        return await work.look_again()


@router.post("/{ref}/escalate")
async def escalate(body: Escalation, ref: TicketRef, caller: Staff, desk: DeskDep, audit: AuditDep) -> TicketState:
    """Take the ticket from the agent, or from another team, to the team of a route, where nobody has it yet.

    A customer whom the agent was answering is told that a person takes over.
    """
    async with work_on(audit, caller, ref, "ticket.escalated", "escalate") as work:
        try:
            await ticket_steps.escalate(work.conn, work.ticket, route=body.route, reason=body.reason)
        except feedback.UnknownRoute as error:
            raise refuse_field("route", str(error)) from None
        await tell_handover(work.conn, desk, work.ticket)
        state = await work.look_again()
    desk.notifier.notify(OUTBOX_CHANNEL)
    return state


@router.post("/{ref}/release")
async def release(ref: TicketRef, caller: Staff, audit: AuditDep) -> TicketState:
    """Give the conversation back to the agent, which answers what the customer writes next."""
    async with work_on(audit, caller, ref, "ticket.released", "release") as work:
        try:
            await ticket_steps.release(work.conn, work.ticket)
        except ticket_steps.NotRead:
            raise build_unread() from None
        except ticket_steps.NotAnswered:
            raise Problem(409, "The customer waits for a person's answer: answer first, then give it back.") from None
        return await work.look_again()


@router.post("/{ref}/close")
async def close(ref: TicketRef, caller: Staff, audit: AuditDep) -> TicketState:
    """The matter is settled. What the customer writes next opens the ticket again."""
    async with work_on(audit, caller, ref, "ticket.closed", "close") as work:
        try:
            await ticket_steps.close(work.conn, work.ticket)
        except ticket_steps.NotRead:
            raise build_unread() from None
        return await work.look_again()


@router.post("/{ref}/reopen")
async def reopen(ref: TicketRef, caller: Staff, audit: AuditDep) -> TicketState:
    """The matter is not settled after all: the ticket is a person's."""
    async with work_on(audit, caller, ref, "ticket.reopened", "reopen") as work:
        await ticket_steps.reopen(work.conn, work.ticket)
        return await work.look_again()


@router.patch("/{ref}")
async def correct(body: Correction, ref: TicketRef, caller: Staff, audit: AuditDep) -> TicketState:
    """Say what the ticket is about, how urgent it is or whose. The agent learns from it."""
    async with work_on(audit, caller, ref, "ticket.corrected") as work:
        try:
            await feedback.correct_ticket(work.conn, ref, **body.model_dump())
        except feedback.UnknownRoute as error:
            raise refuse_field("route", str(error)) from None
        return await work.look_again()


def build_unread() -> Problem:
    """The customer's newest words are on their way to the ticket."""
    detail = "The customer has just written, and the desk is reading it; look at the ticket again."
    return Problem(409, detail, headers={"Retry-After": "2"})
