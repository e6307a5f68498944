"""Fetching files from Meta, in two steps: the Graph API names an address, which is good for five minutes.

https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import httpx

from channels.base import MediaRefused, VendorAway
from channels.whatsapp.meta.content import read_locator
from channels.whatsapp.meta.payload import read_code, read_text
from core.channel_settings import MetaSettings
from core.errors import OperatorError
from database.types import Attachment

_MEDIA_HOST = "lookaside.fbsbx.com"

# An address that has expired is answered with any of these; a new one is then asked for, once.
_EXPIRED = frozenset({401, 403, 404, 410})


class MetaMedia:
    """Fetches the files of our number. The token goes to Meta's own hosts and to no other."""

    def __init__(self, settings: MetaSettings, *, timeout_seconds: float = 15.0, total_seconds: float = 120.0) -> None:
        if settings.access_token is None:
            raise OperatorError("META_ACCESS_TOKEN: expected, because files are to be fetched")
        self._token = settings.access_token
        self._api_url = settings.api_url
        self._timeout = timeout_seconds
        self._total = total_seconds
        self._tls = httpx.create_ssl_context()

    async def fetch(self, inbox: str, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content, complete and as Meta described it. Raises MediaRefused or VendorAway."""
        del inbox  # a media id says whose it is
        media_id, digest = read_locator(attachment.locator or "")
        if not media_id:
            raise MediaRefused("the file has no id")
        try:
            async with asyncio.timeout(self._total), self._open_client() as client:
                content = await self._fetch_fresh(client, media_id, digest, max_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise VendorAway(f"Meta's media cannot be fetched: {type(error).__name__}") from error
        if content is None:
            raise MediaRefused("Meta does not give the file that it described")
        return content

    @asynccontextmanager
    async def _open_client(self) -> AsyncIterator[httpx.AsyncClient]:
        # Packed content could unpack to any size between two looks at it.
        headers = {
            "Authorization": f"Bearer {self._token.get_secret_value()}",
            "Accept-Encoding": "identity",
            "User-Agent": "Nightdesk",
        }
        async with httpx.AsyncClient(verify=self._tls, timeout=self._timeout, headers=headers) as client:
            yield client

    async def _fetch_fresh(
        self, client: httpx.AsyncClient, media_id: str, digest: str | None, max_bytes: int
    ) -> bytes | None:
        """The content, or None where a new address has not helped against an expired one or damaged content."""
        for _ in range(2):
            content = await self._download(client, await self._locate(client, media_id, max_bytes), max_bytes)
            if content is not None and digest in {None, sha256(content).hexdigest()}:
                return content
        return None

    async def _locate(self, client: httpx.AsyncClient, media_id: str, max_bytes: int) -> httpx.URL:
        response = await client.get(f"{self._api_url}/{media_id}")
        if response.status_code in {400, 404, 410}:
            raise MediaRefused("Meta does not have the file any more")
        if not response.is_success:
            raise VendorAway(f"Meta answered HTTP {response.status_code} about a file")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise VendorAway("Meta's answer about a file is unreadable")
        if (read_code(answer, "file_size") or 0) > max_bytes:
            raise MediaRefused(f"larger than {max_bytes} bytes")
        url = httpx.URL(read_text(answer, "url"))
        if not self._is_trusted(url):
            raise MediaRefused("Meta names a place that is not its own")
        return url

    def _is_trusted(self, url: httpx.URL) -> bool:
        ours = httpx.URL(self._api_url)
        is_api = (url.scheme, url.netloc) == (ours.scheme, ours.netloc)
        return is_api or (url.scheme == "https" and url.host == _MEDIA_HOST and url.port is None)

    async def _download(self, client: httpx.AsyncClient, url: httpx.URL, max_bytes: int) -> bytes | None:
        """The content, or None if the address is no longer good."""
        async with client.stream("GET", url) as response:
            if response.status_code in _EXPIRED:
                return None
            if not response.is_success:
                raise VendorAway(f"Meta's media answered HTTP {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > max_bytes:
                    raise MediaRefused(f"larger than {max_bytes} bytes")
            return bytes(content)
