"""What a webhook of the Cloud API becomes."""

import base64
from datetime import UTC, datetime

import pytest

from channels.base import MalformedSource
from channels.whatsapp.meta.content import read_locator
from channels.whatsapp.meta.parse import parse_webhook
from database.types import Parsed, WhatsAppPath
from tests.channels.whatsapp.meta_account import parse, parse_message
from tests.emulators.meta_payloads import (
    BODIES,
    DIGEST,
    MEDIA_ID,
    NUMBER_ID,
    PHONE,
    TIMESTAMP,
    USER_ID,
    build_contact,
    build_message,
    build_reply,
    build_status,
    build_value,
    build_webhook,
)


def test_a_text_becomes_a_message_in_its_senders_thread() -> None:
    inbound = parse_message(build_message("text", "wamid.A"))
    assert (inbound.channel, inbound.inbox, inbound.external_id) == ("whatsapp", NUMBER_ID, "wamid.A")
    assert inbound.text == "Where is my order?"
    assert inbound.starts_turn
    assert inbound.contact == USER_ID
    assert inbound.reply_path == WhatsAppPath(provider="meta", phone=f"+{PHONE}", user_id=USER_ID)
    assert inbound.sent_at == datetime.fromtimestamp(int(TIMESTAMP), UTC)


@pytest.mark.parametrize("timestamp", [None, "", "soon", -5, "9" * 11, 1.5, [1]])
def test_a_message_whose_time_cannot_be_read_is_taken_without_one(timestamp: object) -> None:
    assert parse_message(build_message("text", timestamp=timestamp)).sent_at is None


def test_a_batch_of_three_messages_and_two_statuses_is_taken_whole() -> None:
    messages = [build_message("text", f"wamid.{number}") for number in range(3)]
    statuses = [build_status("sent", "wamid.X"), build_status("read", "wamid.Y")]
    contacts = [build_contact()]
    parsed = parse(
        build_webhook(
            build_value(contacts=contacts, messages=messages[:2], statuses=statuses[:1]),
            build_value(contacts=contacts, messages=messages[2:], statuses=statuses[1:]),
        )
    )
    assert [message.external_id for message in parsed.messages] == ["wamid.0", "wamid.1", "wamid.2"]
    assert [(status.vendor_id, status.state) for status in parsed.statuses] == [
        ("wamid.X", "sent"),
        ("wamid.Y", "read"),
    ]
    assert parsed.ignored == ()


def test_entries_are_all_read() -> None:
    one = build_webhook(build_value(contacts=[build_contact()], messages=[build_message("text", "wamid.1")]))
    two = build_webhook(build_value(contacts=[build_contact()], messages=[build_message("text", "wamid.2")]))
    parsed = parse({**one, "entry": [*one["entry"], *two["entry"]]})
    assert [message.external_id for message in parsed.messages] == ["wamid.1", "wamid.2"]


def test_a_message_sent_again_after_a_week_is_the_same_message() -> None:
    image = build_message("image", image={**BODIES["image"], "url": "https://lookaside.fbsbx.com/?mid=1"})
    again = build_message("image", image={**BODIES["image"], "url": "https://lookaside.fbsbx.com/?mid=2"})
    first, second = parse_message(image), parse_message(again, build_contact(name="Alice Renamed"))
    assert first.external_id == second.external_id
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != parse_message(build_message("video")).fingerprint


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text", "Where is my order?"),
        ("image", "The box"),
        ("audio", "(sent a recording)"),
        ("video", "(sent a video)"),
        ("document", "See page 2"),
        ("sticker", "(sent a sticker)"),
        ("location", "(location: Pariser Platz, 10117 Berlin, 52.5163, 13.3777)"),
        ("contacts", "(sent contacts: Bob Example, +1 650 555 9999, bob@example.com)"),
        ("reaction", "(reacted with 👍)"),
        ("button", "Yes, please"),
        ("order", "(order: 2 × tea-1 at 4.5 EUR)\nGift wrapped"),
        ("unsupported", "(a message that WhatsApp does not hand over to us: poll_creation)"),
        ("hologram", "(a message of a kind this desk does not know: hologram)"),
        ("<b>", "(a message of a kind this desk does not know: ?)"),
        ("revoke", "(deleted an earlier message)"),
    ],
)
def test_every_kind_of_message_has_a_text_that_people_can_read(kind: str, text: str) -> None:
    assert parse_message(build_message(kind)).text == text


@pytest.mark.parametrize(("kind", "text"), [("button_reply", "Yes"), ("list_reply", "Express – Tomorrow")])
def test_what_was_tapped_is_what_was_said(kind: str, text: str) -> None:
    assert parse_message(build_reply(kind)).text == text


def test_the_answers_to_a_form_are_kept() -> None:
    form = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": '{"size": "M"}'}}
    assert parse_message(build_message("interactive", interactive=form)).text == 'Sent – {"size": "M"}'


def test_an_answer_of_an_unknown_kind_says_so() -> None:
    inbound = parse_message(build_message("interactive", interactive={"type": "call_permission_reply"}))
    assert inbound.text == "(an answer that this desk cannot read: call_permission_reply)"


def test_a_reaction_starts_no_turn_and_names_what_it_is_about() -> None:
    inbound = parse_message(build_message("reaction"))
    assert not inbound.starts_turn
    assert inbound.quoted == "(in reply to message wamid.OURS)"


def test_a_reaction_taken_back_says_so() -> None:
    assert parse_message(build_message("reaction", reaction={"message_id": "wamid.OURS"})).text == (
        "(took a reaction back)"
    )


@pytest.mark.parametrize("kind", ["unsupported", "hologram"])
def test_what_cannot_be_read_still_starts_a_turn(kind: str) -> None:
    assert parse_message(build_message(kind)).starts_turn


