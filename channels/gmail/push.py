"""Pub/Sub's pushes: proof that Google sent one, and whose mailbox has news.

https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions and
https://developers.google.com/workspace/gmail/api/guides/push
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.auth import jwt

from channels.base import BadSignature, VendorAway, WebhookRequest
from channels.gmail.certificates import Certificates
from channels.mail.account import MailAccount
from core.channel_settings import GmailSettings
from database.types import Channel, Parsed, Source

_ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
_SKEW_SECONDS = 10
_LONGEST_TOKEN = 8192


class GmailPush:
    """Takes Pub/Sub's pushes. A push says that there is news, never what: the mailbox is asked for that.

    Without the account that signs them, GMAIL_PUSH_ACCOUNT, all are refused.
    """

    channel: Channel = "gmail"
    answer = ("application/json", "{}")

    def __init__(self, settings: GmailSettings, account: MailAccount, certificates: Certificates) -> None:
        self._push_account = settings.push_account
        self._audience = settings.push_audience
        self._account = account
        self._certificates = certificates

    async def verify(self, request: WebhookRequest) -> None:
        """Raise BadSignature unless our push account signed this for us, or VendorAway without Google's keys.

        What a token claims is checked first: one that could not pass never makes us ask Google for keys. No reason
        quotes the token.
        """
        if self._push_account is None:
            raise BadSignature("pushes are not configured")
        token = _read_bearer(request.headers.get("authorization", ""))
        audience = [self._audience] if self._audience else [request.url, request.url.partition("?")[0]]
        try:
            key_id = self._check_claims(token, audience)
            certificate = await self._certificates.find(key_id)
            if certificate is None:
                raise BadSignature("the token is signed by an unknown key")  # noqa: TRY301
            jwt.decode(  # type: ignore[no-untyped-call]
                token, {key_id: certificate}, audience=audience, clock_skew_in_seconds=_SKEW_SECONDS
            )
        except (BadSignature, VendorAway):
            raise
        except Exception:  # noqa: BLE001  # whatever a stranger's token brings about in the library is no error of ours
            # Its reasons quote the token, and Python prints what led to an exception.
            raise BadSignature("the token is not a valid one of Google's") from None

    def _check_claims(self, token: str, audience: list[str]) -> str:
        """The id of the key that a promising token is signed with."""
        header = jwt.decode_header(token)  # type: ignore[no-untyped-call]
        claims = jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
        if header.get("alg") != "RS256" or not isinstance(header.get("kid"), str):
            raise BadSignature("the token is not signed with RS256")
        if claims.get("iss") not in _ISSUERS:
            raise BadSignature("the token is not issued by Google")
        if claims.get("aud") not in audience:
            raise BadSignature("the token is meant for another audience")
        if claims.get("email") != self._push_account or claims.get("email_verified") is not True:
            raise BadSignature("the token is another account's")
        return str(header["kid"])

    def parse(self, source: Source) -> Parsed:
        """Our mailbox, if it is meant. Anything else is taken and ignored: refused, Pub/Sub repeats it for days.

        The history id in it is not looked at. It may be a string or a number, come late, twice or out of order; the
        mailbox is read from where we stopped.
        """
        try:
            notice = _read_notice(source.body)
        except (ValueError, RecursionError):
            return Parsed(ignored=("a push that cannot be read",))
        address = notice.get("emailAddress")
        if not isinstance(address, str):
            return Parsed(ignored=("a push that names no mailbox",))
        if address.lower() != self._account.address:
            return Parsed(ignored=("a push for a mailbox that is not ours",))
        return Parsed(wakes=(self._account.address,))

    def confirm(self, request: WebhookRequest) -> str | None:  # noqa: ARG002  # of the protocol
        """Pub/Sub asks nothing before it sends."""
        return None


def _read_bearer(header: str) -> str:
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii() or len(token) > _LONGEST_TOKEN:
        raise BadSignature("there is no bearer token")
    return token


def _read_notice(body: bytes) -> Mapping[str, Any]:
    """Gmail's notice: in Pub/Sub's envelope, or bare where the subscription unwraps it. Raises ValueError."""
    whole = json.loads(body)
    if not isinstance(whole, dict):
        raise ValueError("not an object")  # noqa: TRY004  # as for any other wrong body
    if "message" not in whole:
        return whole
    data = whole["message"].get("data") if isinstance(whole["message"], dict) else None
    if not isinstance(data, str):
        raise ValueError("no data")  # noqa: TRY004
    notice = json.loads(_decode_base64(data))
    if not isinstance(notice, dict):
        raise ValueError("not an object")  # noqa: TRY004
    return notice


def _decode_base64(data: str) -> bytes:
    """Both alphabets, with padding or without: Google's own clients differ."""
    plain = data.strip().rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
