"""Who writes on WhatsApp: by phone number, by Meta's business-scoped user id, or by both.

A customer with a username may hide the number; the id is then all there is. A new number also brings a new id
(https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels.whatsapp.identifiers import list_addresses
from channels.whatsapp.meta.payload import Json, read_object, read_text
from database.types import Identity, IdentityLevel, WhatsAppPath


@dataclass(frozen=True, slots=True)
class Person:
    """A sender. `phone` is E.164 with its plus; at least one of `phone` and `user_id` is there."""

    phone: str | None
    user_id: str | None
    name: str = ""

    @property
    def contact(self) -> str:
        """What names their thread: the id, which stays when they hide their number."""
        return self.user_id or self.phone or ""

    @property
    def path(self) -> WhatsAppPath:
        """How a reply reaches them."""
        return WhatsAppPath(provider="meta", phone=self.phone, user_id=self.user_id)

    def identify(self, level: IdentityLevel) -> tuple[Identity, ...]:
        """All they are known by, the contact first."""
        return tuple(
            Identity(kind="whatsapp", value=value, level=level, name=self.name) for value in list_addresses(self.path)
        )


def find_sender(message: Json, contacts: Sequence[Json], *, is_only_sender: bool) -> Person | None:
    """Who sent a message, with what `contacts` adds about them; None if nobody is named.

    Another person's contact never lends its name or id, unless it is the only one and so is the sender: a number
    is not always written alike in both places (`from` and `wa_id` differ in some countries).
    """
    phone, user_id = read_phone(message, "from"), read_user_id(message, "from_user_id") or _read_id_from(message)
    mine = [contact for contact in contacts if _belongs(contact, phone, user_id)]
    if not mine and is_only_sender and len(contacts) == 1:
        mine = [contacts[0]]
    contact = mine[0] if mine else {}
    profile = read_object(contact, "profile")
    person = Person(
        phone=phone or read_phone(contact, "wa_id"),
        user_id=user_id or read_user_id(contact, "user_id"),
        name=read_text(profile, "name", limit=200) or read_text(profile, "username", limit=200),
    )
    return person if person.contact else None


def read_phone(source: Json, key: str) -> str | None:
    """A phone number with its plus, or None for anything else."""
    digits = re.fullmatch(r"\+?([0-9]{5,20})", read_text(source, key))
    return f"+{digits[1]}" if digits else None


def read_user_id(source: Json, key: str) -> str | None:
    """A business-scoped user id such as `US.13491208655302741918`, exactly as Meta writes it."""
    text = read_text(source, key, limit=201)
    return text if 0 < len(text) <= 200 and not any(character.isspace() for character in text) else None


def _read_id_from(message: Json) -> str | None:
    """`from` where it is no phone number. Meta does not say that it never holds an id."""
    return None if read_phone(message, "from") else read_user_id(message, "from")


def _belongs(contact: Json, phone: str | None, user_id: str | None) -> bool:
    by_id = user_id is not None and read_user_id(contact, "user_id") == user_id
    by_phone = phone is not None and read_phone(contact, "wa_id") == phone
    return by_id or by_phone
