"""Customers who write in other languages than the knowledge: the offline brain says so, a model translates."""

from typing import Any

import pytest
from agents import ModelSettings
from agents.testing import ScriptedModel, assistant_message, function_call

from agent.decision.decide import LEANING_CONFIDENCE
from agent.decision.judge import build_judge, read_verdict
from agent.run import TurnResult
from core.settings import AgentSettings
from tests.agent.builders import make_agent, make_passage, make_turn

PASSAGE = make_passage("Select Forgot password on the sign-in page. The link works for 60 minutes.")
GERMAN = "Ich habe mein Passwort vergessen, wie kann ich es zurücksetzen?"
SEARCH: tuple[str, dict[str, Any]] = ("search_knowledge_base", {"query": "How can I reset my forgotten password?"})
ANSWER = "Wählen Sie auf der Anmeldeseite „Forgot password“. Der Link gilt 60 Minuten. [1]"


async def run_german(*verdicts: str, text: str = ANSWER, **settings: Any) -> TurnResult:
    """A German turn in which a model searches in English, answers in German, and is then asked to judge."""
    agent = make_agent(
        passages=[PASSAGE], model=script_german(*verdicts, text=text), settings=AgentSettings(**settings)
    )
    return await agent.run_turn(make_turn(GERMAN, subject="Passwort"))


def script_german(*verdicts: str, text: str = ANSWER) -> ScriptedModel:
    answer: tuple[str, dict[str, Any]] = ("send_response", {"text": text, "citations": [1]})
    steps: list[list[Any]] = [
        [function_call(name, arguments, call_id=f"call_{number}")]
        for number, (name, arguments) in enumerate([SEARCH, answer])
    ]
    return ScriptedModel([*steps, *([assistant_message(verdict)] for verdict in verdicts)])


async def test_the_offline_brain_hands_over_what_it_cannot_answer_in_the_customers_language() -> None:
    result = await make_agent(passages=[PASSAGE]).run_turn(make_turn(GERMAN, subject="Passwort"))
    assert (result.decision.action, result.decision.rule) == ("hand_over", "language_not_supported")
    assert "German" in result.decision.reason
    assert (result.language, result.knowledge_languages) == ("de", ("en",))
    assert result.description["language"] == "de"


async def test_with_german_knowledge_the_offline_brain_answers_in_german() -> None:
    passage = make_passage(
        "Wählen Sie Passwort vergessen auf der Anmeldeseite.", title="Passwort zurücksetzen", language="de"
    )
    agent = make_agent(passages=[passage], knowledge_languages=("de", "en"))
    result = await agent.run_turn(make_turn(GERMAN, subject="Passwort"))
    assert result.decision.rule != "language_not_supported"
    assert result.language == "de"


@pytest.mark.parametrize(
    ("language", "rule"), [("de", "grounded_answer"), (None, "grounded_answer"), ("en", "language_not_supported")]
)
async def test_what_counts_is_the_language_of_the_passage_and_not_that_of_other_articles(
    language: str | None, rule: str
) -> None:
    passage = make_passage(f"{GERMAN} Wählen Sie Passwort vergessen.", title=GERMAN, similarity=1.0, language=language)
    agent = make_agent(passages=[passage], knowledge_languages=("de", "en"))
    result = await agent.run_turn(make_turn(GERMAN, subject="Passwort"))
    assert result.decision.rule == rule


async def test_a_translated_question_counts_though_another_article_is_in_the_customers_language() -> None:
    agent = make_agent(passages=[PASSAGE], knowledge_languages=("de", "en"), model=script_german("none"))
    result = await agent.run_turn(make_turn(GERMAN, subject="Passwort"))
    assert (result.decision.action, result.decision.required_confidence) == ("answer", LEANING_CONFIDENCE)


async def test_a_translated_answer_is_sent_once_a_judge_finds_it_carried() -> None:
    result = await run_german("none")
    assert result.decision.action == "answer"
    assert result.description["grounded_by"] == "judge"
    assert result.description["unsupported"] == []


async def test_a_judge_names_the_sentence_that_is_not_carried() -> None:
    result = await run_german("2")
    assert (result.decision.action, result.decision.rule) == ("hand_over", "ungrounded")
    assert [found["sentence"] for found in result.description["unsupported"]] == ["Der Link gilt 60 Minuten."]


@pytest.mark.parametrize("verdict", ["", "I think all of it is fine", "7", "none of them"])
async def test_without_a_readable_verdict_a_translation_is_not_sent(verdict: str) -> None:
    result = await run_german(verdict)
    assert result.decision.rule == "ungrounded"
    assert result.description["grounded_by"] == "words"


async def test_a_judge_that_may_not_be_asked_is_not_asked() -> None:
    assert (await run_german("none", judge_seconds=0)).decision.rule == "ungrounded"


async def test_a_wrong_figure_stays_wrong_whatever_the_judge_says() -> None:
    result = await run_german("none", text="Der Link gilt 90 Minuten. [1]")
    assert result.decision.rule == "ungrounded"
    assert "number" in result.description["unsupported"][0]["problem"]


async def test_the_instructions_name_the_language_to_answer_in() -> None:
    model = ScriptedModel([[assistant_message("")]])
    await make_agent(passages=[PASSAGE], model=model).run_turn(make_turn(GERMAN, subject="Passwort"))
    assert "in German" in str(model.calls[0].system_instructions)


async def test_a_judge_names_the_sentences_that_are_not_said() -> None:
    judge = build_judge(ScriptedModel([[assistant_message("1, 3")]]), ModelSettings(), 5.0, lambda: 45.0)
    assert judge is not None
    assert await judge(["One.", "Two.", "Three."], ["Source."]) == frozenset({0, 2})


async def test_a_judge_is_not_asked_about_more_than_it_may_read() -> None:
    model = ScriptedModel([[assistant_message("none")]])
    judge = build_judge(model, ModelSettings(), 5.0, lambda: 45.0)
    assert judge is not None
    assert await judge(["One."], ["x" * 20_000]) is None
    assert not model.calls


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("none", set()),
        ("None.", set()),
        ("1", {0}),
        ("1, 2", {0, 1}),
        ("3", None),
        ("0", None),
        ("", None),
        ("1 and 2", None),
    ],
)
def test_only_a_plain_verdict_is_read(answer: str, expected: set[int] | None) -> None:
    assert read_verdict(answer, 2) == expected
