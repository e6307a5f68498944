"""What a message of the Cloud API says: its text for people and the agent, and the files it names.

Shapes: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from channels.media import clean_file_name
from channels.whatsapp.meta.payload import Json, read_name, read_object, read_objects, read_text
from channels.whatsapp.meta.problem import describe_error
from database.types import Attachment

_MEDIA_ID = re.compile(r"[A-Za-z0-9_\-]{1,200}")
_SUFFIXES = {
    "application/pdf": ".pdf",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
_SENT = {
    "audio": "(sent a recording)",
    "document": "(sent a document)",
    "image": "(sent a picture)",
    "sticker": "(sent a sticker)",
    "video": "(sent a video)",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What is said. `words` are the customer's own, where there are any; a line in brackets is ours.

    `quoted` is what the message refers to. What starts no turn is only kept for people.
    """

    words: str = ""
    note: str = ""
    attachments: tuple[Attachment, ...] = ()
    quoted: str = ""
    starts_turn: bool = True

    @property
    def text(self) -> str:
        """Note and words, whichever are there."""
        return "\n".join(part for part in (self.note, self.words) if part)


def read_content(message: Json) -> Content:
    """What a message says; of a kind that nobody knew when this was written, at least that there was one."""
    read = _READERS.get(read_text(message, "type"), _read_unknown)
    return _add_context(read(message), message)


def read_locator(locator: str) -> tuple[str, str | None]:
    """The media id and, where Meta gave one, the SHA-256 that a locator is made of."""
    media_id, _, digest = locator.partition("?sha256=")
    return media_id, digest or None


def _add_context(content: Content, message: Json) -> Content:
    """Say what was forwarded or answered: forwarded words are not the customer's own."""
    context, referral = read_object(message, "context"), read_object(message, "referral")
    product = read_text(read_object(context, "referred_product"), "product_retailer_id", limit=200)
    notes = [
        _describe_forwarding(context),
        f"(about product {product})" if product else "",
        content.note,
    ]
    answered, advert = read_text(context, "id", limit=500), read_text(referral, "headline", limit=500)
    quoted = [
        content.quoted,
        f"(in reply to message {answered})" if answered else "",
        f"(came from the advertisement “{advert}”)" if advert else "",
    ]
    return replace(content, note=_join(notes, "\n")[:10_000], quoted=_join(quoted, "\n"))


def _describe_forwarding(context: Json) -> str:
    if context.get("frequently_forwarded"):
        return "(forwarded many times)"
    return "(forwarded)" if context.get("forwarded") else ""


def _read_text(message: Json) -> Content:
    words = read_text(read_object(message, "text"), "body")
    return Content(words=words) if words else Content(note="(an empty message)")


def _read_button(message: Json) -> Content:
    button = read_object(message, "button")
    words = read_text(button, "text") or read_text(button, "payload")
    return Content(words=words) if words else _read_unknown(message)


def _read_interactive(message: Json) -> Content:
    interactive = read_object(message, "interactive")
    kind = read_text(interactive, "type")
    reply = read_object(interactive, kind)
    keys = ("body", "response_json") if kind == "nfm_reply" else ("title", "description")
    words = _join([read_text(reply, key) for key in keys], " – ")
    if words:
        return Content(words=words)
    return Content(note=f"(an answer that this desk cannot read: {read_name(interactive, 'type')})")


def _read_media(message: Json) -> Content:
    kind = read_text(message, "type")
    media = read_object(message, kind)
    caption = read_text(media, "caption")
    return Content(words=caption, note="" if caption else _SENT[kind], attachments=(_read_attachment(media, kind),))


def _read_attachment(media: Json, kind: str) -> Attachment:
    content_type = read_text(media, "mime_type", limit=200) or "application/octet-stream"
    suffix = _SUFFIXES.get(content_type.partition(";")[0].strip().lower(), "")
    name = clean_file_name(read_text(media, "filename", limit=1_000), f"{kind}{suffix}")
    media_id = read_text(media, "id")
    # The id becomes part of an address that our token is sent to.
    if not _MEDIA_ID.fullmatch(media_id):
        return Attachment(name=name, content_type=content_type, problem="WhatsApp did not name the file")
    digest = _read_digest(read_text(media, "sha256"))
    return Attachment(
        name=name, content_type=content_type, locator=f"{media_id}?sha256={digest}" if digest else media_id
    )


