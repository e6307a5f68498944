"""Whether a webhook comes from Twilio.

Twilio signs its URL and every field with the account's auth token (HMAC-SHA1), or, where the header
X-Twilio-Webhooks-Signature-Settings names one, with a shared key (HMAC-SHA256):
https://www.twilio.com/docs/usage/webhooks/webhooks-security and .../usage/webhooks/webhook-shared-keys
"""

from pydantic import SecretStr
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from channels.base import BadSignature, WebhookRequest
from channels.whatsapp.twilio.form import FORM_TYPE, Form, read_form
from core.channel_settings import TwilioSettings


def verify_signature(request: WebhookRequest, settings: TwilioSettings) -> None:
    """Raise BadSignature unless Twilio sent this: 401 without a signature, 403 with one that is not theirs."""
    if not settings.require_signature:
        return
    signature = request.headers.get(SIGNATURE_HEADER.lower(), "").strip()
    if not signature:
        raise BadSignature("the request is not signed", status=401)
    choice = request.headers.get(SIGNATURE_SETTINGS_HEADER.lower(), "")
    secret = _choose_secret(choice, settings)
    if secret is None:
        raise BadSignature("the request is signed with a key that is not configured", status=403)
    if not _is_valid(request, signature, secret, get_signature_algorithm(choice)):
        raise BadSignature("the signature is wrong", status=403)


def _choose_secret(choice: str, settings: TwilioSettings) -> SecretStr | None:
    for part in choice.split(","):
        name, _, key = part.partition("=")
        if name.strip() == "key":
            return settings.signing_keys.get(key.strip())
    return settings.auth_token


def _is_valid(request: WebhookRequest, signature: str, secret: SecretStr, algorithm: str) -> bool:
    content = _read_signed(request)
    if content is None:
        return False
    try:
        return bool(RequestValidator(secret.get_secret_value()).validate(request.url, content, signature, algorithm))
    except (TypeError, ValueError):
        # It parses the URL, whose path and query are the caller's: an odd one must not become a server error.
        return False


def _read_signed(request: WebhookRequest) -> Form | str | None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == FORM_TYPE or not request.body:
        return read_form(request.body)
    # Of any other body Twilio signs the hash that it adds to the URL; without one nothing vouches for the body.
    return request.body.decode("utf-8", "replace") if "bodySHA256" in request.query else None
