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
    """What was asked and answered. `drafted` is the agent's answer without its letter.

    `cited_article` is its source: the one article that it cites, if customers may read what it cites now; the longest
    passage cited has `longest_cited` characters. `rating` is the customer's latest, from 1 to 5.

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
    longest_cited: int
    rating: int | None
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


async def lock_evidence(conn: Conn, ticket: ResolvedTicket) -> None:
    """Let nobody rate or answer the ticket, nor change the article it rests on, until the transaction ends."""
    await _SQL["lock_conversation"].execute(conn, ticket_id=ticket.ticket_id)
    if ticket.cited_article is not None:
        await _SQL["lock_article"].execute(conn, article_id=ticket.cited_article)


async def list_public_words(conn: Conn, words: Sequence[str]) -> set[str]:
    """Those of `words` that stand, in the same letters, in a published article for customers."""
    return {row["word"] for row in await _SQL["list_public_words"].fetch(conn, words=list(words))}


async def note_outcome(conn: Conn, ticket_id: UUID, outcome: str) -> None:
    """Remember what became of it."""
    await _SQL["note_outcome"].execute(conn, ticket_id=ticket_id, outcome=outcome)
