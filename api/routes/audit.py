"""Who did what, for administrators."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field, model_validator

from api.access import ADMIN
from api.desk import DeskDep
from database.queries.audit import Filters, list_entries, verify
from database.types import ActorKind

router = APIRouter(prefix="/audit", tags=["audit"], dependencies=[ADMIN])

# What a check in one request reads; `nightdesk audit verify` reads everything.
MAX_CHECKED = 20_000
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

Name = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Moment = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]


class Asked(BaseModel):
    """Which entries are wanted. An object needs both its kind and its id; `since` is included, `until` is not."""

    actor_id: UUID | None = None
    action: Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")] | None = None
    object_kind: Name | None = None
    object_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] | None = None
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[int, Field(ge=1, le=2**63 - 1, description="`next` of the page before.")] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    @model_validator(mode="after")
    def _require_whole_object(self) -> "Asked":
        if (self.object_kind is None) != (self.object_id is None):
            raise ValueError("object_kind and object_id are given together or not at all")
        return self


class Entry(BaseModel):
    """One thing that was done. `hash`, in hexadecimal, is over this entry and the one before it."""

    seq: int
    at: datetime
    actor_kind: ActorKind
    actor_id: UUID | None
    action: str
    object_kind: str
    object_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: IPv4Address | IPv6Address | None
    user_agent: str | None
    request_id: UUID | None
    hash: str


class Entries(BaseModel):
    """A page of entries, newest first; `next` is where the next one begins."""

    entries: list[Entry]
    next: int | None


class BrokenEntry(BaseModel):
    """The first entry that is not as the desk wrote it."""

    seq: int
    reason: str


class Check(BaseModel):
    """Whether the entries from `first_seq` to `last_seq` are as they were written. Keep its hash elsewhere."""

    is_whole: bool
    first_seq: int
    last_seq: int
    hash: str
    broken: BrokenEntry | None


@router.get("")
async def read_audit_log(asked: Annotated[Asked, Query()], desk: DeskDep) -> Entries:
    """Who did what to which object, newest first."""
    filters = Filters(**asked.model_dump(exclude={"before", "limit"}))
    async with desk.pool.acquire() as conn:
        found = await list_entries(conn, filters, before_seq=asked.before, max_rows=asked.limit)
    entries = [Entry(**entry | {"hash": entry["hash"].hex()}) for entry in found]
    return Entries(entries=entries, next=entries[-1].seq if len(entries) == asked.limit else None)


@router.get("/verify")
async def verify_audit_log(desk: DeskDep, newest: Annotated[int, Query(ge=1, le=MAX_CHECKED)] = MAX_CHECKED) -> Check:
    """Check the newest entries; `nightdesk audit verify` checks them all."""
    async with desk.pool.acquire() as conn:
        verdict = await verify(conn, desk.secret_key, newest=newest)
    broken = verdict.broken
    return Check(
        is_whole=broken is None,
        first_seq=verdict.first_seq,
        last_seq=verdict.last_seq,
        hash=verdict.hash,
        broken=None if broken is None else BrokenEntry(seq=broken.seq, reason=broken.reason),
    )
