"""Each channel has its own way of writing: a formal letter, a semi-formal page, a short message."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Writer
from channels.mail.write import MailWriter
from channels.phrases import LANGUAGES, admit_languages, find_phrases
from channels.registry import build_channels
from channels.web.write import WebWriter
from channels.whatsapp.write import WhatsAppWriter
from core.settings import Settings
from database.types import Citation
from tests.channels.letters import REF, make_citation, make_letter

ANSWER = "Choose “Forgot password” [1] and follow the link [2]."
SOURCES = [make_citation(1, "Reset a password"), make_citation(2, "Sign in")]
_GAP = re.compile(r"\{\w*\}")
WRITERS = [kit.writer for kit in build_channels(Settings.model_construct()).values()]
EACH_WRITER = pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: type(writer).__name__)
SEARCH = settings(deadline=None, database=None)
# With a reference as long as years of growth could make it.
REFS = st.from_regex(r"[A-Z]{1,8}-20[0-9]{6}-[0-9]{4,9}", fullmatch=True)
CITATIONS = st.lists(st.builds(make_citation, st.integers(1, 99), st.text(max_size=300)), max_size=4)


@EACH_WRITER
def test_every_answer_holds_the_answer_and_the_reference(writer: Writer) -> None:
    written = writer.write_answer("Choose “Forgot password”.", SOURCES, make_letter())
    assert "Choose “Forgot password”." in written
    assert REF in written


@EACH_WRITER
def test_every_handover_names_the_team_and_the_reference(writer: Writer) -> None:
    written = writer.write_handover("Billing team", make_letter())
    assert "Billing team" in written
    assert REF in written


@EACH_WRITER
@pytest.mark.parametrize("name", ["", " ", "\u00a0"])
def test_a_customer_without_a_name_is_greeted_all_the_same(writer: Writer, name: str) -> None:
    for written in (
        writer.write_answer("Yes.", SOURCES, make_letter(name)),
        writer.write_handover("Support queue", make_letter(name)),
    ):
        first_line = written.splitlines()[0]
        assert first_line == first_line.strip()
        assert " ," not in first_line
        assert "None" not in written


@EACH_WRITER
@SEARCH
@given(name=st.text(max_size=120), text=st.text(max_size=500), team=st.text(max_size=100))
def test_no_name_text_or_team_breaks_a_writer(writer: Writer, name: str, text: str, team: str) -> None:
    assert writer.write_answer(text, SOURCES, make_letter(name))
    assert writer.write_handover(team, make_letter(name))


def test_mail_is_a_formal_letter_with_greeting_sources_and_signature() -> None:
    written = MailWriter().write_answer(ANSWER, SOURCES, make_letter())
    lines = written.splitlines()
    assert lines[0] == "Dear Ada Byron,"
    assert "Thank you for contacting Harborline." in lines
    assert ANSWER in lines
    assert lines[lines.index("Sources:") + 1 :][:2] == ["[1] Reset a password", "[2] Sign in"]
    assert lines[-4:-2] == ["Kind regards,", "Harborline Support Team"]
    assert lines[-1] == f"Reference: {REF}"


def test_a_handover_by_mail_is_a_formal_letter_too() -> None:
    lines = MailWriter().write_handover("Legal team", make_letter()).splitlines()
    assert lines[0] == "Dear Ada Byron,"
    assert "Kind regards," in lines
    assert "Sources:" not in lines


def test_mail_to_nobody_known_greets_formally() -> None:
    assert MailWriter().write_answer(ANSWER, SOURCES, make_letter("")).startswith("Dear customer,\n")


def test_the_web_is_semi_formal_and_keeps_its_markers() -> None:
    lines = WebWriter().write_answer(ANSWER, SOURCES, make_letter()).splitlines()
    assert lines[0] == "Hi Ada,"
    assert ANSWER in lines
    assert lines[-2:] == ["Harborline Support Team", f"Ticket {REF}"]
    assert "Dear" not in lines[0]
    assert "Reset a password" not in lines, "the page shows the sources beside the reply"


def test_the_web_offers_a_person_with_every_answer() -> None:
    assert "a person" in WebWriter().write_answer(ANSWER, SOURCES, make_letter())


def test_a_handover_on_the_web_greets_and_signs() -> None:
    lines = WebWriter().write_handover("Security team", make_letter()).splitlines()
    assert lines[0] == "Hi Ada,"
    assert lines[-2:] == ["Harborline Support Team", f"Ticket {REF}"]


def test_whatsapp_has_no_ceremony_and_no_markers() -> None:
    written = WhatsAppWriter().write_answer(ANSWER, SOURCES, make_letter())
    assert written.startswith("Choose “Forgot password” and follow the link.")
    assert "Reset a password" in written
    assert "Dear" not in written
    assert "Harborline Support Team" not in written


@SEARCH
@given(text=st.text(max_size=1000), citations=CITATIONS, name=st.text(max_size=120), ref=REFS)
def test_a_whatsapp_answer_is_always_below_300_characters(
    text: str, citations: list[Citation], name: str, ref: str
) -> None:
    written = WhatsAppWriter().write_answer(text, citations, make_letter(name, ref))
    assert len(written) < 300
    assert written.endswith(ref)


@SEARCH
@given(team=st.text(max_size=500), name=st.text(max_size=500), ref=REFS, language=st.sampled_from(LANGUAGES))
def test_a_whatsapp_handover_is_always_below_300_characters(team: str, name: str, ref: str, language: str) -> None:
    letter = replace(make_letter(name, ref), language=language, known_languages=("de", "en"))
    written = WhatsAppWriter().write_handover(team, letter)
    assert len(written) < 300
    assert written.endswith(ref)


@pytest.mark.parametrize("words", [300, 5000])
def test_a_long_whatsapp_answer_is_cut_between_words_and_says_so(words: int) -> None:
    text = " ".join(f"word{number}" for number in range(words))
    written = WhatsAppWriter().write_answer(text, SOURCES, make_letter())
    body = written.splitlines()[0]
    assert body.endswith("…")
    assert text.startswith(body.removesuffix("…") + " ")
    assert len(written) > 250, "far less was sent than there was room for"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["1. Open the page. … [1]", "word " * 100], ids=["cut before", "cut here"])
def test_a_cut_whatsapp_answer_says_how_to_get_the_rest(text: str, language: str) -> None:
    letter = replace(make_letter(), language=language)
    more = find_phrases(language).chat_more
    body, said, *_ = WhatsAppWriter().write_answer(text, SOURCES, letter).splitlines()
    assert body.endswith("…")
    assert said == more
    assert len(more) < 65
    assert more not in WhatsAppWriter().write_answer(ANSWER, SOURCES, letter)


def test_a_whatsapp_answer_of_one_endless_word_is_cut_all_the_same() -> None:
    written = WhatsAppWriter().write_answer("x" * 5000, SOURCES, make_letter())
    assert len(written) < 300
    assert written.startswith("x" * 150)


def test_an_answer_that_fits_whatsapp_is_sent_whole() -> None:
    tail = len(WhatsAppWriter().write_answer("", SOURCES, make_letter()))
    text = "y" * (299 - tail)
    assert text in WhatsAppWriter().write_answer(text, SOURCES, make_letter())


def test_a_whatsapp_answer_without_a_source_names_none() -> None:
    assert "📖" not in WhatsAppWriter().write_answer("Yes.", [], make_letter())


@pytest.mark.parametrize(
    ("name", "first"),
    [("Ada Byron", "Ada"), ("Ada", "Ada"), ("", ""), ("  ", ""), ("\tAda  B ", "Ada"), ("李 明", "李")],
)
def test_the_first_name_is_what_stands_first(name: str, first: str) -> None:
    assert make_letter(name).first_name == first


@EACH_WRITER
@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_around_an_answer_is_in_the_customers_language(writer: Writer, language: str) -> None:
    letter = replace(make_letter(), language=language)
    for written in (writer.write_answer(ANSWER, SOURCES, letter), writer.write_handover("Billing team", letter)):
        assert REF in written
        assert "{" not in written
        is_english = any(words in written for words in ("Dear", "Thank", "Kind regards", "Reference:", "reply"))
        assert not is_english or language == "en"


@EACH_WRITER
@pytest.mark.parametrize(
    ("language", "admission"),
    [
        ("en", "Our automatic help knows only German and Spanish."),
        ("de", "Unsere automatische Hilfe kann nur Deutsch und Spanisch."),
        ("fr", "Notre aide automatique ne connaît que : allemand et espagnol."),
        ("pl", "Our automatic help knows only German and Spanish."),
    ],
)
def test_a_handover_admits_which_languages_the_help_knows(writer: Writer, language: str, admission: str) -> None:
    letter = replace(make_letter(), language=language)
    assert admission not in writer.write_handover("Billing team", letter)
    assert admission in writer.write_handover("Billing team", replace(letter, known_languages=("de", "es")))


def test_languages_are_listed_as_people_list_them() -> None:
    assert admit_languages("en", ()) == ""
    assert admit_languages("en", ("en",)).endswith("only English.")
    assert admit_languages("nl", ("de", "en", "nl")).endswith("alleen Duits, Engels en Nederlands.")
    assert admit_languages("it", ("en", "sv")).endswith("solo inglese e sv.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_with_the_same_gaps(language: str) -> None:
    english, phrases = find_phrases("en").model_dump(), find_phrases(language).model_dump()
    assert set(phrases.pop("languages")) == set(english.pop("languages")) == set(LANGUAGES)
    for name, phrase in phrases.items():
        assert sorted(_GAP.findall(phrase)) == sorted(_GAP.findall(english[name])), name
    assert language == "en" or phrases["mail_handover"] != english["mail_handover"]
