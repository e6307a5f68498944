"""What we, the emulator and pywa, which we did not write, each understand by the same payload is the same."""

import hashlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pywa import utils
from pywa.client import WhatsApp
from pywa.types.callback import CallbackButton, CallbackSelection
from pywa.types.message import Message
from pywa.types.message_status import MessageStatus
from pywa.types.system import IdentityChange, PhoneNumberChange
from pywa.types.templates import BodyText, TemplateLanguage

from channels.whatsapp.meta.content import read_locator
from channels.whatsapp.meta.parse import parse_webhook
from channels.whatsapp.meta.receive import sign
from channels.whatsapp.meta.send import MetaProvider
from database.types import InboundMessage, WhatsAppPath
from tests.channels.whatsapp.meta_account import BY_PHONE, OUTBOX_ID, build_outbound, configure_meta
from tests.emulators.meta import serve_meta
from tests.emulators.meta_payloads import (
    BODIES,
    NUMBER_ID,
    PHONE,
    REPLIES,
    USER_ID,
    Json,
    build_contact,
    build_message,
    build_reply,
    build_samples,
    build_status,
    build_system,
    build_value,
    build_webhook,
)
from tests.fuzz import fuzz_settings

PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200).filter(str.strip)
PHONES = st.from_regex(r"[1-9][0-9]{7,14}", fullmatch=True)
USER_IDS = st.from_regex(r"[A-Z]{2}\.[0-9]{5,25}", fullmatch=True)
FILES = ("audio", "document", "image", "sticker", "video")


class Pywa:
    """pywa as a parser: the updates that it makes of a webhook."""

    def __init__(self) -> None:
        self._updates: list[Any] = []
        client = WhatsApp(phone_id=NUMBER_ID, token="t", skip_duplicate_updates=False, validate_updates=False)
        for kind in (
            "message",
            "callback_button",
            "callback_selection",
            "message_status",
            "phone_number_change",
            "identity_change",
        ):
            getattr(client, f"on_{kind}")()(lambda _, update: self._updates.append(update))
        self._client = client

    def read(self, payload: Json, kind: type = object) -> Any:
        """The one update of a webhook, which must be of this kind."""
        self._updates.clear()
        assert self._client.webhook_update_handler(json.dumps(payload).encode()) == ("ok", 200)
        (update,) = self._updates
        assert isinstance(update, kind)
        return update


PYWA = Pywa()


def read_ours(payload: Json) -> InboundMessage:
    parsed = parse_webhook(json.dumps(payload).encode(), NUMBER_ID)
    assert parsed.ignored == ()
    (message,) = parsed.messages
    return message


@st.composite
def senders(draw: st.DrawFn) -> tuple[str | None, str, str]:
    """Phone number, which some customers hide, user id and name."""
    return draw(st.none() | PHONES), draw(USER_IDS), draw(PLAIN)


def wrap(message: Json, sender: tuple[str | None, str, str]) -> Json:
    phone, user_id, name = sender
    return build_webhook(build_value(contacts=[build_contact(phone, user_id, name)], messages=[message]))


def assert_same_sender(ours: InboundMessage, theirs: Any) -> None:
    assert isinstance(ours.reply_path, WhatsAppPath)
    assert ours.contact == ours.reply_path.user_id == theirs.from_user.bsuid
    assert ours.reply_path.phone == (f"+{theirs.from_user.wa_id}" if theirs.from_user.wa_id else None)
    assert ours.sender is not None
    assert ours.sender.name == theirs.from_user.name.strip()
    assert ours.external_id == theirs.id


@fuzz_settings
@given(senders(), PLAIN, st.sampled_from([{}, {"id": "wamid.OURS"}, {"forwarded": True}]))
def test_texts_are_read_alike(sender: tuple[str | None, str, str], text: str, context: Json) -> None:
    message = build_message("text", phone=sender[0], user_id=sender[1], text={"body": text}, context=context)
    payload = wrap(message, sender)
    ours, theirs = read_ours(payload), PYWA.read(payload, Message)
    assert_same_sender(ours, theirs)
    assert ours.text == ("(forwarded)\n" if theirs.forwarded else "") + str(theirs.text).strip()
    assert ours.quoted == (f"(in reply to message {theirs.reply_to_message.id})" if theirs.reply_to_message else "")


