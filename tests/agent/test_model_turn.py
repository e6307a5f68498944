"""A turn in which a language model thinks: scripted here, through the same loop, tools and gate."""

import json
from dataclasses import replace
from typing import Any

import pytest
from agents.testing import ScriptedModel, assistant_message, function_call
from openai import APIConnectionError, OpenAIError

from agent.decision.policy import PolicyMatch
from agent.run import TurnResult
from core.settings import AgentSettings
from database.types import IdentityLevel
from tests.agent.builders import make_agent, make_passage, make_turn

PASSAGE = make_passage("Select Forgot password on the sign-in page. The link works for 60 minutes.")
SEARCH = ("search_knowledge_base", {"query": "reset password"})
GOOD_ANSWER = ("send_response", {"text": "Select Forgot password on the sign-in page. [1]", "citations": [1]})


def script(*steps: list[tuple[str, dict[str, Any]]] | str) -> ScriptedModel:
    """A model that answers with these tool calls or texts, one step per request."""
    return ScriptedModel(
        [
            [assistant_message(step)]
            if isinstance(step, str)
            else [
                function_call(name, arguments, call_id=f"call_{number}_{index}")
                for index, (name, arguments) in enumerate(step)
            ]
            for number, step in enumerate(steps)
        ]
    )


async def run(*steps: list[tuple[str, dict[str, Any]]] | str, **turn: Any) -> TurnResult:
    """A turn with this script."""
    return await make_agent(passages=[PASSAGE], model=script(*steps)).run_turn(make_turn(**turn))


async def test_a_grounded_cited_answer_is_sent() -> None:
    result = await run([SEARCH], [GOOD_ANSWER])
    assert result.decision.action == "answer"
    assert result.draft is not None
    assert result.draft.citations[0].passage_id == PASSAGE.id
    assert result.brain.name == "openai"


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ({"text": "Just log in again.", "citations": []}, "uncited"),
        ({"text": "The link works for 90 minutes. [1]", "citations": [1]}, "ungrounded"),
        ({"text": "Select Forgot password at https://evil.example/reset [1]", "citations": [1]}, "ungrounded"),
        (
            {"text": "Our engineers gladly refund everybody their whole purchase amount. [1]", "citations": [1]},
            "ungrounded",
        ),
    ],
)
async def test_an_answer_without_ground_goes_to_a_person_together_with_the_draft(
    answer: dict[str, Any], rule: str
) -> None:
    result = await run([SEARCH], [("send_response", answer)])
    assert (result.decision.action, result.decision.rule) == ("hand_over", rule)
    assert result.draft is not None


async def test_a_passage_number_that_was_never_shown_is_refused_and_may_be_corrected() -> None:
    wrong = ("send_response", {"text": "Select Forgot password. [7]", "citations": [7]})
    result = await run([SEARCH], [wrong], [GOOD_ANSWER])
    assert result.decision.action == "answer"
    assert "there is no passage 7" in result.calls[1].output


async def test_the_model_may_hand_over_by_itself() -> None:
    wish = ("escalate_to_human", {"category": "technical", "reason": "needs a log", "summary": "cannot sign in"})
    result = await run([SEARCH], [wish])
    assert (result.decision.rule, result.decision.route) == ("model_escalated", "technical")
    assert result.summary == "cannot sign in"


async def test_an_empty_ending_hands_over() -> None:
    result = await run([SEARCH], "")
    assert result.decision.rule == "no_answer"


async def test_prose_instead_of_the_tool_is_never_sent() -> None:
    result = await run([SEARCH], "Just click forgot password!")
    assert result.decision.action == "hand_over"
    assert result.draft is None


async def test_an_answer_without_a_search_has_no_ground_and_is_not_sent() -> None:
    result = await run([("send_response", {"text": "Yes.", "citations": []})])
    assert result.decision.action == "hand_over"


async def test_a_mandatory_message_is_never_put_before_the_model() -> None:
    model = script([SEARCH], [GOOD_ANSWER])
    rule = PolicyMatch("legal_threat", "legal", "always", "lawyer")
    result = await make_agent(passages=[PASSAGE], model=model, policy=(rule,)).run_turn(make_turn("My lawyer"))
    assert result.decision.route == "legal"
    assert result.brain.name == "offline"


@pytest.mark.parametrize(
    "broken",
    [
        script([("no_such_tool", {})], [SEARCH], [SEARCH]),
        script(*[[SEARCH]] * 12),
    ],
    ids=["runs out of script", "never stops searching"],
)
async def test_a_model_that_goes_astray_is_replaced_by_the_offline_brain(broken: ScriptedModel) -> None:
    agent = make_agent(passages=[PASSAGE], model=broken, settings=AgentSettings(max_turns=3))
    result = await agent.run_turn(make_turn())
    assert result.brain.name == "offline"
    assert result.decision.action == "answer"


