"""What a setting's text must look like."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _require_http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("expected a URL that starts with http:// or https://")
    return url.rstrip("/")


def _require_address(address: str) -> str:
    name, _, domain = address.rpartition("@")
    if not name or not domain or any(character.isspace() for character in address):
        raise ValueError("expected an address such as support@example.com")
    return address.lower()


HttpUrl = Annotated[str, AfterValidator(_require_http_url)]
Address = Annotated[str, AfterValidator(_require_address)]
