"""API keys of machines, for admins."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.access import ADMIN
from api.audit import AuditDep
from api.desk import DeskDep
from api.problems import Problem
from api.schemas.base import Name
from api.schemas.base import Request as RequestBody
from database.queries import api_keys
from database.types import SCOPES, Facts, Scope, Tier

router = APIRouter(prefix="/keys", tags=["keys"], dependencies=[ADMIN])


class KeyView(BaseModel):
    """What may be shown of a key: its first characters, what it may do, and when it was last used, to the minute."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    tier: Tier
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyPage(BaseModel):
    """Keys, the newest first; `next` gets the page after, and is null on the last."""

    keys: list[KeyView]
    next: UUID | None


class NewKey(RequestBody):
    """A key to make: for whom, what it may do, how much of it, and for how many days; without days, for good."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    tier: Tier = "standard"
    days: Annotated[int | None, Field(ge=1, le=3_650)] = None


class KeyMade(KeyView):
    """The only time that the key itself is shown."""

    key: str


@router.get("")
async def list_keys(
    desk: DeskDep,
    before: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> KeyPage:
    """All keys, also those that are revoked, the newest first."""
    async with desk.pool.acquire() as conn:
        found = await api_keys.list_api_keys(conn, before=before, max_rows=limit)
    return KeyPage(keys=[KeyView(**row) for row in found], next=found[-1]["id"] if len(found) == limit else None)


@router.post("", status_code=201)
async def make_key(body: NewKey, desk: DeskDep, audit: AuditDep) -> KeyMade:
    """Make a key and show it once; only its hash is stored."""
    key = api_keys.make_key()
    async with desk.pool.acquire() as conn, conn.transaction():
        key_id = await api_keys.add_api_key(conn, body.name, key, body.scopes, tier=body.tier, days=body.days)
        made = await api_keys.find_api_key(conn, key_id)
        facts: Facts = {"scopes": body.scopes, "tier": body.tier, "days": body.days}
        await audit.record(conn, "key.made", "key", key_id, after=facts)
    return KeyMade(**(made or {}), key=key)


@router.delete("/{key_id}", status_code=204)
async def revoke_key(key_id: UUID, desk: DeskDep, audit: AuditDep) -> None:
    """Close a key at once and for good. Closing it again changes nothing."""
    async with desk.pool.acquire() as conn, conn.transaction():
        if not await api_keys.revoke_api_key(conn, key_id):
            raise Problem(404, "There is no such key.")
        await audit.record(conn, "key.revoked", "key", key_id)
