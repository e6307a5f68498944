"""A customer's data as the law speaks of it: shown, handed out, and erased."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.access import ADMIN, Caller, allow
from api.audit import Audit, AuditDep
from api.desk import Desk, DeskDep
from api.problems import Problem
from api.schemas.base import Identifier, Request
from api.schemas.staff import ConversationMatch
from database.erasure import NotConfirmed, StillWriting, UnknownCustomer, erase_customer
from database.queries.exports import export_customer, view_customer
from database.types import CustomerId, IdentifierKind, IdentityLevel

router = APIRouter(tags=["privacy"])

_UNKNOWN = "There is no such customer."
_EXPORT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Everything that is kept of the customer.", "content": {"application/json": {}}}
}


class KnownIdentifier(BaseModel):
    """An address or number, and how far it is proven to be theirs."""

    kind: IdentifierKind
    value: str
    level: IdentityLevel
    created_at: datetime


class OptOut(BaseModel):
    """An inbox that the customer has said STOP to."""

    channel: str
    inbox: str
    since: datetime


class KnownAccount(BaseModel):
    """With which they sign in."""

    email: str
    name: str
    created_at: datetime


class CustomerView(BaseModel):
    """A customer, by what they are known, and their latest conversations, the newest first."""

    id: UUID
    name: str
    plan: str
    created_at: datetime
    identifiers: list[KnownIdentifier]
    accounts: list[KnownAccount]
    conversations: list[ConversationMatch]
    opt_outs: list[OptOut]


class ErasureOrder(Request):
    """`confirm` is an identifier of the customer's, so that nobody is erased by a slip of the finger."""

    confirm: Identifier


class ErasureCertificate(BaseModel):
    """What was erased. `subjects` are keyed hashes of the identifiers, `counts` deleted rows by table."""

    customer_id: UUID
    subjects: list[str]
    erased_by: str
    counts: dict[str, int]
    begun_at: datetime
    finished_at: datetime | None


@router.get("/customers/{customer_id}", dependencies=[Depends(allow("customers:read"))])
async def read_customer(customer_id: UUID, desk: DeskDep, audit: AuditDep) -> CustomerView:
    """Who a customer is."""
    found = await view_customer(desk.pool, CustomerId(customer_id))
    if found is None:
        raise Problem(404, _UNKNOWN)
    async with desk.pool.acquire() as conn:
        await audit.record_read(conn, "customer.read", "customer", customer_id)
    return CustomerView(**found)


@router.get(
    "/customers/{customer_id}/export",
    dependencies=[ADMIN],
    response_class=StreamingResponse,
    responses=_EXPORT,
)
async def export(customer_id: UUID, desk: DeskDep, audit: AuditDep) -> StreamingResponse:
    """Everything that is kept of a customer, as one JSON document."""
    return await _export(desk, CustomerId(customer_id), audit)


@router.get("/me/export", response_class=StreamingResponse, responses=_EXPORT)
async def export_own(desk: DeskDep, caller: Annotated[Caller, Depends(allow("admin", own=True))]) -> StreamingResponse:
    """The same for the customer who has signed in, of themselves."""
    if caller.customer_id is None:
        raise Problem(404, "You are not a customer.")
    return await _export(desk, caller.customer_id)


@router.post("/customers/{customer_id}/erasure", dependencies=[ADMIN])
async def erase(customer_id: UUID, order: ErasureOrder, desk: DeskDep, audit: AuditDep) -> ErasureCertificate:
    """Erase a customer for good. Asking again finishes what was interrupted, and answers with the same certificate."""
    try:
        async with desk.pool.acquire() as conn:
            certificate = await erase_customer(
                conn,
                desk.secret_key,
                CustomerId(customer_id),
                confirm=order.confirm,
                actor=audit.actor,
                origin=audit.origin,
            )
    except UnknownCustomer:
        raise Problem(404, _UNKNOWN) from None
    except NotConfirmed:
        raise Problem(409, "What you gave to confirm is no identifier of this customer's.") from None
    except StillWriting as error:
        raise Problem(503, str(error), headers={"Retry-After": "60"}) from None
    return ErasureCertificate(**asdict(certificate))


async def _export(desk: Desk, customer_id: CustomerId, audit: Audit | None = None) -> StreamingResponse:
    found = await view_customer(desk.pool, customer_id)
    if found is None:
        raise Problem(404, _UNKNOWN)
    if audit is not None:
        async with desk.pool.acquire() as conn:
            await audit.record(conn, "customer.exported", "customer", customer_id)
    headers = {"Content-Disposition": f'attachment; filename="customer-{customer_id}.json"'}
    return StreamingResponse(export_customer(desk.pool, found), media_type="application/json", headers=headers)
