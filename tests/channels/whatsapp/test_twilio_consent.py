"""STOP and START through Twilio change the consent and start no turn."""

import pytest

from channels.whatsapp.twilio.receive import TwilioReceiver
from database.types import Consent
from tests.channels.whatsapp.twilio_samples import (
    CUSTOMER,
    HIDDEN,
    NUMBER,
    TEXT,
    USER_ID,
    make_settings,
    make_source,
    only_message,
)

RECEIVER = TwilioReceiver(make_settings())


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "Unsubscribe"])
def test_stop_ends_our_messages_and_starts_no_turn(word: str) -> None:
    parsed = RECEIVER.parse(make_source(TEXT | {"Body": word}))
    assert parsed.consents == (Consent("whatsapp", NUMBER, CUSTOMER, is_given=False),)
    assert not only_message(parsed).starts_turn


def test_start_resumes_them() -> None:
    parsed = RECEIVER.parse(make_source(TEXT | {"Body": "START"}))
    assert parsed.consents == (Consent("whatsapp", NUMBER, CUSTOMER, is_given=True),)


def test_the_words_that_twilio_was_configured_with_count_as_well() -> None:
    parsed = RECEIVER.parse(make_source(TEXT | {"Body": "Genug", "OptOutType": "STOP"}))
    assert parsed.consents == (Consent("whatsapp", NUMBER, CUSTOMER, is_given=False),)


def test_consent_is_kept_under_every_address_that_replies_may_go_to() -> None:
    parsed = RECEIVER.parse(make_source(HIDDEN | {"Body": "STOP"}))
    assert parsed.consents == (Consent("whatsapp", NUMBER, USER_ID, is_given=False),)
    parsed = RECEIVER.parse(make_source(HIDDEN | {"Body": "STOP", "WaId": CUSTOMER.removeprefix("+")}))
    assert parsed.consents == (
        Consent("whatsapp", NUMBER, USER_ID, is_given=False),
        Consent("whatsapp", NUMBER, CUSTOMER, is_given=False),
    )


def test_help_is_answered_by_the_desk_unless_twilio_did_so() -> None:
    assert only_message(RECEIVER.parse(make_source(TEXT | {"Body": "HELP"}))).starts_turn
    answered = RECEIVER.parse(make_source(TEXT | {"Body": "HELP", "OptOutType": "HELP"}))
    assert not only_message(answered).starts_turn
    assert answered.consents == ()


def test_stop_within_a_sentence_is_an_ordinary_message() -> None:
    parsed = RECEIVER.parse(make_source(TEXT | {"Body": "Please stop the invoice"}))
    assert parsed.consents == ()
    assert only_message(parsed).starts_turn