def test_an_edited_message_is_news_under_a_name_of_its_own() -> None:
    edit = {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "Where is order 7?"}}}
    inbound = parse_message(build_message("edit", "wamid.1", edit=edit))
    assert inbound.text == "(changed an earlier message)\nWhere is order 7?"
    assert inbound.external_id != "wamid.1"


@pytest.mark.parametrize("kind", ["image", "audio", "video", "document", "sticker"])
def test_a_file_is_named_by_its_media_id_and_digest(kind: str) -> None:
    (attachment,) = parse_message(build_message(kind)).attachments
    assert attachment.content_type == BODIES[kind]["mime_type"]
    assert attachment.locator is not None
    assert read_locator(attachment.locator) == (MEDIA_ID, DIGEST)
    assert attachment.digest is None


def test_a_digest_in_base64_is_the_same_digest() -> None:
    encoded = base64.b64encode(bytes.fromhex(DIGEST)).decode()
    (attachment,) = parse_message(build_message("image", image={**BODIES["image"], "sha256": encoded})).attachments
    assert attachment.locator == f"{MEDIA_ID}?sha256={DIGEST}"


@pytest.mark.parametrize("digest", [None, "", "abc", "====", "ü" * 44, 7])
def test_a_digest_that_is_none_is_not_waited_for(digest: object) -> None:
    (attachment,) = parse_message(build_message("image", image={**BODIES["image"], "sha256": digest})).attachments
    assert attachment.locator == MEDIA_ID


@pytest.mark.parametrize("media_id", [None, "", "../me", "1?access_token=x", "1/2", "x" * 500, {"id": 1}])
def test_a_file_whose_id_is_no_id_will_not_be_had(media_id: object) -> None:
    (attachment,) = parse_message(build_message("image", image={**BODIES["image"], "id": media_id})).attachments
    assert attachment.locator is None
    assert attachment.problem is not None


def test_a_documents_name_is_made_safe() -> None:
    document = {**BODIES["document"], "filename": "../../etc/\u202efdp.exe"}
    (attachment,) = parse_message(build_message("document", document=document)).attachments
    assert attachment.name == "fdp.exe"


def test_a_file_without_a_name_gets_one() -> None:
    (attachment,) = parse_message(build_message("audio")).attachments
    assert attachment.name == "audio.ogg"


def test_forwarded_words_are_marked_and_withdraw_no_consent() -> None:
    message = build_message("text", text={"body": "STOP"}, context={"forwarded": True})
    parsed = parse(build_webhook(build_value(contacts=[build_contact()], messages=[message])))
    assert [inbound.text for inbound in parsed.messages] == ["(forwarded)\nSTOP"]
    assert parsed.consents == ()


def test_what_a_message_answers_and_where_it_came_from_is_kept_beside_it() -> None:
    inbound = parse_message(
        build_message("text", context={"id": "wamid.OURS"}, referral={"headline": "Tea for two", "source_id": "1"})
    )
    assert inbound.quoted == "(in reply to message wamid.OURS)\n(came from the advertisement “Tea for two”)"
    assert inbound.text == "Where is my order?"


def test_a_question_about_a_product_names_it() -> None:
    context = {"id": "wamid.OURS", "referred_product": {"catalog_id": "1", "product_retailer_id": "tea-1"}}
    assert parse_message(build_message("text", context=context)).text == "(about product tea-1)\nWhere is my order?"


def test_an_unknown_event_about_a_customer_is_ignored() -> None:
    parsed = parse(build_webhook(build_value(messages=[build_message("system", system={"type": "danced"})])))
    assert parsed == Parsed(ignored=("system event danced",))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ([], "not about a WhatsApp account"),
        ({"object": "page", "entry": []}, "not about a WhatsApp account"),
        ({"object": "whatsapp_business_account"}, "nothing in it"),
        ({"object": "whatsapp_business_account", "entry": 7}, "entry of a wrong type"),
        (build_webhook(build_value() | {"messages": "many"}), "messages of a wrong type"),
        (build_webhook(build_value() | {"statuses": [None]}), "statuses of a wrong type"),
        (build_webhook({}, field="user_preferences"), "field user_preferences"),
        (build_webhook({}, field="DROP TABLE"), "field ?"),
        (build_webhook(build_value(number_id="1")), "unknown inbox"),
        (build_webhook({}), "unknown inbox"),
        (build_webhook(build_value()), "nothing in it"),
        (build_webhook({**build_value(), "errors": [{"code": 131052}]}), "error 131052"),
        (build_webhook(build_value(messages=[build_message("text", name="")])), "message without an id"),
        (
            build_webhook(build_value(messages=[build_message("text", phone=None, user_id=None)])),
            "message without a sender",
        ),
        (build_webhook(build_value(messages=[build_message("text", group_id="g")])), "group message"),
        (build_webhook(build_value(messages=[build_message("request_welcome")])), "chat opened"),
        (build_webhook(build_value(statuses=[build_status("dreamt")])), "status dreamt"),
        (build_webhook(build_value(statuses=[build_status("sent", name="")])), "status sent"),
    ],
)
def test_what_is_nothing_to_us_is_ignored_with_its_reason(payload: object, reason: str) -> None:
    assert parse(payload) == Parsed(ignored=(reason,))


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xfe", b"{", b"1" * 5_000, b"[" * 200_000, b'{"a":' * 100_000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedSource):
        parse_webhook(body, NUMBER_ID)


def test_characters_that_cannot_be_stored_do_not_stop_a_message() -> None:
    assert parse_message(build_message("text", text={"body": "a\x00b\ud800c\r\nd"})).text == "ab?c\nd"
