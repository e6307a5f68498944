"""What Twilio reports of our messages.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from channels.base import MalformedSource
from channels.whatsapp.twilio.errors import WINDOW_CLOSED, describe_error, find_retry_seconds
from channels.whatsapp.twilio.form import Form
from database.types import MessageId, OutboundMessage, Parsed, StatusUpdate, WhatsAppPath

# What the URL of a callback says: our id of the reply, and whom Twilio stood in for.
_OUTBOX = "outbox"
_STAND_IN = "for"
# By then Meta may take it, or the customer may have written to the number at Twilio.
_STAND_IN_RETRY_SECONDS = 900.0
_STATES: dict[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "partially_delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}


def write_callback_query(message: OutboundMessage) -> str:
    """The query of the URL where Twilio shall report what becomes of a reply."""
    query = {_OUTBOX: str(message.id)}
    if isinstance(message.path, WhatsAppPath) and message.path.provider != "twilio":
        query[_STAND_IN] = message.path.provider
    return urlencode(query)


def parse_status(form: Form, url: str) -> Parsed:
    """The delivery state in a status callback. Raises MalformedSource if it names no message of ours.

    A message still on its way (`queued`, `sending`) is ignored: it says no more than the answer to our request did.
    """
    # A sandbox reports that a message was read by the event type alone.
    status = (form.get("MessageStatus") or form.get("SmsStatus") or form.get("EventType") or "").lower()
    vendor_id = (form.get("MessageSid") or form.get("SmsSid") or "").replace("\0", "")
    query = parse_qs(url.partition("?")[2])
    outbox_id = _read_outbox_id(query)
    if not vendor_id and outbox_id is None:
        raise MalformedSource("a status without MessageSid")
    state = _STATES.get(status)
    if state is None:
        return Parsed(ignored=(f"status {status[:40]!r}",))
    update = StatusUpdate(state=state, outbox_id=outbox_id, vendor_id=vendor_id or None)
    if state == "failed":
        code = _read_code(form.get("ErrorCode", ""))
        update = _explain_failure(update, status, code, is_stand_in="meta" in query.get(_STAND_IN, []))
    return Parsed(statuses=(update,))


def _explain_failure(update: StatusUpdate, status: str, code: int | None, *, is_stand_in: bool) -> StatusUpdate:
    error = describe_error(code) if code else f"Twilio reports it as {status}"
    if code == WINDOW_CLOSED and is_stand_in:
        # The customer wrote to our number at Meta, where their window may well be open: a template would be wrong.
        return replace(update, error=error, retry_seconds=_STAND_IN_RETRY_SECONDS)
    return replace(update, error=error, is_window_closed=code == WINDOW_CLOSED, retry_seconds=find_retry_seconds(code))


def _read_outbox_id(query: Mapping[str, list[str]]) -> MessageId | None:
    for value in query.get(_OUTBOX, []):
        try:
            return MessageId(UUID(value))
        except ValueError:
            continue
    return None


def _read_code(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
