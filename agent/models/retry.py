"""What a failed request to a model means: whether to ask again within the turn, and whether the model is away.

The SDK's client would obey a retry-after of two minutes in full; the offline brain answers sooner than that.
"""

from agents.exceptions import ModelBehaviorError
from openai import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableEntityError,
)

MAX_RETRIES = 2
MAX_DELAY_SECONDS = 4.0
_FIRST_DELAY_SECONDS = 0.4
_PASSING_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


def delay_before_retry(error: Exception, attempt: int, jitter: float) -> float | None:
    """Seconds until the next attempt after attempt number `attempt`, or None to give up. `jitter` is in [0, 1).

    A server that asks for more patience than MAX_DELAY_SECONDS is not asked again.
    """
    if attempt > MAX_RETRIES or not _is_passing(error):
        return None
    wanted = _read_retry_after(error)
    if wanted is not None and wanted > MAX_DELAY_SECONDS:
        return None
    backoff = _FIRST_DELAY_SECONDS * 2.0 ** (attempt - 1) * (0.5 + jitter)
    return min(max(backoff, wanted or 0.0), MAX_DELAY_SECONDS)


def is_outage(error: Exception) -> bool:
    """Whether this speaks against the model or its server, and not against this one request."""
    return not isinstance(error, (BadRequestError, UnprocessableEntityError, ModelBehaviorError))


def is_lasting(error: Exception) -> bool:
    """Whether only the operator can mend it: the key, the model's name, the account's money."""
    return isinstance(error, (AuthenticationError, NotFoundError, PermissionDeniedError)) or _is_out_of_money(error)


def _is_passing(error: Exception) -> bool:
    if isinstance(error, APIStatusError):
        told = error.response.headers.get("x-should-retry")
        return error.status_code in _PASSING_STATUS and told != "false" and not _is_out_of_money(error)
    return isinstance(error, APIConnectionError)


def _is_out_of_money(error: Exception) -> bool:
    return isinstance(error, APIStatusError) and "insufficient_quota" in {error.code, error.type}


def _read_retry_after(error: Exception) -> float | None:
    """Seconds; a date, which the header may hold as well, counts as too long."""
    if not isinstance(error, APIStatusError):
        return None
    value = error.response.headers.get("retry-after")
    try:
        return None if value is None else float(value)
    except ValueError:
        return float("inf")
