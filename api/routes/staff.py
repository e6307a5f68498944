"""What staff and machines may read, with an API key."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import EmailStr

from api.access import allow
from api.audit import AuditDep
from api.desk import DeskDep
from api.problems import Problem
from api.schemas.staff import ConversationView, CustomerLookup, CustomerMatch
from database.queries.conversations import view_conversation
from database.queries.customers import look_up_customers
from database.types import ConversationId

router = APIRouter(tags=["staff"])


@router.get("/conversations/{conversation_id}", dependencies=[Depends(allow("tickets:read"))])
async def read_conversation(conversation_id: UUID, desk: DeskDep, audit: AuditDep) -> ConversationView:
    """Messages, deliveries, and every run of the agent with its decision and tool calls."""
    async with desk.pool.acquire() as conn:
        view = await view_conversation(conn, ConversationId(conversation_id))
        if view is None:
            raise Problem(404, "There is no such conversation.")
        await audit.record_read(conn, "conversation.read", "conversation", conversation_id)
    return ConversationView(**view)


@router.get("/customers/lookup", dependencies=[Depends(allow("customers:read"))])
async def look_up(email: Annotated[EmailStr, Query(max_length=254)], desk: DeskDep, audit: AuditDep) -> CustomerLookup:
    """Customers who hold this address, with the level at which they hold it."""
    async with desk.pool.acquire() as conn:
        found = await look_up_customers(conn, "email", email.lower())
        for customer in found:
            await audit.record_read(conn, "customer.looked_up", "customer", customer["id"])
    return CustomerLookup(customers=[CustomerMatch(**row) for row in found])
