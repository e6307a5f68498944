"""Gmail's errors, in each shape they were seen in."""

import json
from datetime import UTC, datetime

import pytest

from channels.gmail.refusal import Refusal, read_refusal

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def read(status: int, body: object, **headers: str) -> Refusal:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_refusal(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, content, now=lambda: NOW
    )


def google(message: str, reason: str, status: str = "UNKNOWN") -> dict[str, object]:
    return {"error": {"message": message, "errors": [{"reason": reason}], "status": status}}


def test_a_limit_is_told_by_reason_and_by_status() -> None:
    assert read(403, google("Quota exceeded for quota metric", "rateLimitExceeded")).is_rate
    assert read(403, google("User Rate Limit Exceeded", "userRateLimitExceeded")).is_rate
    assert read(403, {"error": {"details": [{"reason": "RATE_LIMIT_EXCEEDED"}]}}).is_rate
    assert read(429, b"<html>").is_rate
    assert not read(403, google("Not allowed", "domainPolicy")).is_rate
    assert not read(400, google("odd", "rateLimitExceeded")).is_rate


def test_gmails_sentence_says_how_long_to_wait() -> None:
    message = "User-rate limit exceeded.  Retry after 2026-11-21T12:15:30.196Z"
    assert read(429, google(message, "rateLimitExceeded")).retry_after == 930.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("999999999", 86_400.0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_the_header_says_how_long_to_wait(header: str, seconds: float | None) -> None:
    assert read(503, b"", retry_after=header).retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"\xff",
        {"error": "invalid"},
        {"error": {"errors": 5}},
        {"error": {"message": 7}},
    ],
)
def test_a_body_of_another_shape_leaves_the_status(body: object) -> None:
    assert str(read(503, body)) == "Gmail answered 503"


def test_a_long_or_broken_message_is_shortened_to_one_line() -> None:
    text = str(read(400, google("a\r\n" * 500, "invalid")))
    assert "\n" not in text
    assert len(text) < 250
