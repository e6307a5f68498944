"""What things are called: ids, and the words that a column or a field may hold."""

from typing import Literal, NewType
from uuid import UUID

from core.ids import derive_id

ThreadId = NewType("ThreadId", UUID)
MessageId = NewType("MessageId", UUID)
ConversationId = NewType("ConversationId", UUID)
CustomerId = NewType("CustomerId", UUID)
RunId = NewType("RunId", UUID)
WorkerId = NewType("WorkerId", UUID)
SourceId = NewType("SourceId", UUID)

Channel = Literal["gmail", "mailbox", "web", "whatsapp"]
IdentityLevel = Literal["proven", "channel_asserted", "self_reported"]
IdentifierKind = Literal["email", "phone", "whatsapp"]
Author = Literal["customer", "assistant", "person", "system"]
TicketStatus = Literal["open", "auto_resolved", "escalated", "closed"]
TicketCategory = Literal["general", "account", "billing", "technical", "security", "orders", "feedback"]
# The matters that people are responsible for: where a ticket goes that is handed over.
Route = Literal["billing", "legal", "security", "technical", "account", "general"]
# What an answer's confidence was measured by: two scales that are not to be compared.
Scale = Literal["meaning", "words"]
Priority = Literal["low", "medium", "high", "urgent"]
Owner = Literal["agent", "person"]
Outcome = Literal["answered", "escalated", "silent", "superseded", "person_owns"]
DeliveryState = Literal["queued", "sending", "sent", "delivered", "read", "failed", "unknown", "needs_template"]
# A template invites a customer back whom WhatsApp lets us write nothing else; a code proves an address.
DeliveryKind = Literal["reply", "template", "code"]
WhatsAppProvider = Literal["twilio", "meta"]
PassageKind = Literal["article", "resolution"]
Audience = Literal["public", "internal"]


def derive_thread_id(channel: str, inbox: str, contact: str) -> ThreadId:
    """The id of a thread, known before anything is looked up."""
    return ThreadId(derive_id(channel, inbox, contact))
