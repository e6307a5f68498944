"""Sending through Twilio's Messages resource.

https://www.twilio.com/docs/messaging/api/message-resource: it has no key that would make a repeated request harmless.
So nothing here is repeated, and the callback that we ask for carries our own id.
"""

import asyncio
import json
from functools import partial

from twilio.base.exceptions import TwilioRestException, TwilioServiceException

from channels.base import DeliveryFailed, DeliveryUncertain, Receipt
from channels.whatsapp.split import MAX_UNITS, count_units
from channels.whatsapp.twilio.address import PREFIX, write_address
from channels.whatsapp.twilio.client import AnswerLost, NotReached, TwilioApi
from channels.whatsapp.twilio.errors import judge_refusal
from channels.whatsapp.twilio.status import write_callback_query
from core.channel_settings import TwilioSettings
from core.errors import OperatorError
from database.types import OutboundMessage, WhatsAppPath

STATUS_ADDRESS = "/webhooks/whatsapp/status"
# WhatsApp takes one message to a customer in six seconds and refuses a burst with 131056.
PAIR_LIMIT_SECONDS = 6.0
_MAX_VARIABLE = 1_024


class TwilioProvider:
    """Our number at Twilio. `public_url` is where Twilio reaches this desk; without it no status ever comes."""

    def __init__(
        self, settings: TwilioSettings, *, public_url: str | None = None, timeout_seconds: float = 10.0
    ) -> None:
        if settings.number is None:
            raise OperatorError("TWILIO_NUMBER: expected, because messages are to be sent")
        self.inbox = settings.number
        self._api = TwilioApi(settings, timeout_seconds)
        self._template_sid = settings.template_sid
        self._public_url = public_url

    @property
    def has_template(self) -> bool:
        """Whether a template is configured that invites a customer back."""
        return self._template_sid is not None

    async def send(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Deliver the text of a message."""
        if count_units(message.text) > MAX_UNITS:
            raise DeliveryFailed(f"longer than {MAX_UNITS} characters", permanent=True)
        return await self._create(message, path, {"body": message.text})

    async def send_template(self, message: OutboundMessage, path: WhatsAppPath) -> Receipt:
        """Invite the customer back. The template's variables are {{1}}, a first name, and {{2}}, the ticket."""
        if self._template_sid is None:
            raise DeliveryFailed("no template is configured: TWILIO_TEMPLATE_SID", permanent=True)
        return await self._create(
            message,
            path,
            {"content_sid": self._template_sid, "content_variables": write_variables(message)},
        )

    async def _create(self, message: OutboundMessage, path: WhatsAppPath, content: dict[str, str]) -> Receipt:
        to = write_address(path.phone, path.user_id)
        if to is None:
            raise DeliveryFailed("neither phone number nor user id", permanent=True)
        fields = {"to": to, "from_": PREFIX + self.inbox, **content}
        if self._public_url:
            fields["status_callback"] = f"{self._public_url}{STATUS_ADDRESS}?{write_callback_query(message)}"
        sid = await asyncio.to_thread(partial(self._post, fields))
        return Receipt(vendor_id=sid, hold_seconds=PAIR_LIMIT_SECONDS)

    def _post(self, fields: dict[str, str]) -> str:
        client, http = self._api.open()
        try:
            sid = client.messages.create(**fields).sid
        except NotReached as error:
            raise DeliveryFailed(f"Twilio cannot be reached: {error}", permanent=False) from error
        except AnswerLost as error:
            raise DeliveryUncertain(f"no answer from Twilio: {error}") from error
        except (TwilioRestException, TwilioServiceException) as error:
            # The SDK puts the status where an answer that is not Twilio's has no code. Its text holds the number.
            code = error.code if isinstance(error.code, int) and error.code != error.status else None
            raise judge_refusal(error.status, code, http.retry_after) from None
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise DeliveryUncertain(f"Twilio's answer cannot be read: {type(error).__name__}") from None
        if not isinstance(sid, str) or not sid:
            raise DeliveryUncertain("Twilio's answer does not name the message")
        return sid


def write_variables(message: OutboundMessage) -> str:
    """The ContentVariables of a template, as JSON.

    None may be empty or hold a line break or more than four spaces in a row (error 63013), or be longer than 1,024
    characters (63021).
    """
    names = message.customer_name.split()
    variables = {"1": names[0] if names else "there", "2": " ".join(message.ticket_ref.split()) or "–"}
    return json.dumps({key: value[:_MAX_VARIABLE] for key, value in variables.items()}, ensure_ascii=False)
