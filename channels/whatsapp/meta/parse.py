"""Parsing what Meta posts: messages, statuses and changes of identity, any number of each at once."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from uuid import UUID

from channels.base import MalformedSource
from channels.whatsapp.consent import read_consent
from channels.whatsapp.identifiers import list_addresses, list_thread_keys
from channels.whatsapp.meta.content import Content, read_content
from channels.whatsapp.meta.payload import Json, read_code, read_name, read_object, read_objects, read_text, read_time
from channels.whatsapp.meta.people import Person, find_sender, read_phone, read_user_id
from channels.whatsapp.meta.problem import WINDOW_CLOSED, describe_error, find_retry_seconds
from database.types import Channel, Consent, Identity, InboundMessage, MessageId, Parsed, StatusUpdate

CHANNEL: Channel = "whatsapp"

_STATES: dict[str, Literal["sent", "delivered", "read", "failed"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",  # a voice message that was listened to
    "failed": "failed",
}
_IDENTITY_CHANGES = frozenset(
    {"user_changed_number", "customer_changed_number", "user_changed_user_id", "customer_identity_changed"}
)


@dataclass(slots=True)
class _Findings:
    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    revoked: list[Identity] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse_webhook(body: bytes, inbox: str) -> Parsed:
    """Read the body of a webhook. `inbox` is our phone_number_id; what is for another number is ignored.

    Whatever has a wrong type anywhere is ignored with a reason. Raises MalformedSource for what is not JSON.
    """
    try:
        return _read_document(_load(body), inbox)
    except RecursionError:
        raise MalformedSource("nested too deeply to be Meta's") from None


def _load(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise MalformedSource(f"not JSON: {type(error).__name__}") from None


def _read_document(document: object, inbox: str) -> Parsed:
    found = _Findings()
    for change in _find_changes(document, found):
        _read_change(change, inbox, found)
    if found == _Findings():
        found.ignored.append("nothing in it")
    return Parsed(
        messages=tuple(found.messages),
        statuses=tuple(found.statuses),
        consents=tuple(found.consents),
        revoked=tuple(dict.fromkeys(found.revoked)),
        ignored=tuple(found.ignored),
    )


def _find_changes(document: object, found: _Findings) -> Iterator[Json]:
    if not isinstance(document, dict) or document.get("object") != "whatsapp_business_account":
        found.ignored.append("not about a WhatsApp account")
        return
    for entry in _collect(document, "entry", found):
        yield from _collect(entry, "changes", found)


def _collect(source: Json, key: str, found: _Findings) -> list[Json]:
    """The objects in the list under this key; anything else there is ignored, with its reason."""
    items, value = read_objects(source, key), source.get(key, [])
    if not isinstance(value, list) or len(items) < len(value):
        found.ignored.append(f"{key} of a wrong type")
    return items


def _read_change(change: Json, inbox: str, found: _Findings) -> None:
    if change.get("field") != "messages":
        found.ignored.append(f"field {read_name(change, 'field')}")
        return
    value = read_object(change, "value")
    if read_text(read_object(value, "metadata"), "phone_number_id") != inbox:
        found.ignored.append("unknown inbox")
        return
    messages, statuses, errors = (_collect(value, key, found) for key in ("messages", "statuses", "errors"))
    senders = {(read_text(message, "from"), read_text(message, "from_user_id")) for message in messages}
    contacts = read_objects(value, "contacts")
    for message in messages:
        _read_message(message, inbox, contacts, is_only_sender=len(senders) == 1, found=found)
    for status in statuses:
        _read_status(status, found)
    found.ignored.extend(f"error {read_code(error, 'code')}" for error in errors)


def _read_message(
    message: Json, inbox: str, contacts: Sequence[Json], *, is_only_sender: bool, found: _Findings
) -> None:
    kind = read_text(message, "type")
    if kind == "system":
        _read_system(message, contacts, found)
        return
    person = find_sender(message, contacts, is_only_sender=is_only_sender)
    name = read_text(message, "id", limit=1_000)
    reason = _find_obstacle(message, person, name)
    if reason or person is None:
        found.ignored.append(reason)
        return
    content = read_content(message)
    consent = None if content.note or content.attachments else read_consent(content.words)
    if consent is not None:
        found.consents.extend(Consent(CHANNEL, inbox, address, consent) for address in list_addresses(person.path))
    found.messages.append(_build_message(message, inbox, person, content, starts_turn=consent is None))


def _find_obstacle(message: Json, person: Person | None, name: str) -> str:
    """Why a message is nothing to us, or an empty string."""
    if not name:
        return "message without an id"
    if person is None:
        return "message without a sender"
    if "group_id" in message:
        return "group message"  # a reply to its sender alone would surprise both them and the group
    if read_text(message, "type") == "request_welcome":
        return "chat opened"
    return ""


def _build_message(message: Json, inbox: str, person: Person, content: Content, *, starts_turn: bool) -> InboundMessage:
    sender, *also = person.identify("proven")
    keys = list_thread_keys(person.path)
    return InboundMessage(
        channel=CHANNEL,
        inbox=inbox,
        contact=person.contact,
        external_id=_name_message(message),
        fingerprint=_fingerprint(message),
        sender=sender,
        also=tuple(also),
        text=content.text,
        quoted=content.quoted,
        attachments=content.attachments,
        reply_path=person.path,
        follows=keys,
        known_as=keys,
        starts_turn=starts_turn and content.starts_turn,
        sent_at=read_time(message, "timestamp"),
    )


def _name_message(message: Json) -> str:
    """The message's id. An edit may come under that of the message it changes, and is still news."""
    name = read_text(message, "id", limit=950)
    return f"{name}/edit/{read_text(message, 'timestamp', limit=20)}" if message.get("type") == "edit" else name


