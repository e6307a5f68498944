"""Our account with Meta as the tests have it: replies to send from it, and what we make of its webhooks."""

import json
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from channels.whatsapp.meta.parse import parse_webhook
from core.channel_settings import MetaSettings
from core.ids import new_id
from database.types import ConversationId, InboundMessage, MessageId, OutboundMessage, Parsed, WhatsAppPath
from tests.emulators.meta_payloads import NUMBER_ID, PHONE, Json, build_contact, build_value, build_webhook

OUTBOX_ID = MessageId(UUID("0197f3a0-0000-7000-8000-000000000000"))
BY_PHONE = WhatsAppPath(provider="meta", phone=f"+{PHONE}")


def configure_meta(**changes: Any) -> MetaSettings:
    """A complete configuration with the emulator's secrets."""
    settings = MetaSettings(
        phone_number_id=NUMBER_ID,
        access_token=SecretStr("meta-token"),
        app_secret=SecretStr("meta-secret"),
        verify_token=SecretStr("meta-verify"),
        template_name="come_back",
    )
    return settings.model_copy(update=changes)


def build_outbound(text: str = "Hello", **changes: Any) -> OutboundMessage:
    """A reply that is due."""
    fields: dict[str, Any] = {
        "id": OUTBOX_ID,
        "conversation_id": ConversationId(new_id()),
        "thread_contact": f"+{PHONE}",
        "channel": "whatsapp",
        "inbox": NUMBER_ID,
        "text": text,
        "attempt": 1,
        "lease_token": new_id(),
        "path": BY_PHONE,
        "ticket_ref": "TF-20261121-0001",
        "customer_name": "Alice Example",
    }
    return OutboundMessage(**(fields | changes))


def parse(payload: object) -> Parsed:
    """What our parser makes of a webhook."""
    return parse_webhook(json.dumps(payload).encode(), NUMBER_ID)


def parse_message(message: Json, *contacts: Json) -> InboundMessage:
    """The one message of a webhook that has nothing else."""
    parsed = parse(build_webhook(build_value(contacts=contacts or [build_contact()], messages=[message])))
    assert parsed.ignored == ()
    (inbound,) = parsed.messages
    return inbound
