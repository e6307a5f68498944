"""What staff do to tickets."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller, allow
from api.desk import DeskDep
from api.routes.support import IdempotencyKey
from api.schemas_actions import (
    Assignment,
    Correction,
    Escalation,
    NewNote,
    PersonReply,
    ReplyQueued,
    TicketRef,
    TicketState,
)
from api.schemas_tickets import NoteView

router = APIRouter(prefix="/tickets", tags=["tickets"])

Staff = Annotated[Caller, Depends(allow("tickets:write"))]


@router.post("/{ref}/replies", status_code=202)
async def reply(
    body: PersonReply, ref: TicketRef, caller: Staff, desk: DeskDep, idempotency_key: IdempotencyKey = None
) -> ReplyQueued:
    """Answer as a person. From now on the conversation is a person's, and the agent says nothing more."""
    raise NotImplementedError


@router.post("/{ref}/notes", status_code=201)
async def add_note(body: NewNote, ref: TicketRef, caller: Staff, desk: DeskDep) -> NoteView:
    """Note something for other staff. No customer and no model is ever shown it."""
    raise NotImplementedError


@router.post("/{ref}/assign")
async def assign(body: Assignment, ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """Give the ticket to one of the staff, or to nobody."""
    raise NotImplementedError


@router.post("/{ref}/escalate")
async def escalate(body: Escalation, ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """Take the ticket from the agent, or from another team, to the team of a route."""
    raise NotImplementedError


@router.post("/{ref}/release")
async def release(ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """Give the conversation back to the agent, which answers what the customer writes next."""
    raise NotImplementedError


@router.post("/{ref}/close")
async def close(ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """The matter is settled. What the customer writes next opens the ticket again."""
    raise NotImplementedError


@router.post("/{ref}/reopen")
async def reopen(ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """The matter is not settled after all: the ticket is a person's."""
    raise NotImplementedError


@router.patch("/{ref}")
async def correct(body: Correction, ref: TicketRef, caller: Staff, desk: DeskDep) -> TicketState:
    """Say what the ticket is about, how urgent it is or whose. The agent learns from it."""
    raise NotImplementedError
