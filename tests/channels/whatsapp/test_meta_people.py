"""Who wrote, by whichever of their identifiers a webhook of the Cloud API shows."""

import pytest

from database.types import Consent, Identity, WhatsAppPath
from tests.channels.whatsapp.meta_account import parse, parse_message
from tests.emulators.meta_payloads import (
    NUMBER_ID,
    PHONE,
    USER_ID,
    build_contact,
    build_message,
    build_system,
    build_value,
    build_webhook,
)


def test_the_sender_is_proven_by_id_and_number() -> None:
    inbound = parse_message(build_message("text"))
    assert inbound.sender == Identity(kind="whatsapp", value=USER_ID, level="proven", name="Alice Example")
    assert inbound.also == (Identity(kind="whatsapp", value=f"+{PHONE}", level="proven", name="Alice Example"),)


def test_a_sender_without_a_number_is_known_and_answered_by_id() -> None:
    inbound = parse_message(build_message("text", phone=None), build_contact(phone=None))
    assert inbound.contact == USER_ID
    assert inbound.also == ()
    assert inbound.reply_path == WhatsAppPath(provider="meta", user_id=USER_ID)


def test_a_sender_whom_only_the_contacts_name_is_still_known() -> None:
    inbound = parse_message(build_message("text", phone=None, user_id=None), build_contact(phone=None))
    assert inbound.contact == USER_ID


def test_a_sender_without_an_id_is_known_by_number() -> None:
    inbound = parse_message(build_message("text", user_id=None), build_contact(user_id=None))
    assert inbound.contact == f"+{PHONE}"
    assert inbound.reply_path == WhatsAppPath(provider="meta", phone=f"+{PHONE}")


@pytest.mark.parametrize(
    ("phone", "user_id", "keys"),
    [
        (PHONE, USER_ID, (f"user:{USER_ID}", f"phone:+{PHONE}")),
        (PHONE, None, (f"phone:+{PHONE}",)),
        (None, USER_ID, (f"user:{USER_ID}",)),
    ],
)
def test_a_message_follows_whatever_its_sender_is_known_by(
    phone: str | None, user_id: str | None, keys: tuple[str, ...]
) -> None:
    inbound = parse_message(build_message("text", phone=phone, user_id=user_id), build_contact(phone, user_id))
    assert inbound.follows == inbound.known_as == keys


def test_a_sender_whose_number_is_written_in_two_ways_is_one_person() -> None:
    inbound = parse_message(
        build_message("text", phone="5511987654321", user_id=None), build_contact("551187654321", "BR.1", "Alice")
    )
    assert inbound.reply_path == WhatsAppPath(provider="meta", phone="+5511987654321", user_id="BR.1")


def test_in_a_batch_of_two_senders_nobody_gets_the_others_name_or_id() -> None:
    messages = [build_message("text", "wamid.1"), build_message("text", "wamid.2", phone="49151", user_id=None)]
    contacts = [build_contact("49151000", "DE.9", "Mallory"), build_contact()]
    alice, other = parse(build_webhook(build_value(contacts=contacts, messages=messages))).messages
    assert (alice.contact, alice.sender and alice.sender.name) == (USER_ID, "Alice Example")
    assert (other.contact, other.sender and other.sender.name) == ("+49151", "")


def test_one_contact_is_not_lent_to_two_senders() -> None:
    messages = [build_message("text", "wamid.1"), build_message("text", "wamid.2", phone="49151", user_id=None)]
    _, other = parse(build_webhook(build_value(contacts=[build_contact()], messages=messages))).messages
    assert other.contact == "+49151"
    assert other.also == ()


@pytest.mark.parametrize(("word", "is_given"), [("STOP", False), ("start", True)])
def test_stop_and_start_change_the_consent_and_start_no_turn(word: str, is_given: bool) -> None:
    message = build_message("text", text={"body": word})
    parsed = parse(build_webhook(build_value(contacts=[build_contact()], messages=[message])))
    assert parsed.consents == (
        Consent("whatsapp", NUMBER_ID, USER_ID, is_given),
        Consent("whatsapp", NUMBER_ID, f"+{PHONE}", is_given),
    )
    assert [(inbound.text, inbound.starts_turn) for inbound in parsed.messages] == [(word, False)]


def test_the_consent_of_a_customer_without_a_number_goes_by_id() -> None:
    message = build_message("button", phone=None, button={"text": "Stop"})
    parsed = parse(build_webhook(build_value(contacts=[build_contact(phone=None)], messages=[message])))
    assert [consent.address for consent in parsed.consents] == [USER_ID]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("user_changed_number", {USER_ID, f"+{PHONE}"}),
        ("user_changed_user_id", {USER_ID, f"+{PHONE}"}),
        ("customer_identity_changed", {f"+{PHONE}"}),
    ],
)
def test_a_change_of_identity_withdraws_the_proof_of_the_old_one(kind: str, values: set[str]) -> None:
    parsed = parse(build_webhook(build_value(messages=[build_system(kind)])))
    assert {identity.value for identity in parsed.revoked} == values
    assert {(identity.kind, identity.level) for identity in parsed.revoked} == {("whatsapp", "channel_asserted")}
    assert parsed.messages == ()
