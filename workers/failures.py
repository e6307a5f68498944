"""What a failed attempt means: for the history, and for what happens next."""

import os
import re
import socket

from core.errors import PermanentError, RetryLater
from database.storable import clean_reason
from database.types import Failure

_MAX_MESSAGE_CHARACTERS = 500
# Keys, bearer tokens and the passwords in URLs: vendors like to quote them in their errors.
_SECRETS = re.compile(r"(?i)\b(?:sk|nd|pk|rk|xox[abp])[-_][\w*-]{8,}|\bbearer\s+\S+|(?<=://)[^/@\s]+:[^/@\s]+(?=@)")


def describe_failure(error: BaseException) -> Failure:
    """One line of the history that a dead letter keeps."""
    text = clean_reason(_SECRETS.sub("[secret]", str(error)))
    return Failure(_name_worker(), type(error).__name__, text[:_MAX_MESSAGE_CHARACTERS])


def is_permanent(error: BaseException) -> bool:
    """Whether another attempt would be pointless."""
    return isinstance(error, PermanentError)


def find_retry_after(error: BaseException) -> float | None:
    """Seconds that somebody asked us to wait, if they did."""
    return error.seconds if isinstance(error, RetryLater) else None


def _name_worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
