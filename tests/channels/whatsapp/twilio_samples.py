"""Webhooks as Twilio sends them, and settings and replies that go with them."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from channels.base import WebhookRequest
from core.channel_settings import TwilioSettings
from database.types import ConversationId, InboundMessage, MessageId, OutboundMessage, Parsed, Source, WhatsAppPath
from tests.emulators.twilio_state import State

NUMBER = "+15550100"
CUSTOMER = "+15550111"
USER_ID = "US.13491208655302741918"
TOKEN = "emulated-auth-token"
URL = "https://desk.example.com/webhooks/whatsapp"
ACCOUNT = "AC" + "0" * 31 + "1"
FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

TEXT = {
    "SmsMessageSid": "SM1",
    "NumMedia": "0",
    "ProfileName": "Alice",
    "MessageType": "text",
    "SmsSid": "SM1",
    "WaId": CUSTOMER.removeprefix("+"),
    "SmsStatus": "received",
    "Body": "Where is my invoice?",
    "To": f"whatsapp:{NUMBER}",
    "NumSegments": "1",
    "ReferralNumMedia": "0",
    "MessageSid": "SM1",
    "AccountSid": ACCOUNT,
    "From": f"whatsapp:{CUSTOMER}",
    "ApiVersion": "2010-04-01",
}
MEDIA = TEXT | {
    "Body": "",
    "MessageType": "image",
    "NumMedia": "2",
    "MediaUrl0": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1",
    "MediaContentType0": "image/jpeg",
    "MediaUrl1": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME2",
    "MediaContentType1": "audio/ogg; codecs=opus",
}
LOCATION = TEXT | {
    "Body": "",
    "MessageType": "location",
    "Latitude": "52.5163",
    "Longitude": "13.3777",
    "Label": "The Gate",
    "Address": "1 Example Square",
}
BUTTON = TEXT | {"Body": "", "MessageType": "button", "ButtonText": "Yes, please", "ButtonPayload": "yes"}
REACTION = TEXT | {"Body": "👍", "MessageType": "reaction", "OriginalRepliedMessageSid": "SM0"}
UNKNOWN = TEXT | {"Body": "", "MessageType": "hologram"}
REPLY = TEXT | {"OriginalRepliedMessageSid": "SM0", "OriginalRepliedMessageSender": f"whatsapp:{NUMBER}"}
HIDDEN = TEXT | {"From": f"whatsapp:{USER_ID}", "WaId": "", "ExternalUserId": USER_ID}
BOTH = TEXT | {"ExternalUserId": USER_ID}
STATUS = {
    "ChannelPrefix": "whatsapp",
    "ApiVersion": "2010-04-01",
    "MessageStatus": "delivered",
    "SmsSid": "SM7",
    "SmsStatus": "delivered",
    "ChannelInstallSid": "XE1",
    "To": f"whatsapp:{CUSTOMER}",
    "From": f"whatsapp:{NUMBER}",
    "MessageSid": "SM7",
    "AccountSid": ACCOUNT,
}
MESSAGES = [TEXT, MEDIA, LOCATION, BUTTON, REACTION, UNKNOWN, REPLY, HIDDEN, BOTH]


def make_settings(**changes: Any) -> TwilioSettings:
    """Everything configured."""
    values: dict[str, Any] = {
        "account_sid": ACCOUNT,
        "auth_token": SecretStr(TOKEN),
        "number": NUMBER,
        "template_sid": "HX" + "0" * 32,
    }
    return TwilioSettings(**(values | changes))


def point_at(twilio: State, **changes: Any) -> TwilioSettings:
    """Settings for an emulator."""
    return make_settings(api_url=twilio.url, **changes)


def encode(fields: dict[str, str]) -> bytes:
    """A form's body."""
    return urlencode(fields).encode()


def make_source(fields: dict[str, str], url: str = URL) -> Source:
    """What the web process stores."""
    return Source("whatsapp", "", "digest", encode(fields), {"content-type": FORM_HEADERS["content-type"], "url": url})


def make_request(
    fields: dict[str, str],
    *,
    url: str = URL,
    signature: str | None = None,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> WebhookRequest:
    """A webhook with Twilio's signature, unless another is given."""
    signed = RequestValidator(TOKEN).compute_signature(url, fields) if signature is None else signature
    content = encode(fields) if body is None else body
    return WebhookRequest(url, FORM_HEADERS | {"x-twilio-signature": signed} | (headers or {}), content)


def only_message(parsed: Parsed) -> InboundMessage:
    """The one message that was read."""
    (message,) = parsed.messages
    return message


def make_reply(text: str = "It is in your mailbox.", **changes: Any) -> OutboundMessage:
    """A committed reply to Alice."""
    values: dict[str, Any] = {
        "id": MessageId(UUID(int=5)),
        "conversation_id": ConversationId(UUID(int=6)),
        "thread_contact": CUSTOMER,
        "channel": "whatsapp",
        "inbox": NUMBER,
        "text": text,
        "attempt": 1,
        "lease_token": UUID(int=7),
        "path": WhatsAppPath(provider="twilio", phone=CUSTOMER),
        "ticket_ref": "TF-20261121-0001",
        "customer_name": "Alice Byron",
    }
    return OutboundMessage(**(values | changes))
