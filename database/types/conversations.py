"""A conversation as the turn needs it."""

from dataclasses import dataclass

from database.types.names import (
    Author,
    Channel,
    ConversationId,
    CustomerId,
    IdentityLevel,
    MessageId,
    Owner,
    Priority,
    TicketCategory,
)


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation as the turn needs it: who, where, and what else has been said, oldest first.

    It is not reachable where a message named nobody who could be answered. `recent_replies` is how often the desk has
    written to this customer by mail, by itself and within an hour, in all their conversations; 0 on other channels.
    `summary` is what was said before `history`; `facts` are what a proven customer has said of themselves. `language`
    is None until a turn has recognised one; `sentiments` are those of the customer's messages, oldest first.
    `history_ids` are the messages of `history`.
    """

    id: ConversationId
    customer_id: CustomerId
    contact_name: str
    channel: Channel
    inbox: str
    identity_level: IdentityLevel
    owner: Owner
    automatic_replies: int
    ticket_ref: str
    ticket_subject: str
    ticket_category: TicketCategory
    ticket_priority: Priority
    history: tuple[tuple[Author, str], ...]
    is_reachable: bool = True
    recent_replies: int = 0
    summary: str = ""
    facts: tuple[str, ...] = ()
    language: str | None = None
    sentiments: tuple[float, ...] = ()
    history_ids: tuple[MessageId, ...] = ()
