"""What it means when a question to Twilio is not answered as it should be."""

from collections.abc import Iterator
from contextlib import contextmanager

from twilio.base.exceptions import TwilioException

from channels.base import SignInNeeded, VendorAway
from channels.whatsapp.twilio.client import AnswerLost, NotReached

_REFUSED = frozenset({401, 403})


@contextmanager
def translate_problems() -> Iterator[None]:
    """Turn whatever goes wrong with a question into VendorAway or SignInNeeded.

    Not for sending: there it matters how far the request came.
    """
    try:
        yield
    except (NotReached, AnswerLost) as error:
        raise VendorAway(f"no answer from Twilio: {error}") from error
    except TwilioException as error:
        # Its text may hold the customer's number, so it is not passed on.
        status = _read_status(error)
        if status in _REFUSED:
            raise SignInNeeded("Twilio refuses the credentials") from None
        raise VendorAway(f"Twilio answered with status {status}") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise VendorAway(f"Twilio's answer cannot be read: {type(error).__name__}") from None


def _read_status(error: TwilioException) -> int | None:
    # A page that cannot be had is a bare exception with the response as its second argument.
    response = error.args[1] if len(error.args) > 1 else error
    status = getattr(response, "status_code", None) or getattr(error, "status", None)
    return status if isinstance(status, int) else None
