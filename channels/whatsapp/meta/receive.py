"""Receiving from Meta: the handshake of a new webhook, and posts signed with the app's secret."""

import hmac
from hashlib import sha256

from pydantic import SecretStr

from channels.base import BadSignature, WebhookRequest
from channels.whatsapp.meta.parse import CHANNEL, parse_webhook
from core.channel_settings import MetaSettings
from core.ids import matches_token
from database.types import Channel, Parsed, Source

SIGNATURE_HEADER = "x-hub-signature-256"


class MetaReceiver:
    """Takes what Meta posts. Without its settings it takes nothing.

    https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """

    channel: Channel = CHANNEL
    answer = ("text/plain", "")

    def __init__(self, settings: MetaSettings) -> None:
        self._app_secret = _reveal(settings.app_secret)
        self._verify_token = _reveal(settings.verify_token)
        self._inbox = settings.phone_number_id or ""

    async def verify(self, request: WebhookRequest) -> None:
        """Raise BadSignature unless the body, to the byte, is signed with the app's secret."""
        if not (self._app_secret and self._inbox):
            raise BadSignature("WhatsApp Cloud API is not configured", status=403)
        signature = request.headers.get(SIGNATURE_HEADER, "")
        if not signature:
            raise BadSignature("signature missing", status=401)
        expected = sign(self._app_secret, request.body)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise BadSignature("signature wrong", status=403)

    def parse(self, source: Source) -> Parsed:
        """Read a webhook's body."""
        return parse_webhook(source.body, self._inbox)

    def confirm(self, request: WebhookRequest) -> str | None:
        """The challenge, if whoever asks knows the verify token."""
        query = request.query
        mode, token, challenge = (query.get(f"hub.{name}", []) for name in ("mode", "verify_token", "challenge"))
        if not self._verify_token or mode != ["subscribe"] or len(token) != 1 or len(challenge) != 1:
            return None
        return challenge[0] if matches_token(self._verify_token, token[0]) else None


def sign(app_secret: str, body: bytes) -> str:
    """The value of the signature header for a body."""
    return "sha256=" + hmac.digest(app_secret.encode(), body, sha256).hex()


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
