"""Webhooks of the Cloud API as Meta posts them, one builder for each shape.

Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages.
"""

from collections.abc import Sequence
from typing import Any

NUMBER_ID = "106540352242922"
ACCOUNT_ID = "102290129340398"
DISPLAY_NUMBER = "15550783881"
PHONE = "16505551234"
USER_ID = "US.13491208655302741918"
TIMESTAMP = "1749416383"
MEDIA_ID = "1908647269898587"
DIGEST = "81d3bd8a8db4868c9520ed47186e8b7c5789e61ff79f7f834be6950b808a90d3"

Json = dict[str, Any]

_FILE = {"id": MEDIA_ID, "sha256": DIGEST}

# What stands under the key of each type.
BODIES: dict[str, Any] = {
    "text": {"body": "Where is my order?"},
    "image": {**_FILE, "mime_type": "image/jpeg", "caption": "The box"},
    "audio": {**_FILE, "mime_type": "audio/ogg; codecs=opus", "voice": True},
    "video": {**_FILE, "mime_type": "video/mp4"},
    "document": {**_FILE, "mime_type": "application/pdf", "filename": "invoice.pdf", "caption": "See page 2"},
    "sticker": {**_FILE, "mime_type": "image/webp", "animated": False},
    "location": {"latitude": 52.5163, "longitude": 13.3777, "name": "Pariser Platz", "address": "10117 Berlin"},
    "contacts": [
        {
            "name": {"formatted_name": "Bob Example", "first_name": "Bob"},
            "phones": [{"phone": "+1 650 555 9999", "wa_id": "16505559999", "type": "HOME"}],
            "emails": [{"email": "bob@example.com", "type": "WORK"}],
        }
    ],
    "reaction": {"message_id": "wamid.OURS", "emoji": "👍"},
    "button": {"text": "Yes, please", "payload": "yes"},
    "order": {
        "catalog_id": "194836987003835",
        "text": "Gift wrapped",
        "product_items": [{"product_retailer_id": "tea-1", "quantity": 2, "item_price": 4.5, "currency": "EUR"}],
    },
    "unsupported": {"type": "poll_creation"},
}
REPLIES: dict[str, Json] = {
    "button_reply": {"id": "yes", "title": "Yes"},
    "list_reply": {"id": "fast", "title": "Express", "description": "Tomorrow"},
}
SYSTEM: dict[str, Json] = {
    "user_changed_number": {
        "body": "Alice changed from 16505551234 to 16505555678",
        "type": "user_changed_number",
        "wa_id": "16505555678",
        "user_id": "US.22222222222222222222",
        "previous_user_id": USER_ID,
    },
    "user_changed_user_id": {
        "body": "Alice changed",
        "type": "user_changed_user_id",
        "user_id": "US.22222222222222222222",
        "previous_user_id": USER_ID,
    },
    "customer_identity_changed": {"body": "Alice’s security code changed", "type": "customer_identity_changed"},
}


def build_message(
    kind: str, name: str = "wamid.1", *, phone: str | None = PHONE, user_id: str | None = USER_ID, **more: object
) -> Json:
    """One message with the usual body of its kind; `more` replaces or adds fields."""
    message: Json = {"id": name, "timestamp": TIMESTAMP, "type": kind}
    if phone:
        message["from"] = phone
    if user_id:
        message["from_user_id"] = user_id
    if kind in BODIES:
        message[kind] = BODIES[kind]
    if kind in {"button", "interactive"}:
        message["context"] = {"from": DISPLAY_NUMBER, "id": "wamid.OURS"}  # always there: what was tapped on
    if kind == "unsupported":
        message["errors"] = [
            {
                "code": 131051,
                "title": "Message type unknown",
                "message": "Message type unknown",
                "error_data": {"details": "Message type is currently not supported."},
            }
        ]
    return message | more


def build_reply(kind: str, name: str = "wamid.1") -> Json:
    """The tap on a button or a row of a list that we sent."""
    return build_message("interactive", name, interactive={"type": kind, kind: REPLIES[kind]})


