"""The files of WhatsApp messages, from whichever provider has them."""

from collections.abc import Mapping

from channels.base import MediaFetcher, MediaRefused
from database.types import Attachment


class WhatsAppMedia:
    """Asks the provider that the message came through. `fetchers` are by inbox."""

    def __init__(self, fetchers: Mapping[str, MediaFetcher]) -> None:
        self._fetchers = fetchers

    async def fetch(self, inbox: str, attachment: Attachment, *, max_bytes: int) -> bytes:
        """The content. Raises MediaRefused or VendorAway."""
        fetcher = self._fetchers.get(inbox)
        if fetcher is None:
            raise MediaRefused("the inbox it came to is not configured any more")
        return await fetcher.fetch(inbox, attachment, max_bytes=max_bytes)
