"""What Twilio's error codes mean for a message that we wanted to send.

Each has a page at https://www.twilio.com/docs/api/errors/CODE.
"""

from channels.base import DeliveryFailed, DeliveryUncertain, InboxBlocked, SignInNeeded, WindowClosed
from channels.whatsapp.provider import limit_rate

WINDOW_CLOSED = 63016
_WRONG_CREDENTIALS = frozenset({20003})
# Seconds for which the whole account shall send less.
_RATE_LIMITS = {20429: 5.0, 30001: 60.0, 63017: 5.0}
_UNNAMED_LIMIT_SECONDS = 30.0
# Seconds for this message alone. 63018 is several limits under one number: one customer's, the sender's and the
# portfolio's for a day, so it gets more than a moment and does not stop the others.
_RETRIES = {14107: 30.0, 63018: 60.0}
_DAILY_LIMIT = 63038
# The account or our number, not this message: a limit for the day, a suspension, a lock, a number that is not ours.
_BLOCKS = {20005: 900.0, 30002: 900.0, 63007: 900.0, _DAILY_LIMIT: 3_600.0, 63051: 3_600.0, 90010: 900.0}
_MENDED_BY_TIME = _RATE_LIMITS | _RETRIES | {_DAILY_LIMIT: _BLOCKS[_DAILY_LIMIT]}
_MEANINGS = {
    20003: "the credentials are refused, or the account is suspended",
    20429: "too many requests",
    21211: "the recipient's number is not valid",
    21610: "the customer has opted out",
    21617: "the text is longer than 1,600 characters",
    30002: "the account is suspended",
    63003: "the recipient is not on WhatsApp",
    63007: "the sender is not a WhatsApp number of this account",
    WINDOW_CLOSED: "the customer's 24 hours are over and only a template may be sent",
    63017: "the account's rate limit",
    63018: "a rate limit of WhatsApp",
    63024: "the recipient cannot get it",
    _DAILY_LIMIT: "the account's daily limit",
    63051: "the WhatsApp Business account is locked",
}


def describe_error(code: int) -> str:
    """The error for people. Twilio's own words are left out: they repeat the customer's number."""
    meaning = f": {_MEANINGS[code]}" if code in _MEANINGS else ""
    return f"Twilio error {code}{meaning} (https://www.twilio.com/docs/api/errors/{code})"


def find_retry_seconds(code: int | None) -> float | None:
    """After how long to send again what Twilio took and then failed with this code; None where time mends nothing."""
    return None if code is None else _MENDED_BY_TIME.get(code)


def judge_refusal(status: int, code: int | None, retry_after: float | None) -> Exception:
    """What an error answer to a send means. `code` is Twilio's own, or None where the answer is not theirs.

    Only a 5xx leaves open whether the message was taken, unless its code says that it was not. An answer that is not
    Twilio's, from something on the way, says nothing about this message, so it may be tried again.
    """
    if code is not None:
        known = _judge_code(code, retry_after)
        if known is not None:
            return known
    if status == 401:
        return SignInNeeded("Twilio refuses the credentials")
    if status == 429:
        return limit_rate("Twilio asks for patience", retry_after or _UNNAMED_LIMIT_SECONDS)
    if status >= 500 or status == 408:
        return DeliveryUncertain(f"Twilio answered with status {status}")
    reason = describe_error(code) if code else f"Twilio answered with status {status}"
    return DeliveryFailed(reason, permanent=code is not None and 400 <= status < 500, retry_after=retry_after)


def _judge_code(code: int, retry_after: float | None) -> Exception | None:
    reason = describe_error(code)
    if code in _WRONG_CREDENTIALS:
        return SignInNeeded(reason)
    if code == WINDOW_CLOSED:
        return WindowClosed(reason)
    if code in _BLOCKS:
        return InboxBlocked(reason, retry_after=retry_after or _BLOCKS[code])
    if code in _RATE_LIMITS:
        return limit_rate(reason, retry_after or _RATE_LIMITS[code])
    if code in _RETRIES:
        return DeliveryFailed(reason, permanent=False, retry_after=retry_after or _RETRIES[code])
    return None
