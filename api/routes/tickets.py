"""Tickets for staff, machines and customers who signed in: open, find, list, read."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.access import Caller, allow
from api.desk import DeskDep
from api.routes.support import IdempotencyKey
from api.schemas import Label, TicketView
from api.schemas_actions import NewTicket, TicketOpened, TicketRef
from api.schemas_tickets import TicketCounts, TicketDetail, TicketPage
from database.types import Channel, Priority, TicketCategory, TicketStatus

router = APIRouter(prefix="/tickets", tags=["tickets"])

Reader = Annotated[Caller, Depends(allow("tickets:read", own=True))]
Writer = Annotated[Caller, Depends(allow("tickets:write", own=True))]
Sort = Literal["activity", "waiting", "created", "priority"]


@router.post("", status_code=202)
async def open_ticket(
    body: NewTicket, caller: Writer, desk: DeskDep, idempotency_key: IdempotencyKey = None
) -> TicketOpened:
    """Open a ticket. Answered only when it is committed; the reply follows on the ticket."""
    raise NotImplementedError


@router.get("")
async def list_tickets(
    caller: Reader,
    desk: DeskDep,
    q: Annotated[str | None, Query(min_length=1, max_length=200, description="Words, as in a web search.")] = None,
    status: Annotated[list[TicketStatus] | None, Query(max_length=4)] = None,
    channel: Channel | None = None,
    route: Label | None = None,
    priority: Priority | None = None,
    category: TicketCategory | None = None,
    assignee: Annotated[Literal["me", "none"] | UUID | None, Query()] = None,
    customer_id: UUID | None = None,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    has_delivery_problem: bool | None = None,
    sort: Sort = "activity",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> TicketPage:
    """Tickets, a page at a time."""
    raise NotImplementedError


@router.get("/counts")
async def count_tickets(caller: Reader, desk: DeskDep) -> TicketCounts:
    """How many tickets there are of each status."""
    raise NotImplementedError


@router.get("/{ref}")
async def read_ticket(ref: TicketRef, caller: Reader, desk: DeskDep) -> TicketDetail | TicketView:
    """The ticket: whole for staff, and as on its page for its customer."""
    raise NotImplementedError