class DownModel(ScriptedModel):
    """A model behind a line that is cut."""

    def __init__(self, error: Exception) -> None:
        super().__init__([])
        self._error = error

    async def get_response(self, *_args: Any, **_kwargs: Any) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [OpenAIError("quota"), TimeoutError()], ids=["api error", "timeout"])
async def test_an_outage_of_the_model_degrades_to_the_offline_brain(error: Exception) -> None:
    result = await make_agent(passages=[PASSAGE], model=DownModel(error)).run_turn(make_turn())
    assert result.brain.name == "offline"
    assert result.decision.action == "answer"


async def test_nothing_of_a_failed_attempt_survives_into_the_fallback() -> None:
    class HalfWay(ScriptedModel):
        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            if self.calls:
                raise APIConnectionError(request=None)  # type: ignore[arg-type]
            return await super().get_response(*args, **kwargs)

    model = HalfWay(
        [
            [
                function_call(
                    "create_ticket", {"subject": "hacked", "category": "security", "priority": "urgent"}, call_id="c1"
                )
            ]
        ]
    )
    result = await make_agent(passages=[PASSAGE], model=model).run_turn(make_turn())
    assert result.categorise is not None
    assert result.categorise.subject == "Forgotten password"


@pytest.mark.parametrize("level", ["self_reported", "channel_asserted"])
async def test_history_stays_closed_to_a_model_that_asks_for_an_unproven_customer(level: IdentityLevel) -> None:
    history = [{"ref": "TF-20260101-0007", "subject": "private matter"}]
    model = script([("get_customer_history", {"customer_id": "somebody-else"})], [SEARCH], [GOOD_ANSWER])
    agent = make_agent(passages=[PASSAGE], model=model, history=history)
    result = await agent.run_turn(make_turn(identity_level=level))
    assert "private matter" not in result.calls[0].output
    assert "not proven" in result.calls[0].output


async def test_malformed_arguments_are_explained_to_the_model_and_nothing_leaks() -> None:
    model = script(
        [("create_ticket", {"subject": "x", "category": "nonsense", "priority": "medium"})], [SEARCH], [GOOD_ANSWER]
    )
    result = await make_agent(passages=[PASSAGE], model=model).run_turn(make_turn())
    refused = next(call for call in result.calls if call.tool == "create_ticket")
    assert "Check the arguments" in refused.output
    assert "Traceback" not in json.dumps(refused.output)
    assert result.decision.action == "answer"


async def test_arguments_that_no_database_takes_are_recorded_all_the_same() -> None:
    odd = ("search_knowledge_base", {"query": "nul \x00 inside"})
    result = await run([odd], [GOOD_ANSWER])
    assert "\\u0000" not in result.calls[0].arguments
    assert json.loads(result.calls[0].arguments) == {"query": "nul  inside"}


async def test_six_characters_that_look_like_an_escape_are_only_characters() -> None:
    question = "My file shows \\u0000 in the export"
    result = await make_agent(passages=[PASSAGE]).run_turn(make_turn(question))
    assert all(json.loads(call.arguments) is not None for call in result.calls)
    assert json.loads(result.calls[0].arguments) == {"text": question}


async def test_an_easier_question_of_the_models_own_does_not_raise_confidence() -> None:
    unfit = make_passage("Boards have columns.", title="Boards", heading="Columns", similarity=0.1, lexical=0.1)
    model = script(
        [("search_knowledge_base", {"query": "Boards columns"})],
        [("send_response", {"text": "Boards have columns. [1]", "citations": [1]})],
    )
    result = await make_agent(passages=[unfit], model=model).run_turn(make_turn("Where do penguins sleep?"))
    assert result.decision.rule == "low_confidence"


async def test_a_reply_in_another_script_needs_ground_as_well() -> None:
    promise = ("send_response", {"text": "Мы вернём все деньги завтра [1]", "citations": [1]})
    result = await run([SEARCH], [promise])
    assert result.decision.rule == "ungrounded"


async def test_policy_sees_the_subject_whatever_search_makes_of_it() -> None:
    turn = make_turn("I have an issue with your app. When will it finish?", subject="Will sue you")
    assert any("Will sue you" in text for text in turn.everything_said)


def test_a_notice_that_a_person_will_look_answers_nothing_so_the_subject_still_counts() -> None:
    turn = make_turn("please see the subject", subject="Will sue you")
    notice = replace(turn.conversation, history=(("customer", "hello"), ("system", "A colleague will look into it.")))
    assert any("Will sue you" in text for text in replace(turn, conversation=notice).everything_said)
