"""What Twilio reports of our messages.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from typing import Literal
from urllib.parse import parse_qs
from uuid import UUID

from channels.base import MalformedSource
from channels.whatsapp.twilio.errors import WINDOW_CLOSED, describe_error
from channels.whatsapp.twilio.form import Form
from database.types import MessageId, Parsed, StatusUpdate

OUTBOX_PARAMETER = "outbox"
_STATES: dict[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "partially_delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}


def parse_status(form: Form, url: str) -> Parsed:
    """The delivery state in a status callback. Raises MalformedSource if it names no message of ours.

    A message still on its way (`queued`, `sending`) is ignored: it says no more than the answer to our request did.
    """
    # A sandbox reports that a message was read by the event type alone.
    status = (form.get("MessageStatus") or form.get("SmsStatus") or form.get("EventType") or "").lower()
    vendor_id = (form.get("MessageSid") or form.get("SmsSid") or "").replace("\0", "")
    outbox_id = _read_outbox_id(url)
    if not vendor_id and outbox_id is None:
        raise MalformedSource("a status without MessageSid")
    state = _STATES.get(status)
    if state is None:
        return Parsed(ignored=(f"status {status[:40]!r}",))
    code = _read_code(form.get("ErrorCode", ""))
    update = StatusUpdate(
        state=state,
        outbox_id=outbox_id,
        vendor_id=vendor_id or None,
        error=_describe_failure(status, code) if state == "failed" else None,
        is_window_closed=state == "failed" and code == WINDOW_CLOSED,
    )
    return Parsed(statuses=(update,))


def _read_outbox_id(url: str) -> MessageId | None:
    for value in parse_qs(url.partition("?")[2]).get(OUTBOX_PARAMETER, []):
        try:
            return MessageId(UUID(value))
        except ValueError:
            continue
    return None


def _read_code(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _describe_failure(status: str, code: int | None) -> str:
    return describe_error(code) if code else f"Twilio reports it as {status}"
