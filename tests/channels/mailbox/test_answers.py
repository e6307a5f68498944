"""Reading IMAP: names of folders, and whatever a server may answer."""

from base64 import b64decode
from datetime import UTC, datetime
from re import sub

from hypothesis import given
from hypothesis import strategies as st

from channels.mailbox.answers import Lines, read_arrival, read_body, read_change, read_number, read_uids
from channels.mailbox.folder import encode_folder, quote
from tests.fuzz import fuzz_settings

SELECTED: Lines = [
    b"3 EXISTS",
    b"OK [UIDVALIDITY 1795270835] UIDs valid",
    b"OK [UIDNEXT 44] Predicted",
    b"[READ-WRITE] done",
]
FETCHED: Lines = [b"1 FETCH (UID 9 BODY[] {5}", bytearray(b"hello"), b")", b"Fetch completed."]
ANSWERS: list[Lines] = [
    SELECTED,
    FETCHED,
    [b"4 8 15", b"Search completed."],
    [b"2 FETCH (UID 3 RFC822.SIZE 512)", b"done"],
]
lines = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(bytearray),
        st.sampled_from([line for answer in ANSWERS for line in answer]),
    ),
    max_size=6,
)


def decode_folder(wire: str) -> str:
    """What a server reads, written from RFC 3501 and not from the code under test."""
    assert wire[0] == wire[-1] == '"'
    unquoted = sub(r"\\(.)", r"\1", wire[1:-1])
    return sub(
        "&([^-]*)-",
        lambda found: (
            b64decode(found[1].replace(",", "/") + "=" * (-len(found[1]) % 4)).decode("utf-16-be") if found[1] else "&"
        ),
        unquoted,
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
@fuzz_settings
def test_any_name_of_a_folder_survives_the_wire_in_plain_ascii(name: str) -> None:
    wire = encode_folder(name)
    assert all(" " <= character <= "~" for character in wire)
    assert decode_folder(wire) == name


def test_the_example_of_the_standard() -> None:
    assert encode_folder("~peter/mail/台北/日本語") == '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'


def test_quotes_and_backslashes_mean_themselves() -> None:
    assert quote('a"b\\c') == '"a\\"b\\\\c"'


def test_numbers_are_found_by_their_names() -> None:
    assert read_number(SELECTED, "UIDVALIDITY") == 1795270835
    assert read_number(SELECTED, "UIDNEXT") == 44
    assert read_number(SELECTED, "HIGHESTMODSEQ") is None


def test_a_number_in_the_text_of_a_mail_is_none_of_ours() -> None:
    assert read_number([bytearray(b"RFC822.SIZE 1")], "RFC822.SIZE") is None


def test_uids_come_rising_from_as_many_lines_as_the_server_likes() -> None:
    assert read_uids([b"9 7", b"", b"8 7", b"found 4 in 2 seconds"]) == [7, 8, 9]


def test_a_body_is_the_literal_behind_its_name() -> None:
    assert read_body(FETCHED) == b"hello"
    assert read_body([b"3 FETCH (FLAGS (\\Seen))", *FETCHED]) == b"hello"
    assert read_body([b"1 FETCH (BODY[HEADER]<0> {2}", bytearray(b"hi"), b" UID 9)", b"done"]) == b"hi"


def test_an_empty_body_is_a_body_and_none_is_none() -> None:
    assert read_body([b"1 FETCH (UID 9 BODY[] {0}", bytearray(), b")", b"done"]) == b""
    assert read_body([b"1 FETCH (UID 9 BODY[] NIL)", b"done"]) == b""
    assert read_body([b"Fetch completed."]) is None


def test_changes_are_told_from_every_other_line() -> None:
    assert read_change(b"23 EXISTS") == (23, "EXISTS")
    assert read_change(b"3 expunge ") == (3, "EXPUNGE")
    assert not any(map(read_change, (b"OK Still here", b"3 FETCH (FLAGS (\\Seen))", b"1 RECENT", b"BYE 3 EXISTS")))


@given(lines)
@fuzz_settings
def test_no_answer_of_a_server_breaks_the_reading(answer: Lines) -> None:
    read_number(answer, "UIDNEXT")
    assert all(uid >= 0 for uid in read_uids(answer))
    for line in answer:
        read_change(line)
    body = read_body(answer)
    assert body is None or isinstance(body, bytes)


def test_the_arrival_of_a_message_is_read_whatever_else_its_server_says() -> None:
    told = b'2 FETCH (UID 3 RFC822.SIZE 512 INTERNALDATE " 7-Feb-2026 09:30:00 +0100")'
    assert read_arrival([b"1 EXISTS", told, b"done"]) == datetime(2026, 2, 7, 8, 30, tzinfo=UTC)
    for other in (b"2 FETCH (UID 3)", b'2 FETCH (INTERNALDATE "yesterday at half past nine")', b"INTERNALDATE NIL"):
        assert read_arrival([other, b"done"]) is None
