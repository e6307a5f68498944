"""Calling Twilio's API: one connection per call, a limit on its time, nothing repeated, and errors that say how far
the request came.
"""

import re
import ssl
from collections.abc import Mapping
from logging import getLogger
from typing import Any
from urllib.parse import urlsplit

import httpx
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from core.channel_settings import TwilioSettings
from core.errors import OperatorError

_CONNECT_SECONDS = 5.0
_MAX_RETRY_AFTER = 3_600.0

# Nothing of the request has left when these are raised; a failed TLS handshake is a ConnectError too.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class NotReached(Exception):
    """Twilio surely has not seen the request: there was no connection."""


class AnswerLost(Exception):
    """Twilio may have acted on the request; its answer did not arrive, or not whole."""


class TwilioHttp(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Carries the SDK's requests to `api_url`, whatever host it names, be it out of the environment. For one call.

    The SDK's own client leaves its connection open and does not tell a refused one from a lost answer, and its
    asynchronous one ignores its time limit (https://github.com/twilio/twilio-python/issues/925). `retry_after` is what
    the last answer asked for, in seconds.
    """

    def __init__(self, api_url: str, timeout_seconds: float, tls: ssl.SSLContext) -> None:
        super().__init__(getLogger("twilio.http_client"), is_async=False, timeout=timeout_seconds)
        self._api_url = api_url
        self._tls = tls
        self.retry_after: float | None = None

    def request(  # noqa: PLR0917  # the SDK's signature
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT001  # as above
    ) -> Response:
        """Send one request. Raises NotReached or AnswerLost."""
        parts = urlsplit(uri)
        url = self._api_url + parts.path + (f"?{parts.query}" if parts.query else "")
        limits = httpx.Timeout(timeout or self.timeout, connect=_CONNECT_SECONDS)
        try:
            with httpx.Client(verify=self._tls, timeout=limits, follow_redirects=allow_redirects) as client:
                # An empty mapping of parameters would cut off those that the URL has.
                answer = client.request(method, url, params=params or None, data=data, headers=headers, auth=auth)
        except _NOT_SENT as error:
            raise NotReached(type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AnswerLost(type(error).__name__) from error
        self.retry_after = _read_seconds(answer.headers.get("retry-after", ""))
        return Response(answer.status_code, answer.text, answer.headers)


class TwilioApi:
    """Opens a client for each call. Raises OperatorError without credentials."""

    def __init__(self, settings: TwilioSettings, timeout_seconds: float) -> None:
        if settings.account_sid is None or settings.auth_token is None:
            raise OperatorError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: expected both, or neither")
        self.account_sid = settings.account_sid
        self._auth_token = settings.auth_token
        self._url = settings.api_url
        self._timeout = timeout_seconds
        self._tls = httpx.create_ssl_context()

    def open(self) -> tuple[Client, TwilioHttp]:
        """A client for one call, and the connection below it."""
        http = TwilioHttp(self._url, self._timeout, self._tls)
        return Client(self.account_sid, self._auth_token.get_secret_value(), http_client=http), http


def _read_seconds(text: str) -> float | None:
    """Whole seconds of Retry-After, at most an hour; its other form, a date, is not read."""
    return min(float(text), _MAX_RETRY_AFTER) if re.fullmatch(r"[0-9]{1,9}", text) else None
