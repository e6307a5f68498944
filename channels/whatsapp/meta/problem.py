"""Meta's error codes and what they mean for a reply.

The codes are from https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes.
"""

import re

from channels.base import DeliveryFailed, DeliveryUncertain, SignInNeeded, WindowClosed
from channels.whatsapp.meta.payload import Json, read_code, read_object, read_text
from channels.whatsapp.provider import ProviderUnavailable, limit_rate

WINDOW_CLOSED = 131047
_PAIR_LIMIT = 131056
_MISSING_OBJECT = (100, 33)  # Graph's words for a number that this token may not use

_SIGN_IN = frozenset({0, 3, 10, 190, 131005, *range(200, 300)})
# Restrictions, bills, spam limits, an unregistered number, a display name under review: ours, not the message's. A ban
# on writing to the recipient's country (130497) is not among them, for it leaves all others reachable.
_ACCOUNT = frozenset({368, 131031, 131037, 131042, 131044, 131045, 131048, 131064, 133010})
# Each of the following says that the message was not sent, whatever the HTTP status beside it. First the limits of the
# app, the account or our number, and its maintenance, with the seconds for which nobody shall send; then what concerns
# this message alone.
_RATE_LIMITS = {4: 60.0, 80007: 60.0, 130429: 10.0, 131057: 300.0}
_UNNAMED_LIMIT_SECONDS = 30.0
_RETRIES = frozenset({131000, 131016, _PAIR_LIMIT, 133004})
_PAIR_SECONDS = 6.0
_FAILED_LATER_SECONDS = 60.0

_NUMBER = re.compile(r"\+?\d{7,}")
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{25,}")

Refusal = DeliveryFailed | DeliveryUncertain | SignInNeeded


def read_refusal(status: int, error: Json, retry_after: float | None) -> Refusal:
    """What to make of an answer that is not a success. `error` is Graph's error object, or empty without one."""
    code = read_code(error, "code")
    if code is None:
        return _judge_status(status, retry_after)
    return _judge_code(code, status, error, retry_after) or _judge_unknown_code(status, error)


def find_retry_seconds(code: int | None) -> float | None:
    """After how long to send again what Meta took and then failed with this code; None where time mends nothing."""
    if code is None:
        return None
    if code in _RETRIES:
        return _PAIR_SECONDS if code == _PAIR_LIMIT else _FAILED_LATER_SECONDS
    return _RATE_LIMITS.get(code)


def describe_error(error: Json) -> str:
    """Code and reason in one short line, without what may be a phone number or a token."""
    reason = read_text(error, "title") or read_text(error, "message")
    details = read_text(read_object(error, "error_data"), "details")
    words = ": ".join(dict.fromkeys(part for part in (reason, details) if part))
    code = read_code(error, "code")
    safe = _TOKEN.sub("…", _NUMBER.sub("…", words)) or "no reason given"
    return f"Meta{'' if code is None else f' {code}'}: {safe}"[:300]


def _judge_code(code: int, status: int, error: Json, retry_after: float | None) -> Refusal | None:
    if status < 500 and (code in _SIGN_IN or (code, read_code(error, "error_subcode")) == _MISSING_OBJECT):
        # Without Meta's words, which may repeat the token.
        return SignInNeeded(f"Meta refuses the access token (code {code})")
    if code == WINDOW_CLOSED:
        return WindowClosed(describe_error(error))
    if code in _ACCOUNT:
        return ProviderUnavailable(describe_error(error))
    if code in _RETRIES:
        waits = _PAIR_SECONDS if code == _PAIR_LIMIT else None
        return DeliveryFailed(describe_error(error), permanent=False, retry_after=retry_after or waits)
    if code in _RATE_LIMITS or status == 429:
        return limit_rate(describe_error(error), retry_after or _RATE_LIMITS.get(code, _UNNAMED_LIMIT_SECONDS))
    return None


def _judge_unknown_code(status: int, error: Json) -> Refusal:
    """Graph refused a request that it calls wrong, or failed over it half-way."""
    if not 400 <= status < 500:
        return DeliveryUncertain(describe_error(error))
    return DeliveryFailed(describe_error(error), permanent=error.get("is_transient") is not True)


def _judge_status(status: int, retry_after: float | None) -> Refusal:
    """An answer without Graph's error object: HTML of a proxy, or nothing at all."""
    said = f"Meta answered HTTP {status} without a reason"
    if status == 401:
        return SignInNeeded(said)
    if status == 429:
        return limit_rate(said, retry_after or _UNNAMED_LIMIT_SECONDS)
    if 400 <= status < 500:
        return DeliveryFailed(said, permanent=False, retry_after=retry_after)
    return DeliveryUncertain(said)
