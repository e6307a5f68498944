"""Parsing what the web form and the ticket page send into messages for the queue."""

import json
import re
from hashlib import sha256

from database.types import Channel, Identity, IdentityLevel, InboundMessage, TicketRequest

CHANNEL: Channel = "web"
FORM_INBOX = "form"

# Control characters that Postgres cannot store (NUL) or that only garble a page; tab and newline stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def clean_text(text: str) -> str:
    """The text without control characters and outer white space, with Unix line ends."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def parse_submission(
    *,
    name: str,
    email: str,
    message: str,
    ticket: TicketRequest,
    external_id: str,
    inbox: str = FORM_INBOX,
    level: IdentityLevel = "self_reported",
) -> InboundMessage:
    """A new ticket. Each is a thread of its own: an address that was merely typed leads into no other thread."""
    content = {
        "name": name,
        "email": email,
        "message": message,
        "subject": ticket.subject,
        "category": ticket.category,
        "priority": ticket.priority,
    }
    return InboundMessage(
        channel=CHANNEL,
        inbox=inbox,
        contact=ticket.ref,
        external_id=external_id,
        fingerprint=fingerprint(content),
        sender=Identity(kind="email", value=email, level=level, name=name),
        text=message,
        ticket=ticket,
    )


def parse_reply(*, ref: str, message: str, external_id: str) -> InboundMessage:
    """A further message on a ticket, from whoever holds its token."""
    return InboundMessage(
        channel=CHANNEL,
        inbox=FORM_INBOX,
        contact=ref,
        external_id=external_id,
        fingerprint=fingerprint({"ref": ref, "message": message}),
        sender=None,
        text=message,
    )


def fingerprint(content: dict[str, str]) -> str:
    """A hash that tells a repeated request from a different one under the same idempotency key."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def scope_key(scope: str, idempotency_key: str) -> str:
    """The external id for an idempotency key, within its scope: two customers may well both send “1”."""
    return "key:" + sha256(f"{scope}\x1f{idempotency_key}".encode()).hexdigest()
