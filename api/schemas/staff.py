"""What staff are shown of a conversation and of customers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from database.types import TicketStatus


class ConversationView(BaseModel):
    """A conversation with its messages, deliveries and the agent's runs, for staff."""

    model_config = ConfigDict(extra="allow")

    id: UUID


class ConversationMatch(BaseModel):
    """One conversation of a customer; its id opens /conversations/{id}."""

    id: UUID
    ticket_ref: str
    status: TicketStatus
    channel: str
    created_at: datetime


class CustomerMatch(BaseModel):
    """A customer who holds an address, at which level of proof, and their latest conversations."""

    id: UUID
    name: str
    plan: str
    kind: str
    value: str
    level: str
    conversations: list[ConversationMatch]
    created_at: datetime


class CustomerLookup(BaseModel):
    """Every customer with an address: a typed address and a proven one may belong to different people."""

    customers: list[CustomerMatch]