def build_system(kind: str, name: str = "wamid.1") -> Json:
    """What WhatsApp itself reports about a customer."""
    more: Json = {"system": SYSTEM[kind]}
    if kind == "customer_identity_changed":
        more["identity"] = {"acknowledged": True, "created_timestamp": TIMESTAMP, "hash": "DF2lS5v2W6x="}
    return build_message("system", name, user_id=None, **more)


def build_contact(phone: str | None = PHONE, user_id: str | None = USER_ID, name: str = "Alice Example") -> Json:
    """What a webhook adds about a sender or recipient."""
    contact: Json = {"profile": {"name": name}}
    if phone:
        contact["wa_id"] = phone
    if user_id:
        contact["user_id"] = user_id
    return contact


def build_status(
    state: str, name: str = "wamid.1", outbox: str | None = None, *, code: int | None = None, phone: str | None = PHONE
) -> Json:
    """What became of a message of ours. `code` is that of an error."""
    status: Json = {"id": name, "status": state, "timestamp": TIMESTAMP}
    if phone:
        status["recipient_id"] = phone
    if outbox is not None:
        status["biz_opaque_callback_data"] = outbox
    if state in {"sent", "delivered", "read"}:
        status["pricing"] = {"billable": False, "pricing_model": "PMP", "category": "service", "type": "regular"}
    if code is not None:
        status["errors"] = [build_error(code)]
    return status


def build_error(code: int, details: str = "Message failed to send.") -> Json:
    """An error as it stands in webhooks."""
    words = {131047: "Re-engagement message", 131026: "Message undeliverable"}.get(code, "Something went wrong")
    return {
        "code": code,
        "title": words,
        "message": words,
        "error_data": {"details": details},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }


def build_value(
    *,
    contacts: Sequence[Json] = (),
    messages: Sequence[Json] = (),
    statuses: Sequence[Json] = (),
    number_id: str = NUMBER_ID,
) -> Json:
    """What one change holds."""
    value: Json = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": number_id},
    }
    parts = {"contacts": contacts, "messages": messages, "statuses": statuses}
    return value | {name: list(part) for name, part in parts.items() if part}


def build_webhook(*values: Json, field: str = "messages") -> Json:
    """A whole webhook with one change for each value."""
    changes = [{"field": field, "value": value} for value in values]
    return {"object": "whatsapp_business_account", "entry": [{"id": ACCOUNT_ID, "changes": changes}]}


def build_samples() -> list[Json]:
    """One webhook of every shape known here."""
    messages = [
        *(build_message(kind) for kind in BODIES),
        *(build_reply(kind) for kind in REPLIES),
        build_message("text", context={"from": DISPLAY_NUMBER, "id": "wamid.OURS"}),
        build_message("text", context={"forwarded": True}),
        build_message("text", phone=None),
        build_message("hologram"),
    ]
    systems = [build_system(kind) for kind in SYSTEM]
    statuses = [
        *(
            build_status(state, outbox="0197f3a0-0000-7000-8000-000000000000")
            for state in ("sent", "delivered", "read")
        ),
        build_status("played"),
        build_status("failed", code=131047),
    ]
    batch = build_value(
        contacts=[build_contact(), build_contact("4915112345678", "DE.1", "Bob")],
        messages=[build_message("text"), build_message("image", "wamid.2", phone="4915112345678", user_id="DE.1")],
        statuses=statuses[:2],
    )
    return [
        *(build_webhook(build_value(contacts=[build_contact()], messages=[message])) for message in messages),
        *(build_webhook(build_value(contacts=[build_contact()], messages=[message])) for message in systems),
        *(build_webhook(build_value(contacts=[build_contact()], statuses=[status])) for status in statuses),
        build_webhook(batch, build_value(contacts=[build_contact()], messages=[build_message("text", "wamid.3")])),
        build_webhook({"preferences": []}, field="user_preferences"),
    ]
