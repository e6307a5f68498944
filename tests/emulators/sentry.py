"""A server of Sentry's on loopback: takes envelopes and keeps the events in them.

https://develop.sentry.dev/sdk/data-model/envelopes/
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.receiving import Headers, receive_aside

PROJECT = 42
KEY = "4b2d7f0c9a8e4d1f8b6c5a4938271605"


@dataclass(slots=True)
class Sentry:
    """What has arrived. `types` are those of all items, events or not; `requests` are the envelopes as they came."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """Where a client finds its project here."""
        return f"{self.url.replace('://', f'://{KEY}@')}/{PROJECT}"

    def take(self, path: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """POST of an envelope."""
        if path != f"/api/{PROJECT}/envelope/" or f"sentry_key={KEY}" not in headers.get("x-sentry-auth", ""):
            return 403, b"{}"
        self.requests.append(body)
        for kind, payload in _read_items(body):
            self.types.append(kind)
            if kind == "event":
                self.events.append(json.loads(payload))
        return 200, b"{}"


@contextmanager
def run_sentry() -> Iterator[Sentry]:
    """The server, for the length of the block."""
    sentry = Sentry()
    with receive_aside(sentry.take, media_type="application/json") as sentry.url:
        yield sentry


def _read_items(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Type and payload of each. A header of JSON ends with its line; a payload has a length, or ends with its line."""
    _envelope, _, rest = body.partition(b"\n")
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n") % (len(rest) + 1))
        yield header["type"], rest[:length]
        rest = rest[length:].removeprefix(b"\n")
