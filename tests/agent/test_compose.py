"""What the offline brain writes is the passage's own words."""

from hypothesis import given
from hypothesis import strategies as st

from agent.compose import compose_reply, find_markers, select_passages, shorten
from tests.agent.builders import make_passage


def test_text_that_fits_stays_as_it_is() -> None:
    assert shorten("One. Two.", 100) == "One. Two."


def test_it_is_cut_at_sentences_and_list_items() -> None:
    text = "Do this first. Then this.\n\n1. Open the page.\n2. Save it."
    assert shorten(text, 27) == "Do this first. Then this."
    assert shorten(text, 47) == "Do this first. Then this.\n\n1. Open the page."


def test_a_sentence_that_announces_a_lost_list_goes_with_it() -> None:
    assert shorten("You can do it.\nFollow these steps:\n1. " + "x" * 100, 50) == "You can do it."


def test_one_endless_word_is_cut_all_the_same() -> None:
    assert len(shorten("x" * 500, 100)) <= 100


def test_only_details_of_the_same_article_follow_a_summary() -> None:
    summary = make_passage(heading="")
    details = make_passage(article_id=summary.article_id)
    other = make_passage()
    assert select_passages([other, details], details) == [2]
    assert select_passages([summary, other], summary) == [1]
    assert select_passages([summary, other, details], summary) == [1, 3]


def test_details_that_do_not_fit_are_left_out_whole() -> None:
    summary = make_passage("Short answer.", heading="")
    details = make_passage("word " * 100, article_id=summary.article_id)
    assert compose_reply([summary, details], [1, 2], "whatsapp") == "Short answer. [1]"


STEPS = "".join(f"{number}. Open the settings of board number {number} and save it.\n" for number in range(1, 6))


def test_an_answer_that_was_cut_never_looks_whole() -> None:
    reply = compose_reply([make_passage(STEPS)], [1], "whatsapp")
    assert reply.startswith("1. Open the settings of board number 1 and save it.")
    assert reply.endswith(" … [1]")
    assert len(reply) <= 150
    endless = compose_reply([make_passage("word " * 100)], [1], "whatsapp")
    assert endless.endswith("word… [1]")
    assert "…" not in compose_reply([make_passage(STEPS)], [1], "web")


@given(st.text(min_size=1, max_size=3_000), st.integers(20, 500))
def test_a_cut_text_never_exceeds_its_limit_and_adds_no_words(text: str, limit: int) -> None:
    cut = shorten(text, limit)
    assert len(cut) <= limit
    assert cut.rstrip("…").strip() in text or cut == text


@given(st.lists(st.integers(1, 9), max_size=5))
def test_markers_are_found_once_and_in_order(numbers: list[int]) -> None:
    text = " ".join(f"Statement. [{number}]" for number in numbers)
    assert find_markers(text) == list(dict.fromkeys(numbers))
