"""Every kind of message a customer can send through Twilio reaches the desk, readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import MalformedSource
from channels.whatsapp.twilio.receive import TwilioReceiver
from database.types import Attachment, Identity, InboundMessage, Parsed, Source, WhatsAppPath
from tests.channels.mutations import mutated_bytes
from tests.channels.whatsapp.twilio_samples import (
    BOTH,
    BUTTON,
    CUSTOMER,
    HIDDEN,
    LOCATION,
    MEDIA,
    MESSAGES,
    NUMBER,
    REACTION,
    REPLY,
    TEXT,
    UNKNOWN,
    USER_ID,
    encode,
    make_settings,
    make_source,
    only_message,
)
from tests.fuzz import fuzz_settings

RECEIVER = TwilioReceiver(make_settings())
FIELDS = sorted({name for fields in MESSAGES for name in fields} | {"OptOutType", "Forwarded", "ListTitle"})


def read(fields: dict[str, str]) -> InboundMessage:
    return only_message(RECEIVER.parse(make_source(fields)))


def test_a_text_names_its_customer_thread_and_way_back() -> None:
    message = read(TEXT)
    assert message.channel == "whatsapp"
    assert message.inbox == NUMBER
    assert message.contact == CUSTOMER
    assert message.external_id == "SM1"
    assert message.text == "Where is my invoice?"
    assert message.sender == Identity(kind="whatsapp", value=CUSTOMER, level="proven", name="Alice")
    assert message.also == ()
    assert message.reply_path == WhatsAppPath(provider="twilio", phone=CUSTOMER)
    assert message.starts_turn
    assert message.attachments == ()


def test_nothing_but_sid_and_sender_is_required() -> None:
    message = read({"MessageSid": "SM1", "From": f"whatsapp:{CUSTOMER}"})
    assert (message.inbox, message.contact, message.external_id) == (NUMBER, CUSTOMER, "SM1")
    assert message.text == "(a message of a kind this desk does not know: unnamed)"


def test_fields_that_twilio_adds_one_day_change_nothing() -> None:
    assert read(TEXT | {"Surprise": "1", "ChannelMetadata": '{"type":"whatsapp"}'}) == read(TEXT)


@pytest.mark.parametrize("name", ["MessageSid", "From"])
def test_without_sid_or_sender_it_is_malformed(name: str) -> None:
    fields = {key: value for key, value in TEXT.items() if key not in {name, "SmsSid", "SmsMessageSid"}}
    for broken in (fields, fields | {name: ""}, fields | {name: " \x00 "}, fields | {name: "x" * 5_000}):
        with pytest.raises(MalformedSource):
            RECEIVER.parse(make_source(broken))
    with pytest.raises(MalformedSource):
        RECEIVER.parse(make_source(TEXT | {"From": "whatsapp:"}))


def test_the_older_names_of_the_sid_do_as_well() -> None:
    assert read({"SmsSid": "SM9", "From": TEXT["From"]}).external_id == "SM9"


def test_another_number_than_ours_is_ignored() -> None:
    assert RECEIVER.parse(make_source(TEXT | {"To": "whatsapp:+15550999"})) == Parsed(ignored=("unknown inbox",))


def test_a_text_message_to_the_same_number_is_not_whatsapp() -> None:
    fields = TEXT | {"From": CUSTOMER, "To": NUMBER}
    assert RECEIVER.parse(make_source(fields)) == Parsed(ignored=("not a WhatsApp message",))


def test_media_without_words_are_named_and_left_to_be_fetched() -> None:
    message = read(MEDIA)
    assert message.text == "(an image, a voice message or other audio)"
    assert message.starts_turn
    assert message.attachments == (
        Attachment(name="file-1.jpg", content_type="image/jpeg", locator=MEDIA["MediaUrl0"]),
        Attachment(name=message.attachments[1].name, content_type="audio/ogg", locator=MEDIA["MediaUrl1"]),
    )


def test_a_caption_is_the_text() -> None:
    assert read(MEDIA | {"Body": "The broken lamp"}).text == "The broken lamp"


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/vcard", "(a contact)"),
        ("video/mp4", "(a video)"),
        ("application/pdf", "(a document)"),
        ("", "(a document)"),
        ("IMAGE/PNG; x=y", "(an image)"),
    ],
)
def test_a_file_is_called_what_it_is(content_type: str, text: str) -> None:
    message = read(MEDIA | {"NumMedia": "1", "MediaContentType0": content_type})
    assert message.text == text
    assert len(message.attachments) == 1


def test_a_file_without_an_address_says_so() -> None:
    (attachment,) = read(MEDIA | {"NumMedia": "1", "MediaUrl0": ""}).attachments
    assert attachment.locator is None
    assert attachment.problem


@pytest.mark.parametrize("count", ["", "x", "-1", "1e9", "９", "99999"])
def test_an_odd_count_of_files_is_none(count: str) -> None:
    assert read(MEDIA | {"NumMedia": count}).attachments == ()


def test_a_count_of_files_beyond_reason_is_cut() -> None:
    assert len(read(MEDIA | {"NumMedia": "999"}).attachments) == 20


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "📍 The Gate, 1 Example Square (52.5163, 13.3777)"),
        ({"Label": ""}, "📍 1 Example Square (52.5163, 13.3777)"),
        ({"Label": "", "Address": ""}, "📍 52.5163, 13.3777"),
        ({"Body": "Here"}, "Here\n📍 The Gate, 1 Example Square (52.5163, 13.3777)"),
    ],
)
def test_a_location_is_a_readable_line(changes: dict[str, str], text: str) -> None:
    assert read(LOCATION | changes).text == text


def test_a_button_says_what_stood_on_it() -> None:
    assert read(BUTTON).text == "Yes, please"
    assert read(BUTTON | {"Body": "Yes, please"}).text == "Yes, please"


def test_a_chosen_line_of_a_list_says_what_stood_on_it() -> None:
    fields = TEXT | {"Body": "", "MessageType": "interactive", "ListId": "2", "ListTitle": "Invoices"}
    assert read(fields).text == "Invoices"


def test_a_reaction_is_kept_but_starts_no_turn() -> None:
    message = read(REACTION)
    assert message.text == "(reacted with 👍)"
    assert not message.starts_turn
    assert read(REACTION | {"Body": ""}).text == "(took a reaction back)"


def test_an_unknown_kind_still_reaches_a_person() -> None:
    message = read(UNKNOWN)
    assert message.text == "(a message of a kind this desk does not know: hologram)"
    assert message.starts_turn


def test_a_reply_says_what_it_answers() -> None:
    message = read(REPLY)
    assert message.text == TEXT["Body"]
    assert message.quoted == "(in reply to message SM0)"


def test_an_advertisement_is_named() -> None:
    message = read(TEXT | {"ReferralHeadline": "New lamps", "ReferralSourceUrl": "https://example.com"})
    assert message.quoted == "(came from the advertisement “New lamps”)"


@pytest.mark.parametrize(
    ("name", "line"), [("Forwarded", "(forwarded)"), ("FrequentlyForwarded", "(forwarded many times)")]
)
def test_forwarded_words_are_marked(name: str, line: str) -> None:
    assert read(TEXT | {name: "true"}).text == f"{line}\nWhere is my invoice?"
    assert read(MEDIA | {name: "true", "NumMedia": "1"}).text == f"{line}\n(an image)"
    assert read(TEXT | {name: "false"}).text == "Where is my invoice?"


def test_a_customer_without_a_phone_number_is_known_by_their_user_id() -> None:
    message = read(HIDDEN)
    assert message.contact == USER_ID
    assert message.sender == Identity(kind="whatsapp", value=USER_ID, level="proven", name="Alice")
    assert message.also == ()
    assert message.reply_path == WhatsAppPath(provider="twilio", user_id=USER_ID)


@pytest.mark.parametrize("value", [USER_ID, "x" * 5_000, "whatsapp:+15550222"])
def test_an_external_user_id_whose_meaning_nobody_documents_changes_nothing(value: str) -> None:
    assert read(TEXT | {"ExternalUserId": value}) == read(TEXT)


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        (TEXT, (f"phone:{CUSTOMER}",)),
        (BOTH, (f"phone:{CUSTOMER}",)),
        (HIDDEN, (f"user:{USER_ID}",)),
        (HIDDEN | {"WaId": CUSTOMER.removeprefix("+")}, (f"user:{USER_ID}", f"phone:{CUSTOMER}")),
    ],
)
def test_a_message_follows_whatever_its_sender_is_known_by(fields: dict[str, str], keys: tuple[str, ...]) -> None:
    message = read(fields)
    assert message.follows == message.known_as == keys


def test_a_number_that_only_stands_in_wa_id_is_used_to_reply() -> None:
    message = read(HIDDEN | {"WaId": CUSTOMER.removeprefix("+")})
    assert message.contact == USER_ID
    assert message.reply_path == WhatsAppPath(provider="twilio", phone=CUSTOMER, user_id=USER_ID)
    assert message.also == (Identity(kind="whatsapp", value=CUSTOMER, level="proven"),)


def test_a_redelivery_has_the_same_fingerprint_whatever_was_added() -> None:
    assert read(TEXT).fingerprint == read(BOTH | {"ProfileName": "Alice B."}).fingerprint
    assert read(TEXT).fingerprint != read(TEXT | {"MessageSid": "SM2"}).fingerprint


def test_control_characters_that_postgres_refuses_are_gone() -> None:
    message = read(TEXT | {"Body": "a\x00b\r\nc", "ProfileName": "Al\x00ice"})
    assert message.text == "ab\nc"
    assert message.sender is not None
    assert message.sender.name == "Alice"


def check(parsed: Parsed) -> None:
    for message in parsed.messages:
        assert "\x00" not in message.model_dump_json()
        assert "\\u0000" not in message.model_dump_json()
        assert message.external_id
        assert message.contact
        assert message.text
        assert InboundMessage.model_validate_json(message.model_dump_json()) == message
    assert len(parsed.messages) + len(parsed.ignored) == 1


def parse(body: bytes) -> None:
    try:
        parsed = RECEIVER.parse(Source("whatsapp", "", "digest", body))
    except MalformedSource:
        return
    check(parsed)


@fuzz_settings
@given(body=mutated_bytes([encode(fields) for fields in MESSAGES]))
def test_no_damaged_webhook_breaks_the_parser(body: bytes) -> None:
    parse(body)


@fuzz_settings
@given(
    sample=st.sampled_from(MESSAGES),
    changes=st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=50) | st.sampled_from(["true", "STOP", "3"])),
)
def test_no_value_of_any_field_breaks_the_parser(sample: dict[str, str], changes: dict[str, str]) -> None:
    parse(encode(sample | {name: value.encode("utf-8", "replace").decode() for name, value in changes.items()}))