@fuzz_settings
@given(
    senders(),
    st.sampled_from(FILES),
    st.from_regex(r"[0-9]{10,20}", fullmatch=True),
    st.binary(max_size=20),
    st.none() | PLAIN,
)
def test_files_are_read_alike(
    sender: tuple[str | None, str, str], kind: str, media_id: str, content: bytes, caption: str | None
) -> None:
    body = {**BODIES[kind], "id": media_id, "sha256": hashlib.sha256(content).hexdigest()}
    body |= {} if caption is None or kind in {"audio", "sticker"} else {"caption": caption}
    message = build_message(kind, phone=sender[0], user_id=sender[1]) | {kind: body}
    payload = wrap(message, sender)
    ours, theirs = read_ours(payload), PYWA.read(payload)
    assert_same_sender(ours, theirs)
    assert theirs.type.value == kind
    (attachment,) = ours.attachments
    assert read_locator(attachment.locator or "") == (theirs.media.id, theirs.media.sha256)
    assert attachment.content_type == theirs.media.mime_type
    if theirs.caption:
        assert ours.text == theirs.caption.strip()


@fuzz_settings
@given(senders(), st.floats(-90, 90), st.floats(-180, 180), PLAIN)
def test_places_are_read_alike(
    sender: tuple[str | None, str, str], latitude: float, longitude: float, name: str
) -> None:
    location = {"latitude": latitude, "longitude": longitude, "name": name}
    payload = wrap(build_message("location", phone=sender[0], user_id=sender[1], location=location), sender)
    ours, theirs = read_ours(payload), PYWA.read(payload)
    assert_same_sender(ours, theirs)
    place = theirs.location
    assert ours.text == f"(location: {place.name.strip()}, {place.latitude}, {place.longitude})"


@given(st.sampled_from(["👍", "❤️", "", None]))
def test_reactions_are_read_alike(emoji: str | None) -> None:
    payload = wrap(
        build_message("reaction", reaction={"message_id": "wamid.OURS", "emoji": emoji}), (PHONE, USER_ID, "A")
    )
    ours, theirs = read_ours(payload), PYWA.read(payload)
    assert ours.text == (
        f"(reacted with {theirs.reaction.emoji})" if theirs.reaction.emoji else "(took a reaction back)"
    )
    assert ours.quoted == f"(in reply to message {theirs.reaction.message_id})"


@pytest.mark.parametrize(("kind", "update"), [("button_reply", CallbackButton), ("list_reply", CallbackSelection)])
def test_taps_are_read_alike(kind: str, update: type) -> None:
    payload = wrap(build_reply(kind), (PHONE, USER_ID, "Alice"))
    ours, theirs = read_ours(payload), PYWA.read(payload, update)
    assert_same_sender(ours, theirs)
    assert ours.text.partition(" – ")[0] == theirs.title == REPLIES[kind]["title"]


def test_buttons_of_templates_are_read_alike() -> None:
    payload = wrap(build_message("button"), (PHONE, USER_ID, "Alice"))
    assert read_ours(payload).text == PYWA.read(payload).title


@pytest.mark.parametrize(
    ("kind", "update"),
    [
        ("user_changed_number", PhoneNumberChange),
        ("user_changed_user_id", PhoneNumberChange),
        ("customer_identity_changed", IdentityChange),
    ],
)
def test_changes_of_identity_are_read_alike(kind: str, update: type) -> None:
    payload = wrap(build_system(kind), (PHONE, USER_ID, "Alice"))
    theirs = PYWA.read(payload, update)
    revoked = {identity.value for identity in parse_webhook(json.dumps(payload).encode(), NUMBER_ID).revoked}
    assert f"+{theirs.from_user.wa_id}" in revoked
    if isinstance(theirs, PhoneNumberChange):
        assert theirs.new_user_id not in revoked
        assert f"+{theirs.new_wa_id}" not in revoked


