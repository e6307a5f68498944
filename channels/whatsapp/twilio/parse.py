"""What a customer sent, out of the fields of Twilio's webhook.

https://www.twilio.com/docs/messaging/guides/webhook-request: fields are added without notice, so nothing is required
but MessageSid and From.
"""

import mimetypes
from collections.abc import Mapping

from channels.base import MalformedSource
from channels.web.parse import clean_text, fingerprint
from channels.whatsapp.consent import read_consent
from channels.whatsapp.identifiers import list_addresses, list_thread_keys
from channels.whatsapp.twilio.address import PREFIX, Address, read_address
from channels.whatsapp.twilio.content import is_reaction, read_quoted, read_text
from database.types import Attachment, Consent, Identity, InboundMessage, Parsed, WhatsAppPath

# Ten is what Twilio documents (https://www.twilio.com/docs/messaging/api/media-resource).
_MAX_MEDIA = 20
_MAX_ID = 100
# Meta's ids are shorter than 140 characters.
_MAX_ADDRESS = 300


def parse_message(form: Mapping[str, str], number: str) -> Parsed:
    """The message in a webhook for `number`, ours in E.164. Raises MalformedSource without MessageSid or From."""
    fields = {name: clean_text(value) for name, value in form.items()}
    sid = fields.get("MessageSid") or fields.get("SmsMessageSid") or fields.get("SmsSid") or ""
    shown = fields.get("From", "")
    if not sid or len(sid) > _MAX_ID or not shown.removeprefix(PREFIX) or len(shown) > _MAX_ADDRESS:
        raise MalformedSource("a message without MessageSid or From")
    to = fields.get("To", "")
    if to and to.removeprefix(PREFIX) != number:
        return Parsed(ignored=("unknown inbox",))
    if not shown.startswith(PREFIX) and not to.startswith(PREFIX):
        return Parsed(ignored=("not a WhatsApp message",))
    address = read_address(shown, wa_id=fields.get("WaId", ""))
    path = WhatsAppPath(provider="twilio", phone=address.phone, user_id=address.user_id)
    message = _build_message(fields, sid, number, address, path)
    is_given = _read_consent(fields)
    if is_given is None:
        return Parsed(messages=(message,))
    return Parsed(
        messages=(message.model_copy(update={"starts_turn": False}),),
        consents=tuple(Consent("whatsapp", number, each, is_given) for each in list_addresses(path)),
    )


def _build_message(
    fields: Mapping[str, str], sid: str, number: str, address: Address, path: WhatsAppPath
) -> InboundMessage:
    attachments = _read_attachments(fields)
    keys = list_thread_keys(path)
    # Where Advanced Opt-Out answers HELP by itself, a reply of ours would be the second.
    is_answered = fields.get("OptOutType", "").upper() == "HELP"
    return InboundMessage(
        channel="whatsapp",
        inbox=number,
        contact=address.text,
        external_id=sid,
        # A webhook and a poll tell the same message in different words, but always with these two.
        fingerprint=fingerprint({"sid": sid, "from": address.text}),
        sender=Identity(kind="whatsapp", value=address.text, level="proven", name=fields.get("ProfileName", "")[:200]),
        text=read_text(fields, [file.content_type for file in attachments]),
        also=tuple(
            Identity(kind="whatsapp", value=value, level="proven")
            for value in list_addresses(path)
            if value != address.text
        ),
        reply_path=path,
        follows=keys,
        known_as=keys,
        quoted=read_quoted(fields),
        attachments=attachments,
        starts_turn=not (is_answered or is_reaction(fields)),
    )


def _read_consent(fields: Mapping[str, str]) -> bool | None:
    said = fields.get("OptOutType", "").upper()
    return {"STOP": False, "START": True}.get(said, read_consent(fields.get("Body", "")))


def _read_attachments(fields: Mapping[str, str]) -> tuple[Attachment, ...]:
    count = fields.get("NumMedia", "")
    if not (count.isascii() and count.isdigit() and len(count) < 4):
        return ()
    return tuple(_read_attachment(fields, index) for index in range(min(int(count), _MAX_MEDIA)))


def _read_attachment(fields: Mapping[str, str], index: int) -> Attachment:
    content_type = fields.get(f"MediaContentType{index}", "").partition(";")[0].strip().lower()[:100]
    url = fields.get(f"MediaUrl{index}") or None
    return Attachment(
        name=f"file-{index + 1}{mimetypes.guess_extension(content_type) or ''}",
        content_type=content_type or "application/octet-stream",
        locator=url,
        problem=None if url else "Twilio named no address for this file",
    )
