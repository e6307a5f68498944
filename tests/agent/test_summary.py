"""The running summary: in the messages' own words, or a model's; bounded, and never forgetting how it began."""

from decimal import Decimal

import pytest
from agents import ModelSettings
from agents.testing import ScriptedModel, assistant_message
from hypothesis import given
from hypothesis import strategies as st

from agent.summary import MAX_CHARACTERS, extract_summary, write_summary
from agent.tokens import estimate_tokens
from core.settings import AgentSettings
from database.types import Author
from tests.agent.models.asking import ANSWER, LOOK, make_brain, run_with
from tests.agent.test_window import make
from tests.emulators.openai.script import Fail, Say
from tests.emulators.openai.server import serve_openai

MESSAGES: st.SearchStrategy[list[tuple[Author, str]]] = st.lists(
    st.tuples(st.sampled_from(["customer", "assistant", "person", "system"]), st.text(max_size=400)), max_size=30
)
LONG: tuple[tuple[Author, str], ...] = tuple(("customer", f"Message {n}. " + "It is slow. " * 60) for n in range(30))
SMALL_WINDOW = AgentSettings(window_tokens=2_000)


@given(MESSAGES, MESSAGES)
def test_a_summary_stays_within_its_bounds_however_often_it_is_extended(
    first: list[tuple[Author, str]], second: list[tuple[Author, str]]
) -> None:
    summary = extract_summary(extract_summary("", first), second)
    assert len(summary) <= MAX_CHARACTERS


def test_each_message_leaves_a_line_that_says_whose_it_is() -> None:
    summary = extract_summary(
        "", [("customer", "The export\nhangs."), ("assistant", "Try again."), ("person", "Mended.")]
    )
    assert summary.splitlines() == ["Customer: The export hangs.", "Desk: Try again.", "Colleague: Mended."]


def test_the_middle_goes_and_the_beginning_and_the_end_stay() -> None:
    summary = extract_summary("Customer: I cannot pay.", LONG)
    assert summary.startswith("Customer: I cannot pay.")
    assert "Message 29." in summary
    assert "Message 10." not in summary


async def test_a_model_that_writes_nothing_has_written_no_summary() -> None:
    with pytest.raises(ValueError, match="no summary"):
        await write_summary(ScriptedModel([[assistant_message("")]]), ModelSettings(), "Sum up.", "", LONG[:2])


async def test_what_no_longer_fits_is_summed_up_by_the_model_within_the_turns_budget() -> None:
    async with serve_openai(Say("They find the export slow."), LOOK, ANSWER) as server:
        result = await run_with(make_brain(server), make("Still slow", history=LONG), SMALL_WINDOW)
    asked = server.bodies[0]
    assert asked["max_tokens"] == 400
    assert "tools" not in asked
    assert "Message 0." in asked["messages"][-1]["content"]
    assert result.running_summary is not None
    assert result.running_summary.text == "They find the export slow."
    assert 0 < result.running_summary.kept < len(LONG)
    assert "They find the export slow." in result.input
    assert [record.purpose for record in result.model_calls] == ["summary", "turn", "turn"]
    assert (result.cost_usd or Decimal(0)) > (result.model_calls[0].cost_usd or Decimal(0)) > 0


async def test_a_model_sums_up_long_letters_from_their_beginnings_and_ends() -> None:
    long = "word " * 20_000 + "Yours."
    letters: tuple[tuple[Author, str], ...] = tuple(("customer", f"Letter {number}. {long}") for number in range(8))
    async with serve_openai(Say("They write long letters."), LOOK, ANSWER) as server:
        result = await run_with(make_brain(server), make("Still slow", history=letters), SMALL_WINDOW)
    asked = server.bodies[0]["messages"][-1]["content"]
    assert "Letter 0." in asked
    assert estimate_tokens(asked) < 5_000
    assert result.fallback is None


async def test_without_the_models_help_the_summary_is_extracted_and_the_turn_goes_on() -> None:
    async with serve_openai(Fail(400), LOOK, ANSWER) as server:
        result = await run_with(make_brain(server), make("Still slow", history=LONG), SMALL_WINDOW)
    assert result.brain.name == "openai"
    assert result.running_summary is not None
    assert result.running_summary.text.startswith("Customer: Message 0.")


async def test_a_short_conversation_is_not_summed_up() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        result = await run_with(make_brain(server), make("Still slow", history=LONG[:1]))
    assert result.running_summary is None