@fuzz_settings
@given(
    st.sampled_from(["sent", "delivered", "read", "played", "failed"]),
    st.uuids(),
    st.sampled_from([131026, 131047, 131056]),
)
def test_statuses_are_read_alike(state: str, outbox: object, code: int) -> None:
    status = build_status(state, "wamid.OURS", str(outbox), code=code if state == "failed" else None)
    payload = build_webhook(build_value(contacts=[build_contact()], statuses=[status]))
    (ours,) = parse_webhook(json.dumps(payload).encode(), NUMBER_ID).statuses
    theirs = PYWA.read(payload, MessageStatus)
    assert ours.state == {"played": "read"}.get(theirs.status.value, theirs.status.value)
    assert (ours.vendor_id, str(ours.outbox_id)) == (theirs.id, theirs.tracker)
    assert ours.is_window_closed == (theirs.error is not None and theirs.error.code == 131047)
    assert (ours.error is None) == (theirs.error is None)


def test_pywa_reads_every_shape_that_the_emulator_posts_and_that_it_knows() -> None:
    unknown = {"hologram", None}
    for sample in build_samples():
        value = sample["entry"][0]["changes"][0]["value"]
        events = [*value.get("messages", []), *value.get("statuses", [])]
        kind = next((event.get("type") or event.get("status") for event in events), None)
        if kind not in unknown:
            assert PYWA.read(sample) is not None


@given(st.binary(max_size=300), st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
async def test_signatures_are_judged_alike(body: bytes, secret: str) -> None:
    signature = sign(secret, body)
    assert utils.webhook_updates_validator(app_secret=secret, request_body=body, x_hub_signature=signature)
    assert not utils.webhook_updates_validator(app_secret=secret, request_body=body + b" ", x_hub_signature=signature)


def send_with_pywa(send: Any) -> Json:
    """The body that pywa would post."""
    bodies: list[Json] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        contacts = [{"input": PHONE, "wa_id": PHONE, "user_id": USER_ID}]
        return httpx.Response(200, json={"messages": [{"id": "wamid.1"}], "contacts": contacts})

    with httpx.Client(transport=httpx.MockTransport(answer)) as session:
        send(WhatsApp(phone_id=NUMBER_ID, token="t", session=session))
    (body,) = bodies
    return body


async def send_with_us(send: Any) -> Json:
    """The body that we post."""
    async with serve_meta() as cloud:
        await send(MetaProvider(configure_meta(api_url=cloud.api_url)))
        (body,) = cloud.seen
        return body


@pytest.mark.parametrize(
    ("path", "to"), [(BY_PHONE, f"+{PHONE}"), (WhatsAppPath(provider="meta", user_id=USER_ID), USER_ID)]
)
async def test_texts_are_sent_alike(path: WhatsAppPath, to: str) -> None:
    ours = await send_with_us(lambda provider: provider.send(build_outbound("Grüße 👋\n*bold*"), path))
    theirs = send_with_pywa(lambda client: client.send_message(to=to, text="Grüße 👋\n*bold*", tracker=str(OUTBOX_ID)))
    assert ours == theirs


async def test_templates_are_sent_alike() -> None:
    body: Any = BodyText  # its types are narrower than what it takes
    ours = await send_with_us(lambda provider: provider.send_template(build_outbound(), BY_PHONE))
    theirs = send_with_pywa(
        lambda client: client.send_template(
            to=f"+{PHONE}",
            name="come_back",
            language=TemplateLanguage.ENGLISH,
            params=[body.params("Alice", "TF-20261121-0001")],
            tracker=str(OUTBOX_ID),
        )
    )
    normalised = json.loads(json.dumps(theirs).replace('"BODY"', '"body"'))
    assert ours == normalised
