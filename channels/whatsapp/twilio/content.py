"""The words of a WhatsApp message: what it says itself, and what people must know about it."""

import re
from collections.abc import Mapping, Sequence

_FILE_KINDS = {
    "image": "an image",
    "audio": "a voice message or other audio",
    "video": "a video",
    "text": "a text file",
}
_CONTACT_TYPES = frozenset({"text/vcard", "text/x-vcard"})
_COORDINATE = re.compile(r"-?\d{1,3}(\.\d{1,20})?")


def read_text(fields: Mapping[str, str], content_types: Sequence[str]) -> str:
    """What the customer said, with a line in its place where no field has words. `content_types` are of the files."""
    words = _read_words(fields)
    location = _read_location(fields)
    stand_in = "" if words or location else _describe_kind(fields.get("MessageType", ""), content_types)
    return "\n".join(line for line in (_read_forwarding(fields), words, location, stand_in) if line)


def read_quoted(fields: Mapping[str, str]) -> str:
    """What the message refers to: an earlier message, or the advertisement that it came from."""
    answered = fields.get("OriginalRepliedMessageSid")
    headline = fields.get("ReferralHeadline") or fields.get("ReferralBody")
    lines = [
        f"(in reply to message {answered})" if answered else "",
        f"(came from the advertisement “{headline}”)" if headline else "",
    ]
    return "\n".join(line for line in lines if line)


def is_reaction(fields: Mapping[str, str]) -> bool:
    """Whether it is an emoji put on one of our messages."""
    return fields.get("MessageType", "").lower() == "reaction"


def _read_words(fields: Mapping[str, str]) -> str:
    body = fields.get("Body", "")
    if is_reaction(fields):
        return f"(reacted with {body})" if body else "(took a reaction back)"
    # The words of a tapped button or a chosen line stand in Body as well, but not on every kind of template.
    return body or fields.get("ButtonText") or fields.get("ListTitle") or ""


def _describe_kind(message_type: str, content_types: Sequence[str]) -> str:
    # Nobody shall be left wondering what an empty message was.
    if content_types:
        return f"({', '.join(_name_file(content_type) for content_type in content_types)})"
    return f"(a message of a kind this desk does not know: {message_type[:50] or 'unnamed'})"


def _name_file(content_type: str) -> str:
    if content_type in _CONTACT_TYPES:
        return "a contact"
    return _FILE_KINDS.get(content_type.partition("/")[0], "a document")


def _read_forwarding(fields: Mapping[str, str]) -> str:
    if fields.get("FrequentlyForwarded", "").lower() == "true":
        return "(forwarded many times)"
    return "(forwarded)" if fields.get("Forwarded", "").lower() == "true" else ""


def _read_location(fields: Mapping[str, str]) -> str:
    latitude, longitude = fields.get("Latitude", ""), fields.get("Longitude", "")
    if not (_COORDINATE.fullmatch(latitude) and _COORDINATE.fullmatch(longitude)):
        return ""
    place = ", ".join(part for part in (fields.get("Label"), fields.get("Address")) if part)
    return f"📍 {place} ({latitude}, {longitude})" if place else f"📍 {latitude}, {longitude}"
