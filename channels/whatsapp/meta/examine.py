"""Whether Meta knows our number, and posts what customers write to this desk.

https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/override/
"""

from collections.abc import Sequence

import httpx

from channels.base import SignInNeeded, VendorAway
from channels.whatsapp.meta.payload import Json, read_object, read_text
from channels.whatsapp.meta.problem import read_refusal
from channels.whatsapp.meta.send import read_answer
from core.channel_settings import MetaSettings
from core.errors import OperatorError
from core.findings import Finding

_FIELDS = "display_phone_number,verified_name,quality_rating,webhook_configuration"
# The first that is set is where Meta posts messages.
_WEBHOOKS = ("phone_number", "whatsapp_business_account", "application")


class MetaExaminer:
    """Reads our number. `webhook` is where Meta should post."""

    def __init__(self, settings: MetaSettings, webhook: str | None, *, timeout_seconds: float = 5.0) -> None:
        if settings.access_token is None:
            raise OperatorError("META_ACCESS_TOKEN: expected with META_PHONE_NUMBER_ID")
        self._settings = settings
        self._token = settings.access_token
        self._webhook = webhook
        self._timeout = timeout_seconds

    @property
    def name(self) -> str:
        """The vendor; there is one number."""
        return "Meta"

    @property
    def reached_by(self) -> str:
        """Its addresses are its own."""
        return "the network, and metastatus.com"

    async def examine(self) -> Sequence[Finding]:
        """How the number stands, where Meta posts, and whether we could believe it."""
        try:
            number = await self._read_number()
        except SignInNeeded as error:
            remedy = "Set META_ACCESS_TOKEN to a system user's token with whatsapp_business_messaging for this number."
            return [Finding.problem(str(error), remedy), self._examine_secrets()]
        return [_judge_number(number), self._judge_webhook(number), self._examine_secrets()]

    async def _read_number(self) -> Json:
        url = f"{self._settings.api_url}/{self._settings.phone_number_id}"
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        try:
            async with httpx.AsyncClient(timeout=self._timeout) as client:
                response = await client.get(url, params={"fields": _FIELDS}, headers=headers)
        except httpx.HTTPError as error:
            raise VendorAway(f"no answer from Meta: {type(error).__name__}") from None
        body = read_answer(response)
        if response.is_success and body:
            return body
        refusal = read_refusal(response.status_code, read_object(body, "error"), None)
        raise refusal if isinstance(refusal, SignInNeeded) else VendorAway(str(refusal))

    def _judge_webhook(self, number: Json) -> Finding:
        configured = read_object(number, "webhook_configuration")
        where = next(filter(None, (read_text(configured, name) for name in _WEBHOOKS)), "")
        address = self._webhook or "API_PUBLIC_URL/webhooks/whatsapp/meta"
        remedy = f"In the Meta app, under WhatsApp, Configuration, set the callback URL {address} and tick messages."
        if self._webhook is None:
            return Finding.advice("where Meta posts cannot be compared", "Set API_PUBLIC_URL.")
        if "webhook_configuration" not in number:
            return Finding.advice("Meta does not say where it posts", remedy)
        if where != self._webhook:
            return Finding.problem(f"Meta posts what customers write to {where or 'nowhere'}", remedy)
        return Finding.ok("Meta posts to this desk")

    def _examine_secrets(self) -> Finding:
        if self._settings.app_secret is None:
            return Finding.problem(
                "every webhook is refused: nothing proves that Meta sent it",
                "Set META_APP_SECRET to the app secret under App settings, Basic.",
            )
        if self._settings.verify_token is None:
            return Finding.advice(
                "Meta could not set up the webhook again",
                "Set META_VERIFY_TOKEN to the verify token of the webhook's configuration.",
            )
        return Finding.ok("the webhook's secrets are set")


def _judge_number(number: Json) -> Finding:
    name = f"{read_text(number, 'display_phone_number')} ({read_text(number, 'verified_name')})"
    if read_text(number, "quality_rating") == "RED":
        return Finding.advice(
            f"Meta rates {name} RED and may soon limit it", "See why customers block it in WhatsApp Manager."
        )
    return Finding.ok(f"the token works for {name}")
