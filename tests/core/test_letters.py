"""Letters without what stands around them, and how far a sent one is from its draft."""

import pytest

from core.letters import measure_edit, strip_letter, strip_markers

BODY = "Open the task, choose Move in its menu, and pick the other board."
LETTER = f"Hi Alice,\n\n{BODY}\n\nBest regards,\nSam\n+49 30 1234567"


def test_a_letter_loses_its_salutation_and_what_follows_its_close() -> None:
    assert strip_letter(LETTER) == BODY
    assert strip_letter("Highlight the text.\nThank you for it means more.") == (
        "Highlight the text.\nThank you for it means more."
    )
    assert strip_letter("Hello,\nDo this.\n\nKind regards") == "Do this."
    assert strip_letter("Hi") == ""


def test_the_numbers_of_sources_go_and_other_brackets_stay() -> None:
    assert strip_markers("Choose Move [1][12]. Press [Enter] [3]") == "Choose Move. Press [Enter]"


@pytest.mark.parametrize(
    ("draft", "sent", "least", "most"),
    [
        (f"{BODY} [1]", LETTER, 0.0, 0.0),
        (BODY, BODY.upper().replace(",", ";"), 0.0, 0.0),
        (BODY, f"{BODY} It takes a minute.", 0.05, 0.25),
        (BODY, "Boards cannot be left, because this is not supported on your plan.", 0.6, 1.0),
        (BODY, "", 1.0, 1.0),
        ("", "", 0.0, 0.0),
    ],
)
def test_an_edit_is_measured_in_words_without_the_letter_around_them(
    draft: str, sent: str, least: float, most: float
) -> None:
    assert least <= measure_edit(draft, sent) <= most


def test_long_texts_are_compared_soon() -> None:
    """Words that all occur in both are the worst case; all of 200,000 would take hours, and the test's time be up."""
    assert measure_edit("a b " * 50_000, "b a " * 50_000) < 0.1
