"""From what a form sends to a message of the queue: clean text, scoped keys, honest fingerprints."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.web.parse import clean_text, fingerprint, parse_reply, parse_submission, scope_key
from database.types import InboundMessage, Priority, TicketCategory
from tests.channels.letters import NOW, make_ticket

SEARCH = settings(deadline=None, database=None)
CONTROL = "".join(chr(code) for code in (*range(32), 127) if chr(code) not in "\t\n\r")
ODD = st.text(max_size=8) | st.sampled_from([*CONTROL, "\r", "\n", "\r\n", "\t", " ", "\u2028", "\x85"])
TEXT = st.lists(ODD, max_size=10).map("".join)


def submit(
    *,
    name: str = "Ada",
    email: str = "ada@example.com",
    message: str = "Hello",
    ref: str = "TF-20261121-0001",
    subject: str = "Help",
    category: TicketCategory = "general",
    priority: Priority = "low",
) -> InboundMessage:
    """A submission, changed where the test says so."""
    ticket = make_ticket(ref=ref, subject=subject, category=category, priority=priority)
    return parse_submission(name=name, email=email, message=message, ticket=ticket, external_id="once")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Hello \n", "Hello"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\x00b\x07c\x1bd\x7fe", "abcde"),
        ("\x00 \x00", ""),
        ("tab\there", "tab\there"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("\u202eשלום\u202c", "\u202eשלום\u202c"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("", ""),
    ],
)
def test_text_is_cleaned_and_not_otherwise_altered(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@SEARCH
@given(text=TEXT)
def test_clean_text_has_nothing_left_to_clean(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert cleaned == cleaned.strip()
    assert not set(cleaned) & set(CONTROL + "\r")


@SEARCH
@given(text=TEXT)
def test_cleaning_loses_only_control_characters_and_white_space(text: str) -> None:
    def keep(whole: str) -> list[str]:
        return [c for c in whole if c not in CONTROL and not c.isspace()]

    assert keep(clean_text(text)) == keep(text)


def test_a_submission_is_a_thread_of_its_own_named_by_its_reference() -> None:
    inbound = submit()
    assert (inbound.channel, inbound.inbox, inbound.contact) == ("web", "form", "TF-20261121-0001")
    assert inbound.text == "Hello"
    assert inbound.ticket is not None
    assert inbound.ticket.first_reply_due == NOW


def test_an_address_that_was_typed_proves_nothing() -> None:
    sender = submit(name="Ada Byron").sender
    assert sender is not None
    assert (sender.kind, sender.value, sender.level) == ("email", "ada@example.com", "self_reported")
    assert sender.name == "Ada Byron"


def test_a_reply_joins_the_thread_of_its_ticket_and_names_no_sender() -> None:
    inbound = parse_reply(ref="TF-20261121-0001", message="More", external_id="x")
    first = submit()
    assert (inbound.channel, inbound.inbox, inbound.contact) == (first.channel, first.inbox, first.contact)
    assert (inbound.sender, inbound.ticket, inbound.text) == (None, None, "More")


def test_a_repeated_submission_has_the_same_fingerprint_whatever_reference_it_was_given() -> None:
    assert submit(ref="TF-20261121-0001").fingerprint == submit(ref="TF-20261122-0009").fingerprint


def test_a_submission_that_differs_in_any_field_has_another_fingerprint() -> None:
    different = [
        submit(),
        submit(name="Grace"),
        submit(email="grace@example.com"),
        submit(message="Bye"),
        submit(subject="Else"),
        submit(category="billing"),
        submit(priority="urgent"),
        submit(name="Help", subject="Ada"),
    ]
    assert len({inbound.fingerprint for inbound in different}) == len(different)


def test_replies_differ_by_ticket_and_text() -> None:
    prints = {
        parse_reply(ref=ref, message=message, external_id="x").fingerprint
        for ref in ("A", "B")
        for message in ("1", "2")
    }
    assert len(prints) == 4


@SEARCH
@given(
    one=st.dictionaries(st.text(max_size=3), st.text(max_size=5)),
    other=st.dictionaries(st.text(max_size=3), st.text(max_size=5)),
)
def test_fingerprints_are_equal_exactly_when_the_content_is(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert fingerprint(dict(reversed(one.items()))) == fingerprint(one)


@SEARCH
@given(scopes=st.tuples(st.emails(), st.emails()), keys=st.tuples(st.text(max_size=9), st.text(max_size=9)))
def test_keys_are_one_exactly_within_one_scope(scopes: tuple[str, str], keys: tuple[str, str]) -> None:
    (scope, other_scope), (key, other_key) = scopes, keys
    assert (scope_key(scope, key) == scope_key(other_scope, other_key)) == (scopes[0] == scopes[1] and key == other_key)


def test_a_scoped_key_reveals_neither_its_scope_nor_itself() -> None:
    scoped = scope_key("ada@example.com", "my-key")
    assert scoped.startswith("key:")
    assert set(scoped.removeprefix("key:")) <= set(string.hexdigits)
    assert len(scoped) == 68
