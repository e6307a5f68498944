"""Reading Gmail's answers, which may lack anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from channels.base import VendorAway
from channels.gmail.client import Answer
from channels.gmail.refusal import GmailRefused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn a refusal that means nothing here, and an answer of another shape, into VendorAway."""
    try:
        yield
    except GmailRefused as error:
        raise VendorAway(f"{what}: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise VendorAway(f"{what}: Gmail's answer has another shape ({type(error).__name__})") from None


def read_time(milliseconds: str) -> datetime:
    """Gmail's times are milliseconds since 1970, as text."""
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def read_header(mail: Answer, name: str) -> str | None:
    """A header of a mail that was asked for in the format `metadata`, or None."""
    payload = mail.get("payload")
    headers = payload.get("headers") if isinstance(payload, dict) else None
    for header in headers if isinstance(headers, list) else []:
        if isinstance(header, dict) and str(header.get("name", "")).lower() == name.lower():
            return str(header.get("value", "")).strip() or None
    return None
