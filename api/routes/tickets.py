"""Tickets for staff, machines and customers who signed in: open, find, list, read."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.access import Caller, allow
from api.audit import AuditDep
from api.cursors import read_cursor, write_cursor
from api.desk import Desk, DeskDep
from api.problems import Problem, refuse_field
from api.routes.support import IdempotencyKey
from api.schemas.actions import NewTicket, TicketOpened, TicketRef
from api.schemas.support import TicketView
from api.schemas.tickets import LastMessage, Member, TicketCounts, TicketDetail, TicketPage, TicketQuery, TicketRow
from api.submissions import Opening, open_ticket
from api.ticket_detail import describe_detail
from api.tickets import find_ticket, show_ticket
from channels.web.parse import CHANNEL, FORM_INBOX
from database.queries import conversations, ticket_lists, ticket_steps
from database.queries.audit import name_object
from database.queries.customers import find_proven_email
from database.queries.ticket_lists import Place, Wanted
from database.types import CustomerId, UserId

router = APIRouter(prefix="/tickets", tags=["tickets"])

Reader = Annotated[Caller, Depends(allow("tickets:read", own=True))]
Writer = Annotated[Caller, Depends(allow("tickets:write", own=True))]

_INTERNAL = {"route", "assignee", "customer_id", "has_delivery_problem"}


@router.post("", status_code=202)
async def open_for_customer(
    body: NewTicket, caller: Writer, desk: DeskDep, audit: AuditDep, idempotency_key: IdempotencyKey = None
) -> TicketOpened:
    """Open a ticket. Answered only when it is committed; the reply follows on the ticket."""
    opening = await _prepare(desk, body, caller, idempotency_key)
    accepted = await open_ticket(desk, opening, audit)
    async with desk.pool.acquire() as conn:
        handle = await find_ticket(conn, caller, accepted.ticket_ref)
    return TicketOpened(**accepted.model_dump(), status=handle.status)


async def _prepare(desk: Desk, body: NewTicket, caller: Caller, key: str | None) -> Opening:
    """Whoever signed in opens it for themselves; naming somebody else proves nothing of them."""
    if caller.customer_id is None:
        if body.customer is None:
            raise refuse_field("customer", "is needed: whose ticket it is")
        name, email = body.customer.name, body.customer.email.lower()
    else:
        if body.customer is not None:
            raise refuse_field("customer", "is you; leave it out")
        email, name = await _find_own_address(desk, caller.customer_id)
    return Opening(
        name=name,
        email=email,
        level="self_reported" if caller.customer_id is None else "proven",
        subject=body.subject,
        category=body.category,
        priority=body.priority,
        message=body.message,
        scope=f"{caller.id} {email}",
        key=key,
    )


async def _find_own_address(desk: Desk, customer_id: CustomerId) -> tuple[str, str]:
    async with desk.pool.acquire() as conn:
        found = await find_proven_email(conn, customer_id)
    if found is None:
        raise Problem(409, "None of your addresses is proven any more; use the support form.")
    return found


@router.get("")
async def list_tickets(
    query: Annotated[TicketQuery, Query()], caller: Reader, desk: DeskDep, audit: AuditDep
) -> TicketPage:
    """Tickets, a page at a time. A customer who signed in sees their own, as they are on their pages."""
    is_customer = caller.customer_id is not None
    if is_customer and query.model_fields_set & _INTERNAL:
        raise Problem(403, f"Only staff may ask for {', '.join(sorted(query.model_fields_set & _INTERNAL))}.")
    after = None if query.cursor is None else _read_place(desk, query)
    async with desk.pool.acquire() as conn:
        if query.customer_id is None:
            await audit.record_read(conn, "ticket.listed", "ticket", None)
        else:
            await audit.record_read(conn, "ticket.listed", "customer", query.customer_id)
        rows, end = await ticket_lists.list_tickets(
            conn, _read_query(query, caller), query.sort, after=after, max_rows=query.limit, only_visible=is_customer
        )
    return TicketPage(
        tickets=[_show_own_row(desk, row) if is_customer else _show_row(row) for row in rows],
        next_cursor=None if end is None else _write_place(desk, query, end),
    )


@router.get("/counts")
async def count_tickets(caller: Reader, desk: DeskDep) -> TicketCounts:
    """How many tickets there are of each status."""
    async with desk.pool.acquire() as conn:
        if caller.customer_id is not None:
            own = await ticket_lists.count_own_tickets(conn, caller.customer_id)
            return TicketCounts(**own, unassigned=0, mine=sum(own.values()) - own["closed"])
        return TicketCounts(**await ticket_lists.count_tickets(conn, UserId(caller.id)))


@router.get("/{ref}")
async def read_ticket(ref: TicketRef, caller: Reader, desk: DeskDep, audit: AuditDep) -> TicketDetail | TicketView:
    """The ticket: whole for staff, and as on its page for its customer and until a worker has read it."""
    async with desk.pool.acquire() as conn:
        handle = await find_ticket(conn, caller, ref)
        await audit.record_read(conn, "ticket.read", "ticket", name_object(handle.ref))
        if caller.customer_id is None and handle.conversation_id is not None:
            view = await conversations.view_conversation(conn, handle.conversation_id)
            work = await ticket_steps.read_state(conn, ref)
            if view is not None and work is not None:
                return describe_detail(view, work, await ticket_steps.list_notes(conn, work.id))
    return await show_ticket(desk, ref)


def _read_query(query: TicketQuery, caller: Caller) -> Wanted:
    everything = Wanted()
    return Wanted(
        statuses=tuple(dict.fromkeys(query.status)) or everything.statuses,
        words=query.q,
        channel=query.channel,
        customer_id=caller.customer_id or (None if query.customer_id is None else CustomerId(query.customer_id)),
        route=query.route,
        priority=query.priority,
        category=query.category,
        assignee_id=caller.id if query.assignee == "me" else _read_id(query.assignee),
        unassigned=query.assignee == "none",
        has_delivery_problem=query.has_delivery_problem,
        created_from=query.created_from or everything.created_from,
        created_to=query.created_to or everything.created_to,
    )


def _read_id(assignee: object) -> UUID | None:
    return assignee if isinstance(assignee, UUID) else None


def _read_place(desk: Desk, query: TicketQuery) -> Place:
    rank, at, ticket_id = read_cursor(desk.secret_key, f"tickets by {query.sort}", query.cursor or "")
    return Place(rank, datetime.fromisoformat(at), UUID(ticket_id))


def _write_place(desk: Desk, query: TicketQuery, end: Place) -> str:
    place = [end.rank, end.at.astimezone(UTC).isoformat(), str(end.id)]
    return write_cursor(desk.secret_key, f"tickets by {query.sort}", place)


def _show_row(row: dict[str, Any]) -> TicketRow:
    last = row["last_author"]
    assignee = row["assignee_id"]
    return TicketRow(
        **{name: row[name] for name in TicketRow.model_fields if name in row},
        assignee=None if assignee is None else Member(id=assignee, name=row["assignee_name"]),
        last_message=None
        if last is None
        else LastMessage(author=last, excerpt=row["last_excerpt"], created_at=row["last_at"]),
    )


def _show_own_row(desk: Desk, row: dict[str, Any]) -> TicketRow:
    """What a customer is not shown on the ticket's page, they are not shown here."""
    shown = _show_row(row)
    ref = shown.ticket_ref
    has_page = (shown.channel, shown.inbox) == (CHANNEL, FORM_INBOX)
    page = f"/ticket/{ref}?token={desk.make_ticket_token(ref)}" if has_page else None
    hidden = {"intent": None, "route": None, "assignee": None, "delivery_problem": None}
    return shown.model_copy(update={**hidden, "page": page})
