"""What Gmail's errors mean: whether to wait, to sign in, or to give up."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# https://developers.google.com/workspace/gmail/api/guides/handle-errors
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"})
_SCOPE_REASONS = frozenset({"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})

# Stands in the message alone: "User-rate limit exceeded.  Retry after 2020-01-21T12:57:51.196Z"
_RETRY_AFTER = re.compile(r"Retry after (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")
_LONGEST_WAIT = 24 * 3600.0
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Gmail answered in place of a result: nothing was accepted unless `status` is 5xx or a redirection.

    `text` is Gmail's own sentence, shortened. `retry_after` is in seconds from now, where Gmail said it.
    """

    status: int
    reasons: frozenset[str] = frozenset()
    text: str = ""
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"Gmail answered {self.status}: {self.text}" if self.text else f"Gmail answered {self.status}"

    @property
    def is_rate(self) -> bool:
        """Too fast at the moment, which passes by itself."""
        return self.status == 429 or (self.status == 403 and bool(self.reasons & _RATE_REASONS))

    @property
    def is_temporary(self) -> bool:
        """The same question may well be answered in a moment."""
        return self.is_rate or self.status in {408, 500, 502, 503, 504}

    @property
    def is_sign_in(self) -> bool:
        """The account did not allow what we do; signing in again asks it to."""
        return self.status == 403 and bool(self.reasons & _SCOPE_REASONS)


class GmailRefused(Exception):
    """Gmail answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def read_refusal(
    status: int, headers: Mapping[str, str], content: bytes, *, now: Callable[[], datetime] | None = None
) -> Refusal:
    """Understand an error whatever shape it has: Google's JSON, or a proxy's HTML."""
    error = _read_error(content)
    message = error.get("message")
    text = message if isinstance(message, str) else ""
    clock = now or (lambda: datetime.now(UTC))
    return Refusal(
        status=status,
        reasons=_read_reasons(error),
        text=" ".join(text.split())[:_LONGEST_TEXT],
        retry_after=_read_wait(headers.get("retry-after", ""), text, clock()),
    )


def _read_error(content: bytes) -> Mapping[str, object]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _read_reasons(error: Mapping[str, object]) -> frozenset[str]:
    found = [error.get("status")]
    for key in ("errors", "details"):
        entries = error.get(key)
        found += [
            entry.get("reason") for entry in (entries if isinstance(entries, list) else []) if isinstance(entry, dict)
        ]
    return frozenset(reason for reason in found if isinstance(reason, str))


def _read_wait(header: str, text: str, now: datetime) -> float | None:
    """Seconds, from the header or from Gmail's sentence."""
    if header.isascii() and header.isdigit():
        return min(float(header), _LONGEST_WAIT)
    told = _RETRY_AFTER.search(text)
    try:
        if told:
            until = datetime.fromisoformat(told[1]).replace(tzinfo=UTC)
        elif header:
            until = parsedate_to_datetime(header)
            until = until if until.tzinfo else until.replace(tzinfo=UTC)
        else:
            return None
    except ValueError:
        return None
    return min(max((until - now).total_seconds(), 0.0), _LONGEST_WAIT)
