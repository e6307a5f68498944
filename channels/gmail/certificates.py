"""Google's certificates, fetched rarely and kept as long as Google says."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping

import httpx

from channels.base import VendorAway

_LONGEST_AGE = 24 * 3600.0
_DEFAULT_AGE = 3600.0
_FETCH_SECONDS = 5.0
# Between two fetches: whoever sends tokens with made-up key ids must not make us ask Google for each of them.
_PAUSE = 60.0
_PAUSE_AFTER_FAILURE = 5.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})")


class Certificates:
    """The certificates by key id, for one event loop. An unknown key id looks whether there are new ones."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._by_key: Mapping[str, str] = {}
        self._stale_at = float("-inf")
        self._ask_again_at = float("-inf")
        self._problem: str | None = None

    async def find(self, key_id: str) -> str | None:
        """The certificate in PEM, or None where Google has none of this name. Raises VendorAway."""
        if self._is_known(key_id):
            return self._by_key[key_id]
        async with self._lock:
            if not self._is_known(key_id) and self._monotonic() >= self._ask_again_at:
                await self._renew()
        if self._is_known(key_id):
            return self._by_key[key_id]
        if self._problem is not None:
            raise VendorAway(self._problem)
        return None

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._by_key and self._monotonic() < self._stale_at

    async def _renew(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=_FETCH_SECONDS) as http:
                response = await http.get(self._url)
            response.raise_for_status()
            found = response.json()
            if not isinstance(found, dict) or not all(isinstance(pem, str) for pem in found.values()):
                raise ValueError("not a table of certificates")  # noqa: TRY301
        except (httpx.HTTPError, ValueError) as error:
            self._problem = f"Google's certificates cannot be fetched: {type(error).__name__}"
            self._ask_again_at = self._monotonic() + _PAUSE_AFTER_FAILURE
            return
        age = _read_age(response.headers.get("cache-control", ""))
        self._by_key = found
        self._problem = None
        self._stale_at = self._monotonic() + age
        self._ask_again_at = self._monotonic() + min(_PAUSE, age)


def _read_age(cache_control: str) -> float:
    """Seconds for which they are good; between the pause and a day, whatever is claimed."""
    said = _MAX_AGE.search(cache_control.lower())
    return min(max(float(said[1]), _PAUSE), _LONGEST_AGE) if said else _DEFAULT_AGE
