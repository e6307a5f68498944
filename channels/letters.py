"""What every written reply of a conversation needs to know."""

from collections.abc import Sequence

from channels.base import Letter
from core.settings import CompanySettings
from database.types import ConversationState


def open_letter(
    conversation: ConversationState,
    company: CompanySettings,
    signature: str | None,
    *,
    language: str,
    known_languages: Sequence[str] = (),
) -> Letter:
    """The letter to this conversation's customer; `signature` is that of their inbox, if it has one."""
    return Letter(
        customer_name=conversation.contact_name,
        ticket_ref=conversation.ticket_ref,
        company=company.name,
        signature=signature or f"{company.name} {company.team}",
        language=language,
        known_languages=tuple(known_languages),
    )
