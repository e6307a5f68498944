"""Fetching the files of messages from Twilio.

Their addresses want the account's password and answer with a redirect to a store that must not get it
(https://www.twilio.com/docs/messaging/api/media-resource).
"""

import asyncio

import httpx

from channels.base import MediaRefused, VendorAway
from core.channel_settings import TwilioSettings
from core.errors import OperatorError
from database.types import Attachment

_MAX_REDIRECTS = 3
_GONE = frozenset({400, 404, 410})


class TwilioMedia:
    """Fetches the files of our number. The password goes to the API's own host and to no other."""

    def __init__(
        self, settings: TwilioSettings, *, timeout_seconds: float = 15.0, total_seconds: float = 120.0
    ) -> None:
        if settings.account_sid is None or settings.auth_token is None:
            raise OperatorError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: expected, because files are to be fetched")
        self._auth = httpx.BasicAuth(settings.account_sid, settings.auth_token.get_secret_value())
        self._api = httpx.URL(settings.api_url)
        self._timeout = timeout_seconds
        self._total = total_seconds
        self._tls = httpx.create_ssl_context()

    async def fetch(self, inbox: str, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content. Raises MediaRefused where it is not to be had, or VendorAway where it may be later."""
        del inbox  # the address says whose it is
        url = self._locate(attachment.locator or "")
        try:
            async with asyncio.timeout(self._total), self._open_client() as client:
                return await self._follow(client, url, max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise VendorAway(f"Twilio's media cannot be fetched: {type(error).__name__}") from error

    def _locate(self, locator: str) -> httpx.URL:
        try:
            # A webhook gives the whole address, the API only its path.
            is_path = locator.startswith("/") and not locator.startswith("//")
            url = self._api.copy_with(path=locator) if is_path else httpx.URL(locator)
        except httpx.InvalidURL as error:
            raise MediaRefused("the address of the file cannot be read") from error
        if (url.scheme, url.host, url.port) != (self._api.scheme, self._api.host, self._api.port):
            raise MediaRefused("the file is not at Twilio")
        return url

    def _open_client(self) -> httpx.AsyncClient:
        # Packed content could unpack to any size between two looks at it.
        headers = {"Accept-Encoding": "identity", "User-Agent": "Nightdesk"}
        return httpx.AsyncClient(verify=self._tls, timeout=self._timeout, headers=headers)

    async def _follow(self, client: httpx.AsyncClient, url: httpx.URL, max_bytes: int) -> bytes:
        auth: httpx.BasicAuth | None = self._auth
        for _ in range(_MAX_REDIRECTS + 1):
            async with client.stream("GET", url, auth=auth) as response:
                if not response.has_redirect_location:
                    return await _read_content(response, max_bytes)
                url = url.join(response.headers["location"])
            auth = None
            if url.scheme not in {"https", self._api.scheme}:
                raise MediaRefused("the file is behind an unprotected address")
        raise MediaRefused("the file is behind too many redirects")


async def _read_content(response: httpx.Response, max_bytes: int) -> bytes:
    if response.status_code in _GONE:
        raise MediaRefused("Twilio does not have the file any more")
    if response.status_code != 200:
        raise VendorAway(f"Twilio answered with status {response.status_code} for a file")
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise MediaRefused(f"the file is larger than {max_bytes} bytes")
    return bytes(content)
