"""What customers say of answers: on their page, signed in, or through staff and machines."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller, OpenTicket, allow
from api.desk import DeskDep
from api.schemas_actions import FeedbackAccepted, NewFeedback, TicketRef

router = APIRouter(tags=["feedback"])


@router.post("/feedback/{ref}")
async def give_feedback(
    body: NewFeedback,
    ref: TicketRef,
    caller: Annotated[Caller, Depends(allow("tickets:write", own=True))],
    desk: DeskDep,
) -> FeedbackAccepted:
    """Rate a ticket: for oneself, or for a customer who said so to staff. The latest feedback counts."""
    raise NotImplementedError


@router.post("/support/ticket/{ref}/feedback")
async def give_feedback_on_page(body: NewFeedback, ref: OpenTicket, desk: DeskDep) -> FeedbackAccepted:
    """The same from the ticket's page."""
    raise NotImplementedError
