"""Letters, tickets and citations for tests of the channels."""

from datetime import UTC, datetime
from uuid import UUID

from channels.base import Letter
from database.types import Citation, Priority, TicketCategory, TicketRequest

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
REF = "TF-20261121-0042"


def make_letter(name: str = "Ada Byron", ref: str = REF) -> Letter:
    """A letter to this customer."""
    return Letter(customer_name=name, ticket_ref=ref, company="Harborline", signature="Harborline Support Team")


def make_citation(number: int = 1, title: str = "Reset a password") -> Citation:
    """The passage an answer rests on."""
    return Citation(
        number=number, passage_id=UUID(int=number), source=f"docs/{number}.md", title=title, excerpt="Choose…"
    )


def make_ticket(
    *,
    ref: str = REF,
    subject: str = "Help",
    category: TicketCategory = "general",
    priority: Priority = "low",
) -> TicketRequest:
    """What a customer chose."""
    return TicketRequest(ref=ref, subject=subject, category=category, priority=priority, first_reply_due=NOW)
