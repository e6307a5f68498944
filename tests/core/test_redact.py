"""Personal data by its shape: it goes, ids and times stay, and no text takes long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<ada.b+x@mail.example.co.uk>: 550 no such user", "<[address]>: 550 no such user"),
        ("to=ümit@büro.example, cc=b@x.de", "to=[address], cc=[address]"),
        ("+49 (30) 123-4567", "[number]"),
        ("0170/1234567 or (555) 010-1234", "[number] or [number]"),
        ("555-010-1234", "[number]"),
        ("06 12 34 56 78 and 612 345 678", "[number] and [number]"),
        ("recipient 4915112345679", "recipient [number]"),
        ("whatsapp:+15550102030", "whatsapp:[number]"),
        ("card 4111 1111 1111 1111, or 4111111111111111", "card [card], or [card]"),
        ("DE89 3704 0044 0532 0130 00 now", "[account] now"),
        ("GB82WEST12345698765432 2026", "[account] 2026"),
        ("078-05-1120", "[id]"),
        ("QQ123456C and AB 12 34 56 C", "QQ123456C and [id]"),
        ("DNI 12345678Z, NIE X1234567L", "DNI [id], NIE [id]"),
        ("tax id 86095742719", "tax id [id]"),
        ('{"to": ["ada@example.com"]}', '{"to": ["[address]"]}'),
    ],
)
def test_what_is_personal_goes(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "01996d3e-7c1a-7b3f-8d2e-1f2a3b4c5d6e",
        "run 12345678-1234-8123-8123-123456789012 of thread 00000000-0000-8000-8000-000000000000",
        "2026-11-21T09:30:00.123456Z",
        "2026-11-21 09:30:00+00:00 until 2026-11-22",
        "21.11.2026",
        "TF-20261121-0001 and TF-20261121-000123456",
        "127.0.0.1:5432 and 192.168.100.200",
        "took 1234.5678901 s, 0.1234567 of it waiting",
        "since 1763716800, in ms 1763716800123",
        "listening on http://0.0.0.0:8000",
        "pid 4194304 with 123456789 bytes in 12 rows",
        "1000-2000 of 1 000 000",
        "0x7f1234567890 3f786850e387550fdab836ed7e6dc881de23001b",
        "postgresql://nightdesk:secret@localhost:5432/nightdesk",
        "12345678A is no DNI, and DE00 3704 0044 0532 0130 no account",
    ],
)
def test_ids_times_figures_and_references_stay(text: str) -> None:
    assert redact(text) == text


@given(st.uuids() | st.datetimes() | st.floats(0, 1e9, allow_subnormal=False).map(lambda seconds: f"{seconds:.6f}"))
def test_no_id_time_or_duration_is_taken_for_a_person(value: object) -> None:
    assert redact(f"id {value} done") == f"id {value} done"


@given(st.from_regex(r"[a-z0-9][a-z0-9.+_-]{0,20}@[a-z0-9-]{1,20}(\.[a-z]{2,10}){1,3}", fullmatch=True), st.text())
def test_an_address_goes_whatever_stands_around_it(address: str, text: str) -> None:
    assert address not in redact(f"{text} {address} {text}")


@given(st.text(alphabet="0123456789+-() ./@abAZDE\n"))
def test_what_was_redacted_once_stays_as_it_is(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.integers(10**14, 10**15 - 1))
def test_every_card_number_goes(digits: int) -> None:
    """Fifteen digits behind a 4, and the one that the checksum wants."""
    body = f"4{digits}"[:15]
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(body))
    assert redact(f"{body}{-total % 10}") == "[card]"


@pytest.mark.parametrize(
    "piece", ["ab-", "a", "A1", "a.", "a@", ".a", "+", "(", "1 ", "1", "12-", "1.", "DE12 ", "AB12", "0000-", "\n"]
)
def test_much_of_one_kind_is_redacted_soon(piece: str) -> None:
    """Of 200 kB a rule that looks again from each place would take minutes, and the test's time would be up."""
    text = redact(f"{piece * (200_000 // len(piece))}\n bob@example.com")
    assert re.search(r"\[address\]$", text)