def _read_digest(text: str) -> str | None:
    """A SHA-256 in hexadecimal. Webhooks give it in Base64, the Graph API in hexadecimal."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return text.lower()
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 32 else None


def _read_location(message: Json) -> Content:
    location = read_object(message, "location")
    latitude, longitude = location.get("latitude"), location.get("longitude")
    parts = [
        read_text(location, "name", limit=500),
        read_text(location, "address", limit=500),
        f"{latitude}, {longitude}" if _is_amount(latitude) and _is_amount(longitude) else "",
        read_text(location, "url", limit=500),
    ]
    return Content(note=f"(location: {_join(parts, ', ') or 'unreadable'})")


def _read_contacts(message: Json) -> Content:
    cards = [_describe_card(card) for card in read_objects(message, "contacts")[:50]]
    return Content(note=f"(sent contacts: {_join(cards, '; ') or 'unreadable'})")


def _describe_card(card: Json) -> str:
    names = read_object(card, "name")
    parts = [
        read_text(names, "formatted_name", limit=200) or read_text(names, "first_name", limit=200),
        *(read_text(phone, "phone", limit=50) for phone in read_objects(card, "phones")[:5]),
        *(read_text(email, "email", limit=320) for email in read_objects(card, "emails")[:5]),
    ]
    return _join(parts, ", ")


def _read_reaction(message: Json) -> Content:
    reaction = read_object(message, "reaction")
    emoji = read_text(reaction, "emoji", limit=100)
    answered = read_text(reaction, "message_id", limit=500)
    return Content(
        note=f"(reacted with {emoji})" if emoji else "(took a reaction back)",
        quoted=f"(in reply to message {answered})" if answered else "",
        starts_turn=False,
    )


def _read_order(message: Json) -> Content:
    order = read_object(message, "order")
    items = [_describe_item(item) for item in read_objects(order, "product_items")[:100]]
    return Content(words=read_text(order, "text"), note=f"(order: {_join(items, '; ') or 'unreadable'})")


def _describe_item(item: Json) -> str:
    price, quantity = item.get("item_price"), item.get("quantity")
    cost = f" at {price} {read_text(item, 'currency', limit=10)}" if _is_amount(price) else ""
    product = read_text(item, "product_retailer_id", limit=200) or "?"
    return f"{quantity if _is_amount(quantity) else '?'} × {product}{cost}"


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _read_edit(message: Json) -> Content:
    edited = read_object(read_object(message, "edit"), "message")
    if read_text(edited, "type") in {"", "edit"}:
        return _read_unknown(message)
    content = read_content(edited)
    return replace(content, note=_join(["(changed an earlier message)", content.note], "\n"))


def _read_revoke(_message: Json) -> Content:
    return Content(note="(deleted an earlier message)", starts_turn=False)


def _read_unsupported(message: Json) -> Content:
    kind = read_name(read_object(message, "unsupported"), "type")
    reasons = [kind] if kind != "?" else [describe_error(error) for error in read_objects(message, "errors")[:1]]
    return Content(
        note=f"(a message that WhatsApp does not hand over to us: {_join(reasons, '') or 'no reason given'})"
    )


def _read_unknown(message: Json) -> Content:
    return Content(note=f"(a message of a kind this desk does not know: {read_name(message, 'type')})")


def _join(parts: list[str], separator: str) -> str:
    return separator.join(part for part in parts if part)


_READERS: Mapping[str, Callable[[Json], Content]] = {
    "audio": _read_media,
    "button": _read_button,
    "contacts": _read_contacts,
    "document": _read_media,
    "edit": _read_edit,
    "image": _read_media,
    "interactive": _read_interactive,
    "location": _read_location,
    "order": _read_order,
    "reaction": _read_reaction,
    "revoke": _read_revoke,
    "sticker": _read_media,
    "text": _read_text,
    "unsupported": _read_unsupported,
    "video": _read_media,
}
