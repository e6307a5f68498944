"""Where a page of a list ended, as an opaque text: only we can make one, so nobody depends on what stands in it."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Any

from api.problems import refuse_field
from core.ids import derive_token, matches_token

_SEAL_CHARACTERS = 32


def write_cursor(secret_key: str, listing: str, place: list[Any]) -> str:
    """The cursor behind this place of a listing."""
    text = urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()
    return text + _seal(secret_key, listing, text)


def read_cursor(secret_key: str, listing: str, cursor: str) -> list[Any]:
    """The place that was written for this listing. Raises Problem 422 where it was written for no such."""
    text, seal = cursor[:-_SEAL_CHARACTERS], cursor[-_SEAL_CHARACTERS:]
    try:
        if matches_token(_seal(secret_key, listing, text), seal):
            place: list[Any] = json.loads(urlsafe_b64decode(text))
            return place
    except (UnicodeEncodeError, NotBase64, ValueError):
        pass  # half of a character, which no cursor of ours has
    raise refuse_field("cursor", "is not a cursor of this list in this order; begin without one")


def _seal(secret_key: str, listing: str, text: str) -> str:
    return derive_token(secret_key, f"cursor of {listing}", text)[:_SEAL_CHARACTERS]
