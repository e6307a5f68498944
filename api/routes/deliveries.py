"""Replies that did not reach their customer, and what a person knows about them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from api.access import allow
from api.audit import AuditDep
from api.desk import DeskDep
from api.problems import Problem
from api.schemas.base import Request as RequestBody
from database import outbox
from database.notify import OUTBOX_CHANNEL, TICKET_CHANNEL
from database.queries.notices import list_notices, settle_notices
from database.types import MessageId

router = APIRouter(tags=["deliveries"])

MaxRows = Annotated[int, Query(ge=1, le=500)]


class Verdict(RequestBody):
    """What a person knows of a reply: that it was sent, or that it was not and shall be."""

    outcome: Literal["sent", "not_sent"]


class Undelivered(BaseModel):
    """Replies that failed, are in doubt, or wait until their customer writes again."""

    deliveries: list[dict[str, Any]]


class Notices(BaseModel):
    """What teams must know and nothing else tells them."""

    notices: list[dict[str, Any]]


@router.get("/deliveries", dependencies=[Depends(allow("tickets:read"))])
async def list_undelivered(
    desk: DeskDep,
    audit: AuditDep,
    state: Annotated[Literal["failed", "unknown", "needs_template"] | None, Query()] = None,
    limit: MaxRows = 100,
) -> Undelivered:
    """Oldest first. `is_being_asked` says that the vendor is still being asked about one in doubt."""
    async with desk.pool.acquire() as conn:
        await audit.record_read(conn, "delivery.listed", "delivery", None)
        return Undelivered(deliveries=await outbox.list_undelivered(conn, state, max_rows=limit))


@router.post("/deliveries/{reply_id}/verdict", dependencies=[Depends(allow("tickets:write"))])
async def settle_delivery(reply_id: UUID, verdict: Verdict, desk: DeskDep, audit: AuditDep) -> Undelivered:
    """A person has looked. `sent` closes the matter; `not_sent` sends the reply once more. Answers what is left."""
    message_id = MessageId(reply_id)
    settle = outbox.confirm_sent if verdict.outcome == "sent" else outbox.send_again
    async with desk.pool.acquire() as conn, conn.transaction():
        if await settle(conn, message_id) is None:
            raise Problem(409, "This reply does not wait for a verdict now; look again how it stands.")
        await settle_notices(conn, message_id)
        left = await outbox.list_undelivered(conn, None, max_rows=100)
        await audit.record(conn, "delivery.settled", "delivery", reply_id, after={"outcome": verdict.outcome})
    desk.notifier.notify(OUTBOX_CHANNEL)
    desk.notifier.notify(TICKET_CHANNEL)
    return Undelivered(deliveries=left)


@router.get("/notices", dependencies=[Depends(allow("tickets:read"))])
async def read_notices(
    desk: DeskDep, audit: AuditDep, team: Annotated[str | None, Query(max_length=100)] = None, limit: MaxRows = 100
) -> Notices:
    """Open notices, oldest first; with a team, only that team's."""
    async with desk.pool.acquire() as conn:
        await audit.record_read(conn, "notice.listed", "notice", None)
        return Notices(notices=await list_notices(conn, team, max_rows=limit))
