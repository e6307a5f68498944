"""The decision of the agent on a ticket, for whoever waits for it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from api.access import Caller, allow
from api.audit import AuditDep
from api.desk import Desk, WaitedEnough
from api.problems import Problem
from api.routes.support import follow_changes
from api.schemas.actions import Resolution, ResolutionCitation, ResolutionWaits, Resolve, TicketRef
from api.tickets import find_ticket
from core.background import wait_briefly
from database.queries.audit import name_object
from database.queries.runs import find_outcome
from database.queries.tickets import TicketHandle

router = APIRouter(prefix="/tickets", tags=["tickets"])

# Notifications only wake whoever waits; they look by themselves this often, so that a lost one costs little.
_RECHECK_SECONDS = 1.0


@router.post("/{ref}/resolve", responses={202: {"model": ResolutionWaits, "description": "Ask again."}})
async def resolve(
    ref: TicketRef,
    caller: Annotated[Caller, Depends(allow("tickets:write", own=True))],
    audit: AuditDep,
    response: Response,
    body: Resolve | None = None,
) -> Resolution | ResolutionWaits:
    """Wait until the agent has settled what waits on the ticket, and answer with its decision. Repeat as you like."""
    desk = audit.desk
    async with desk.pool.acquire() as conn:
        handle = await find_ticket(conn, caller, ref)
    if handle.status == "closed":
        raise Problem(409, "This ticket is closed; what its customer writes next opens it again.")
    try:
        async with desk.limit_wait((body or Resolve()).timeout_seconds):
            handle = await _wait_until_settled(desk, caller, handle)
    except WaitedEnough:
        response.status_code = 202
        response.headers["Retry-After"] = "2"
        return ResolutionWaits(ticket_ref=ref, status=handle.status)
    async with desk.pool.acquire() as conn:
        outcome = await find_outcome(conn, handle.thread_id)
        await audit.record_read(conn, "ticket.resolution_read", "ticket", name_object(ref))
    return _describe(handle, outcome, is_customer=caller.customer_id is not None)


async def _wait_until_settled(desk: Desk, caller: Caller, asked: TicketHandle) -> TicketHandle:
    """What waits now, and not what is written meanwhile: nobody who keeps writing keeps the caller waiting."""
    with follow_changes(desk, asked.contact) as changed:
        while True:
            changed.clear()
            async with desk.pool.acquire() as conn:
                handle = await find_ticket(conn, caller, asked.ref)
            if handle.done_seq >= asked.last_seq:
                return handle
            await wait_briefly(changed, _RECHECK_SECONDS)


def _describe(handle: TicketHandle, outcome: dict[str, Any] | None, *, is_customer: bool) -> Resolution:
    """A customer is told what was decided and said, and not how that was weighed."""
    found = outcome or {"outcome": None, "team": None, "text": None, "citations": [], "decision": {}}
    weighed = {} if is_customer else found["decision"]
    return Resolution(
        ticket_ref=handle.ref,
        status=handle.status,
        outcome=found["outcome"],
        action=found["decision"].get("action"),
        rule=weighed.get("rule"),
        reason=weighed.get("reason"),
        confidence=weighed.get("confidence"),
        required_confidence=weighed.get("required_confidence"),
        team=found["team"],
        reply=found["text"],
        citations=[
            ResolutionCitation(number=c["number"], title=c["title"], excerpt=c["excerpt"]) for c in found["citations"]
        ],
    )
