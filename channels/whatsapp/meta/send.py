"""Sending through the Cloud API. Every reply carries its outbox id, which each of its statuses gives back."""

import asyncio
import re

import httpx

from channels.base import DeliveryFailed, DeliveryUncertain, Receipt
from channels.whatsapp.meta.payload import Json, read_object, read_objects, read_text
from channels.whatsapp.meta.problem import read_refusal
from core.channel_settings import MetaSettings
from core.errors import OperatorError
from database.types import OutboundMessage, WhatsAppPath

MAX_CHARACTERS = 4_096

# One message to a customer every six seconds; a burst is refused with 131056
# (https://developers.facebook.com/documentation/business-messaging/whatsapp/throughput).
PAIR_LIMIT_SECONDS = 6.0

# Nothing of the request has left when these are raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class MetaProvider:
    """Our number at Meta.

    Each send has a connection of its own: a kept one that Meta has closed meanwhile looks just like one that broke
    after the message was taken, and the reply would be `unknown` for nothing.
    """

    def __init__(self, settings: MetaSettings, *, timeout_seconds: float = 10.0) -> None:
        if settings.phone_number_id is None or settings.access_token is None:
            raise OperatorError("META_PHONE_NUMBER_ID and META_ACCESS_TOKEN: expected both, or neither")
        self.inbox = settings.phone_number_id
        self._settings = settings
        self._token = settings.access_token
        self._timeout = timeout_seconds
        self._tls = httpx.create_ssl_context()

    @property
    def has_template(self) -> bool:
        """Whether a template is configured that invites a customer back."""
        return self._settings.template_name is not None

    async def send(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Deliver the text of a message."""
        if len(message.text) > MAX_CHARACTERS:
            raise DeliveryFailed(f"longer than {MAX_CHARACTERS} characters", permanent=True)
        return await self._post(message, path, {"type": "text", "text": {"body": message.text, "preview_url": False}})

    async def send_template(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Invite the customer back. The template's two variables are a first name and the ticket's reference."""
        if self._settings.template_name is None:
            raise DeliveryFailed("no template is configured", permanent=True)
        names = message.customer_name.split()
        variables = [names[0] if names else "there", message.ticket_ref or "–"]
        template = {
            "name": self._settings.template_name,
            "language": {"code": self._settings.template_language},
            "components": [
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": _fit_variable(value)} for value in variables],
                }
            ],
        }
        return await self._post(message, path, {"type": "template", "template": template})

    async def _post(self, message: OutboundMessage, path: WhatsAppPath, content: Json) -> Receipt:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_address(path),
            "biz_opaque_callback_data": str(message.id),
            **content,
        }
        response = await self._request(f"{self._settings.api_url}/{self.inbox}/messages", body)
        if response.is_success:
            return _read_receipt(read_answer(response))
        raise read_refusal(
            response.status_code, read_object(read_answer(response), "error"), _read_retry_after(response)
        )

    async def _request(self, url: str, body: Json) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            async with (
                asyncio.timeout(2 * self._timeout),
                httpx.AsyncClient(verify=self._tls, timeout=self._timeout) as client,
            ):
                return await client.post(url, json=body, headers=headers)
        except _NOT_SENT as error:
            raise DeliveryFailed(f"Meta cannot be reached: {type(error).__name__}", permanent=False) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise DeliveryUncertain(f"no answer from Meta: {type(error).__name__}") from error


def _address(path: WhatsAppPath) -> Json:
    """A phone number goes into `to`, a business-scoped id into `recipient`; with both, Meta takes the number.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """
    if path.phone:
        return {"to": path.phone}
    if path.user_id:
        return {"recipient": path.user_id}
    raise DeliveryFailed("neither phone number nor user id", permanent=True)


def _fit_variable(text: str) -> str:
    """A variable as templates allow it: one line, no runs of spaces, never empty."""
    return re.sub(r"\s+", " ", text).strip()[:100] or "–"


def read_answer(response: httpx.Response) -> Json:
    """The JSON object of an answer, or an empty one."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _read_receipt(answer: Json) -> Receipt:
    names = [read_text(item, "id") for item in read_objects(answer, "messages")]
    if not names or not names[0]:
        raise DeliveryUncertain("Meta's answer does not name the message")
    return Receipt(vendor_id=names[0], hold_seconds=PAIR_LIMIT_SECONDS)


def _read_retry_after(response: httpx.Response) -> float | None:
    """Whole seconds of Retry-After, at most an hour. Its other form, a date, has not been seen from Meta."""
    value = response.headers.get("retry-after", "")
    return float(min(int(value), 3_600)) if re.fullmatch(r"[0-9]{1,9}", value) else None
