"""A long text becomes messages as a reader would cut it, and loses nothing but white space."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.whatsapp.split import MAX_UNITS, count_units, is_boundary, split_text
from channels.whatsapp.write import WhatsAppWriter
from tests.fuzz import fuzz_settings

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"
CLUSTERS = [
    FAMILY,
    FLAG,
    "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f",
    "e\u0301",
    "\u0e01\u0e33",
    "\u0915\u094d\u0937\u093f",
    "\u1112\u1161\u11ab",
    "\r\n",
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]
WORDS = st.sampled_from(
    [*CLUSTERS, "a", "word", " ", "  ", "\n", "\n\n", ". ", "! ", "。", "\U0001f600", "\u0301", "\u200d"]
)
TEXTS = st.lists(WORDS, max_size=200).map("".join) | st.text(max_size=300)


def drop_space(text: str) -> str:
    return "".join(text.split())


@fuzz_settings
@given(text=TEXTS, limit=st.integers(2, 60))
def test_parts_hold_everything_but_white_space_within_the_limit(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert drop_space("".join(parts)) == drop_space(text)
    assert all(count_units(part) <= limit for part in parts)
    assert count_units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@fuzz_settings
@given(text=TEXTS, limit=st.integers(2, 60))
def test_what_is_left_out_between_parts_is_white_space_alone(text: str, limit: int) -> None:
    parts, position = split_text(text, limit), 0
    for part in parts:
        found = text.index(part, position)
        assert not text[position:found].strip()
        position = found + len(part)
    assert not text[position:].strip()


@fuzz_settings
@given(words=st.lists(st.sampled_from(["word", "a.", " ", "   ", "\n\n", FLAG]), min_size=1), limit=st.integers(4, 20))
def test_no_part_is_blank(words: list[str], limit: int) -> None:
    parts = split_text("".join(words), limit)
    assert all(part.strip() for part in parts) or parts == ["".join(words)] or parts == [""]


@fuzz_settings
@given(clusters=st.lists(st.sampled_from([*CLUSTERS[:-1], "a", " "]), min_size=30, max_size=120))
def test_no_character_as_a_reader_sees_it_is_cut(clusters: list[str]) -> None:
    text = "".join(clusters)
    boundaries = {0}
    for cluster in clusters:
        boundaries.add(max(boundaries) + len(cluster))
    position = 0
    for part in split_text(text, 40):
        position = text.index(part, position)
        assert position in boundaries
        position += len(part)
        assert position in boundaries


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_has_no_boundary_inside(cluster: str) -> None:
    assert not any(is_boundary(cluster, index) for index in range(1, len(cluster)))
    assert is_boundary("a" + cluster + "b", 1)
    assert is_boundary(cluster, 0)
    assert is_boundary(cluster, len(cluster))


def test_flags_are_cut_between_pairs_of_letters_only() -> None:
    text = FLAG * 3
    assert [is_boundary(text, index) for index in range(len(text) + 1)] == [True, False] * 3 + [True]


def test_syllables_and_words_of_other_scripts_can_be_cut_between() -> None:
    for text in ("한국", "漢字", "ab", "กข", "🙂🙂", "\u0928\u092e"):
        assert is_boundary(text, 1), unicodedata.name(text[1])


@pytest.mark.parametrize("cluster", ["\U0001f600", FAMILY, FLAG, "e\u0301", "x"])
def test_a_text_of_emoji_alone_is_cut_at_1600_as_twilio_counts(cluster: str) -> None:
    parts = split_text(cluster * 2_000)
    assert all(count_units(part) <= MAX_UNITS for part in parts)
    assert all(part == cluster * (len(part) // len(cluster)) for part in parts)
    assert count_units(parts[0]) > MAX_UNITS - count_units(cluster)


@pytest.mark.parametrize(
    ("length", "count"), [(0, 1), (1, 1), (1_599, 1), (1_600, 1), (1_601, 2), (3_200, 2), (3_201, 3)]
)
def test_the_limit_is_met_exactly(length: int, count: int) -> None:
    parts = split_text("x" * length)
    assert len(parts) == count
    assert "".join(parts) == "x" * length


def test_a_text_that_fits_is_left_as_it_is() -> None:
    assert split_text("  Two\n\nparagraphs. \n") == ["  Two\n\nparagraphs. \n"]


def test_paragraphs_are_kept_whole_where_they_fit() -> None:
    first, second = "One. " * 150 + "End.", "Two. " * 150 + "End."
    assert split_text(f"{first}\n\n{second}\n\n{first}") == [f"{first}\n\n{second}", first]


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    sentence = "This sentence is about as long as sentences are in a reply, and it has commas. "
    parts = split_text(sentence * 50)
    assert len(parts) == 3
    assert all(part.endswith(("commas.", "commas. ")) for part in parts)


@pytest.mark.parametrize("end", [".", "!", "?", "…", ".”", '."', ".)"])
def test_a_sentence_ends_after_its_quotes(end: str) -> None:
    text = "a" * 20 + end + " " + "b" * 30
    assert split_text(text, 40) == ["a" * 20 + end, "b" * 30]


def test_a_sentence_without_end_is_cut_between_words() -> None:
    parts = split_text("word " * 700)
    assert all(set(part.split()) == {"word"} for part in parts)


def test_a_cut_is_never_so_early_that_the_parts_become_many() -> None:
    text = "A greeting of some length. " * 15 + "\n\n" + "word " * 550
    assert len(split_text(text)) == 2


def test_marks_without_end_are_cut_all_the_same() -> None:
    parts = split_text("a" + "\u0301" * 5_000)
    assert all(0 < count_units(part) <= MAX_UNITS for part in parts)


def test_the_writer_splits_what_people_write_at_length() -> None:
    text = "A sentence of a person. " * 200
    parts = WhatsAppWriter().split(text)
    assert len(parts) == 4
    assert drop_space("".join(parts)) == drop_space(text)
