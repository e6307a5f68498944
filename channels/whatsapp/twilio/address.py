"""Who is at the other end of a WhatsApp message, as Twilio writes it."""

import re
from dataclasses import dataclass

PREFIX = "whatsapp:"
_PHONE = re.compile(r"\+[1-9]\d{4,14}")
_DIGITS = re.compile(r"[1-9]\d{4,14}")


@dataclass(frozen=True, slots=True)
class Address:
    """A phone number in E.164, or Meta's business-scoped user id, which stands in its place where the number is hidden.

    `text` is the one that `From` shows. It names the thread: the Messages resource has nothing else, and a message must
    land in the same thread whether its webhook brings it or a poll does.
    """

    text: str
    phone: str | None = None
    user_id: str | None = None


def read_address(shown: str, *, wa_id: str = "") -> Address:
    """Read `From`, and the field `WaId` that may say more.

    `ExternalUserId` is left alone: no documentation says whose id it is, and a wrong one would join two customers.
    """
    text = shown.removeprefix(PREFIX).strip()
    if _PHONE.fullmatch(text):
        return Address(text, text)
    return Address(text, f"+{wa_id}" if _DIGITS.fullmatch(wa_id) else None, text)


def write_address(phone: str | None, user_id: str | None) -> str | None:
    """How Twilio wants a recipient to be written, the number first; None where neither is known."""
    known = phone or user_id
    return f"{PREFIX}{known}" if known else None
