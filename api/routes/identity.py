"""Proof of an address: a one-time code goes there, and whoever gives it back holds the address."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, EmailStr, Field, StringConstraints

from api.access import OpenTicket, allow
from api.audit import Audit, AuditDep
from api.desk import Desk, DeskDep
from api.problems import Problem
from api.schemas.base import Request as RequestBody
from database.notify import OUTBOX_CHANNEL
from database.proof import Post, send_code
from database.queries import identities
from database.types import ConversationId

router = APIRouter(tags=["identity"])


class Claim(RequestBody):
    """The address that a customer says is theirs."""

    email: Annotated[EmailStr, Field(max_length=254)]


class CodeSent(BaseModel):
    """A code is on its way. This is the answer whether or not the address is known here."""

    expires_in_seconds: int = int(identities.VALID_SECONDS)
    attempts: int = identities.MAX_ATTEMPTS


class Code(RequestBody):
    """Six digits."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{6}$")]


class Proof(BaseModel):
    """An address that is proven now."""

    kind: str
    value: str


@router.post("/support/ticket/{ref}/identity", status_code=202)
async def claim_address(claim: Claim, ref: OpenTicket, desk: DeskDep) -> CodeSent:
    """Send a code to the address that the holder of this ticket claims."""
    return await _send(desk, await _find_conversation(desk, ref), claim)


@router.post("/support/ticket/{ref}/identity/confirm")
async def confirm_address(code: Code, ref: OpenTicket, desk: DeskDep) -> Proof:
    """Give the code back. After three wrong ones, or ten minutes, a new one is needed."""
    conversation_id = await _find_conversation(desk, ref)
    async with desk.pool.acquire() as conn, conn.transaction():
        proven = await identities.confirm_code(conn, desk.secret_key, conversation_id, code.code)
    if proven is None:  # after the commit: the try counts
        raise Problem(422, "This code is not right, or it is too old. Look again, or ask for a new one.")
    return Proof(kind=proven.kind, value=proven.value)


@router.post(
    "/conversations/{conversation_id}/identity",
    status_code=202,
    dependencies=[Depends(allow("tickets:write"))],
)
async def claim_for_customer(conversation_id: UUID, claim: Claim, desk: DeskDep, audit: AuditDep) -> CodeSent:
    """The same for a customer on any channel, who then simply writes the six digits there."""
    return await _send(desk, ConversationId(conversation_id), claim, audit)


async def _find_conversation(desk: Desk, ref: str) -> ConversationId:
    async with desk.pool.acquire() as conn:
        found = await identities.find_conversation_of_ticket(conn, ref)
    if found is None:
        raise Problem(
            409, "The desk has not read this ticket yet; try again in a moment.", headers={"Retry-After": "2"}
        )
    return found


async def _send(desk: Desk, conversation_id: ConversationId, claim: Claim, audit: Audit | None = None) -> CodeSent:
    post = _find_post(desk)
    async with desk.pool.acquire() as conn, conn.transaction():
        try:
            await send_code(conn, desk.secret_key, post, conversation_id, claim.email.lower())
        except LookupError:
            raise Problem(404, "There is no such conversation.") from None
        except identities.TooManyCodes:
            detail = "Too many codes were asked for; try again in an hour."
            raise Problem(429, detail, headers={"Retry-After": "3600"}) from None
        if audit is not None:
            await audit.record(conn, "code.sent", "conversation", conversation_id)
    desk.notifier.notify(OUTBOX_CHANNEL)
    return CodeSent()


def _find_post(desk: Desk) -> Post:
    settings = desk.settings
    if settings.gmail.address is not None:
        return Post("gmail", settings.gmail.address, settings.company.name)
    if settings.mailbox.address is not None:
        return Post("mailbox", settings.mailbox.address, settings.company.name)
    raise Problem(503, "No mail channel is configured, so no code can be sent.")
