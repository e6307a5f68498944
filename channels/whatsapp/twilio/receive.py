"""Twilio's webhooks: one address for messages, one for what became of ours."""

from channels.base import MalformedSource, WebhookRequest
from channels.whatsapp.twilio.form import Form, read_form
from channels.whatsapp.twilio.parse import parse_message
from channels.whatsapp.twilio.status import parse_status
from channels.whatsapp.twilio.verify import verify_signature
from core.channel_settings import TwilioSettings
from database.types import Channel, Parsed, Source

# Empty TwiML: the reply goes through the API, when it is ready.
_ANSWER = ("text/xml", "<Response/>")


class TwilioReceiver:
    """Takes messages. The settings must name our number."""

    channel: Channel = "whatsapp"
    answer = _ANSWER

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings

    async def verify(self, request: WebhookRequest) -> None:
        """Raise BadSignature unless Twilio sent this."""
        verify_signature(request, self._settings)

    def parse(self, source: Source) -> Parsed:
        """Read one message. Raises nothing but MalformedSource."""
        return parse_message(_read_text(source), self._settings.number or "")

    def confirm(self, _request: WebhookRequest) -> str | None:
        """Twilio never asks."""
        return None


class TwilioStatusReceiver(TwilioReceiver):
    """Takes what became of our messages. The URL, in the source's facts as `url`, names the reply by our id."""

    def parse(self, source: Source) -> Parsed:
        """Read one status. Raises nothing but MalformedSource."""
        return parse_status(_read_text(source), source.facts.get("url", ""))


def _read_text(source: Source) -> Form:
    try:
        return read_form(source.body)
    except ValueError as error:
        raise MalformedSource("the body is not a form") from error
