"""Tickets in lists: found, filtered, put in order, a page at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record

from database.pool import Conn
from database.statements import load_statements
from database.types import Channel, CustomerId, Priority, TicketCategory, TicketStatus, UserId

_SQL = load_statements("ticket_lists")

# By what lists are ordered: the newest first, or what waits longest or is most urgent.
Order = Literal["activity", "created", "waiting", "priority"]

STATUSES: tuple[TicketStatus, ...] = ("open", "auto_resolved", "escalated", "closed")
# A tab shows no larger number, and nobody looks through more search results.
MAX_COUNT = 1_000
MAX_CHOSEN = 2_000
_NEWEST_FIRST = {"activity", "created"}
# Postgres gives up on a query with some thirty of them in a row; what is between them are no words.
_MINUSES = re.compile(r"-(?:[\W_]*-)+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: what came last, as it was ordered."""

    rank: int
    at: datetime
    id: UUID


_TOP = Place(0, datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))  # the driver's infinity
_BOTTOM = Place(0, datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets a list has; what is None is not asked for. `words` are as for a search on the web."""

    statuses: Sequence[TicketStatus] = STATUSES
    words: str | None = None
    channel: Channel | None = None
    customer_id: CustomerId | None = None
    route: str | None = None
    priority: Priority | None = None
    category: TicketCategory | None = None
    assignee_id: UUID | None = None
    unassigned: bool = False
    has_delivery_problem: bool | None = None
    created_from: datetime = _BOTTOM.at
    created_to: datetime = _TOP.at


async def list_tickets(
    conn: Conn, wanted: Wanted, order: Order, *, after: Place | None, max_rows: int, only_visible: bool
) -> tuple[list[dict[str, Any]], Place | None]:
    """A page of tickets, and where it ended if there are more. `only_visible`: as their customer may see them."""
    start = after or (_TOP if order in _NEWEST_FIRST else _BOTTOM)
    found = await _find(conn, wanted, order, start, max_rows + 1)
    page = found[:max_rows]
    rows = await _SQL["describe"].fetch(conn, ids=[row["id"] for row in page], only_visible=only_visible)
    end = Place(page[-1]["rank"], page[-1]["at"], page[-1]["id"]) if len(found) > max_rows else None
    return [dict(row) for row in rows], end


async def _find(conn: Conn, wanted: Wanted, order: Order, start: Place, max_rows: int) -> list[Record]:
    """What leads to few tickets is asked first; otherwise the list is walked in its order."""
    chosen = await _choose(conn, wanted)
    conditions = {
        "statuses": list(wanted.statuses),
        "channel": wanted.channel,
        "customer_id": wanted.customer_id,
        "route": wanted.route,
        "priority": wanted.priority,
        "category": wanted.category,
        "assignee_id": wanted.assignee_id,
        "unassigned": wanted.unassigned,
        "has_delivery_problem": wanted.has_delivery_problem,
        "created_from": wanted.created_from,
        "created_to": wanted.created_to,
        "at": start.at,
        "id": start.id,
        "max_rows": max_rows,
    }
    if chosen is not None:
        return await _SQL["list_chosen"].fetch(conn, **conditions, ids=chosen, order=order, rank=start.rank)
    match order:
        case "activity":
            return await _SQL["list_by_activity"].fetch(conn, **conditions)
        case "created":
            return await _SQL["list_by_creation"].fetch(conn, **conditions)
        case "waiting":
            return await _SQL["list_by_waiting"].fetch(conn, **conditions, rank=start.rank)
        case "priority":
            return await _SQL["list_by_priority"].fetch(conn, **conditions, rank=start.rank)


async def _choose(conn: Conn, wanted: Wanted) -> list[UUID] | None:
    """The newest tickets with what is rare in a list, or None where nothing rare is asked for."""
    words = None if wanted.words is None else _MINUSES.sub("-", wanted.words)
    if words is not None and wanted.customer_id is not None:
        rows = await _SQL["find_words_of_customer"].fetch(
            conn, words=words, customer_id=wanted.customer_id, max_chosen=MAX_CHOSEN
        )
    elif words is not None:
        rows = await _SQL["find_by_words"].fetch(conn, words=words, max_chosen=MAX_CHOSEN)
    elif wanted.customer_id is not None:
        rows = await _SQL["find_of_customer"].fetch(conn, customer_id=wanted.customer_id, max_chosen=MAX_CHOSEN)
    elif wanted.assignee_id is not None:
        rows = await _SQL["find_assigned"].fetch(conn, assignee_id=wanted.assignee_id, max_chosen=MAX_CHOSEN)
    elif wanted.has_delivery_problem:
        rows = await _SQL["find_undelivered"].fetch(conn, max_chosen=MAX_CHOSEN)
    else:
        return None
    return [row["id"] for row in rows]


async def count_tickets(conn: Conn, user_id: UserId | None) -> dict[str, int]:
    """How many tickets each status has, how many wait for nobody in particular, and how many this person has.

    1,000 stands for as many or more.
    """
    counted = await _SQL["count"].fetch(conn, statuses=list(STATUSES), max_count=MAX_COUNT)
    work = await _SQL["count_work"].fetch_row(conn, user_id=user_id, max_count=MAX_COUNT)
    return {row["status"]: row["tickets"] for row in counted} | dict(work or {})


async def count_own_tickets(conn: Conn, customer_id: CustomerId) -> dict[str, int]:
    """How many tickets of each status a customer has."""
    rows = await _SQL["count_of_customer"].fetch(conn, customer_id=customer_id)
    return dict.fromkeys(STATUSES, 0) | {row["status"]: row["tickets"] for row in rows}
