"""The decision of the agent on a ticket, for whoever waits for it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.access import Caller, allow
from api.desk import DeskDep
from api.schemas_actions import Resolution, ResolutionWaits, Resolve, TicketRef

router = APIRouter(prefix="/tickets", tags=["tickets"])


@router.post("/{ref}/resolve", responses={202: {"model": ResolutionWaits, "description": "Ask again."}})
async def resolve(
    ref: TicketRef,
    caller: Annotated[Caller, Depends(allow("tickets:write", own=True))],
    desk: DeskDep,
    response: Response,
    body: Resolve | None = None,
) -> Resolution | ResolutionWaits:
    """Wait until the agent has settled what waits on the ticket, and answer with its decision. Repeat as you like."""
    raise NotImplementedError
