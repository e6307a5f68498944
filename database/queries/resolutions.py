"""Tickets whose answers may be learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from database.pool import Conn
from database.statements import load_statements
from database.types import Author, TicketCategory, TicketStatus

_SQL = load_statements("resolutions")


@dataclass(frozen=True, slots=True)
class ResolvedTicket:
    """What was asked and answered. `drafted` is the agent's answer without its letter, `cited_article` its source.

    `sentiment` is the customer's last, in [-1, 1]; `names` are those the customer has given. The newest `asked_after`
    messages of `asked` came behind the last answer, which `answered_by` gave; None where nobody has answered. Customers
    have confirmed, or somebody has refuted, an automatic answer.
    """

    ticket_id: UUID
    ref: str
    status: TicketStatus
    subject: str
    category: TicketCategory
    route: str | None
    delivery_problem: str | None
    sentiment: float | None
    names: Sequence[str]
    asked: Sequence[str]
    answered: Sequence[str]
    asked_after: int
    answered_by: Author | None
    drafted: str | None
    cited_article: UUID | None
    is_confirmed: bool
    is_refuted: bool


async def list_due(conn: Conn, *, quiet_hours: int, max_tickets: int) -> list[UUID]:
    """Tickets closed or confirmed for `quiet_hours`, for a week at most, whose answer nobody has looked at."""
    rows = await _SQL["list_due"].fetch(conn, quiet_hours=quiet_hours, max_tickets=max_tickets)
    return [row["id"] for row in rows]


async def find_resolved(conn: Conn, ticket_id: UUID, *, accepted: str) -> ResolvedTicket | None:
    """The ticket, or None where there is none.

    `accepted` is what the tool for answers says of the draft that it takes.
    """
    row = await _SQL["find_resolved"].fetch_row(conn, ticket_id=ticket_id, accepted=accepted)
    return ResolvedTicket(**dict(row)) if row else None


async def note_outcome(conn: Conn, ticket_id: UUID, outcome: str) -> None:
    """Remember what became of it."""
    await _SQL["note_outcome"].execute(conn, ticket_id=ticket_id, outcome=outcome)
