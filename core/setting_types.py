"""What a setting's text must look like."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode


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


def _split_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _require_origin(origin: str) -> str:
    parts = urlsplit(_require_http_url(origin))
    if origin != f"{parts.scheme}://{parts.netloc}" or "*" in origin or "@" in origin:
        raise ValueError("expected origins such as https://www.example.com, with no path and no wildcard")
    return origin


def _require_headers(headers: SecretStr) -> SecretStr:
    parts = headers.get_secret_value().split(",")
    if not all(re.fullmatch(r"\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=[\x20-\x7e]*", part) for part in parts):
        raise ValueError("expected headers such as authorization=Bearer%20secret,x-team=desk")
    return headers


def _require_dsn(dsn: SecretStr) -> SecretStr:
    if not re.fullmatch(
        r"https?://[^\s/@:]+(?::[^\s/@:]+)?@[^\s/@:]+(?::\d{1,5})?(?:/[^\s/?#]+)*/\d+", dsn.get_secret_value()
    ):
        raise ValueError("expected a DSN such as https://key@sentry.example.com/42, as the project's settings show it")
    return dsn


HttpUrl = Annotated[str, AfterValidator(_require_http_url)]
Address = Annotated[str, AfterValidator(_require_address)]
Headers = Annotated[SecretStr, AfterValidator(_require_headers)]
Dsn = Annotated[SecretStr, AfterValidator(_require_dsn)]
# Lists are written with commas between their parts.
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_split_list)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_require_origin)], ...], NoDecode, BeforeValidator(_split_list)]
