"""The words by which customers end and resume our messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.whatsapp.consent import read_consent


@pytest.mark.parametrize(
    "text", ["STOP", "stop", " Stop. ", "STOP ALL", "stop   all", "Unsubscribe!", "“Stop”", "opt-out"]
)
def test_a_message_that_is_nothing_but_a_stop_word_withdraws_consent(text: str) -> None:
    assert read_consent(text) is False


@pytest.mark.parametrize("text", ["START", "start", "Unstop", " opt in "])
def test_a_message_that_is_nothing_but_a_start_word_gives_it_again(text: str) -> None:
    assert read_consent(text) is True


@pytest.mark.parametrize(
    "text", ["", "please stop the invoice", "stop it", "Cancel", "end", "yes", "How do I start?", "the stop", "help"]
)
def test_words_that_a_support_desk_is_asked_about_every_day_are_ordinary(text: str) -> None:
    assert read_consent(text) is None


@given(st.text())
def test_any_text_is_read_without_complaint(text: str) -> None:
    assert read_consent(text) in {True, False, None}