def _fingerprint(message: Json) -> str:
    """A hash of what was said. The address of a file, which Meta makes anew for each delivery, is not part of it."""
    kind = read_text(message, "type")
    said = {key: value for key, value in read_object(message, kind).items() if key != "url"}
    content = [kind, read_text(message, "timestamp"), said]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_system(message: Json, contacts: Sequence[Json], found: _Findings) -> None:
    """Withdraw the proof of whoever changed number, id or device. What is new is proven by its first message."""
    system = read_object(message, "system")
    kind = read_name(system, "type")
    if kind not in _IDENTITY_CHANGES:
        found.ignored.append(f"system event {kind}")
        return
    sources = [(message, "from", "from_user_id"), (system, "customer", "previous_user_id")]
    if kind == "customer_identity_changed":
        sources.extend((contact, "wa_id", "user_id") for contact in contacts[:1])
    people = [Person(read_phone(source, phone), read_user_id(source, user_id)) for source, phone, user_id in sources]
    revoked = [identity for person in people for identity in person.identify("channel_asserted")]
    if not revoked:
        found.ignored.append(f"system event {kind} of nobody")
    found.revoked.extend(revoked)


def _read_status(status: Json, found: _Findings) -> None:
    state = _STATES.get(read_text(status, "status"))
    vendor_id = read_text(status, "id", limit=1_000) or None
    outbox_id = _read_outbox_id(status)
    if state is None or (vendor_id is None and outbox_id is None):
        found.ignored.append(f"status {read_name(status, 'status')}")
        return
    errors = read_objects(status, "errors") if state == "failed" else []
    codes = [read_code(error, "code") for error in errors]
    is_window_closed = WINDOW_CLOSED in codes
    found.statuses.append(
        StatusUpdate(
            state=state,
            outbox_id=outbox_id,
            vendor_id=vendor_id,
            error=describe_error(errors[0]) if errors else None,
            is_window_closed=is_window_closed,
            retry_seconds=find_retry_seconds(codes[0]) if codes and not is_window_closed else None,
        )
    )


def _read_outbox_id(status: Json) -> MessageId | None:
    """Our own id, which Meta gives back as it got it; another system that uses our number sends others."""
    try:
        return MessageId(UUID(read_text(status, "biz_opaque_callback_data")))
    except ValueError:
        return None
