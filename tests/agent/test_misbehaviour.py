"""Models that misbehave, over a real connection and on both APIs: whatever they do, the customer is answered or handed
over, and nothing else happens.

Test 58, a worker that is killed between sending and committing, is in tests/chaos/test_crash.py and tests/storm.
"""

import json
from typing import Any, get_args

import pytest

from agent.models.brain import OFFLINE_BRAIN
from agent.run import TurnResult
from core.settings import AgentSettings
from database.types import IdentityLevel
from tests.agent.builders import KNOWLEDGE_VERSION, make_agent, make_turn
from tests.agent.models.asking import ANSWER, API, HAND_OVER, LOOK, make_brain, run_with
from tests.emulators.openai.script import HTML, NO_MONEY, Call, Drop, Fail, Hang, Say, Step, call, together
from tests.emulators.openai.server import serve_openai

SEND = call("send_response", text="Select Forgot password on the sign-in page. [1]", citations=[1])
SEND_OTHER = call("send_response", text="The sign-in page has Forgot password. [1]", citations=[1])


@pytest.fixture(params=get_args(API))
def api(request: pytest.FixtureRequest) -> API:
    """Both of them."""
    chosen: API = request.param
    return chosen


async def run(api: API, *steps: Step, settings: AgentSettings | None = None, **turn: Any) -> TurnResult:
    async with serve_openai(*steps) as server:
        return await run_with(make_brain(server, api=api), make_turn(**turn), settings)


@pytest.mark.parametrize(
    "broken",
    [
        Call("send_response", "{not json"),
        Call("send_response", ""),
        Call("send_response", "[1, 2]"),
        Call("send_response", {"citations": [1]}),
        Call("send_response", {"text": 7, "citations": "all"}),
        Call("create_ticket", {"subject": "x", "category": "nonsense", "priority": "medium"}),
    ],
)
async def test_52_malformed_arguments_are_explained_and_may_be_corrected(api: API, broken: Call) -> None:
    result = await run(api, Say(calls=(broken,)), ANSWER)
    assert (result.brain.name, result.decision.action) == ("openai", "answer")
    explained = result.calls[0].output
    assert "Check the arguments" in explained
    assert "Traceback" not in explained
    assert result.calls[0].model_call == 0


async def test_52_arguments_that_stay_malformed_end_with_the_offline_brain(api: API) -> None:
    result = await run(api, Say(calls=(Call("send_response", "{"),)), settings=AgentSettings(max_turns=4))
    assert (result.brain, result.fallback, result.decision.action) == (OFFLINE_BRAIN, "MaxTurnsExceeded", "answer")


async def test_53_an_unknown_tool_is_refused_and_the_turn_goes_on(api: API) -> None:
    result = await run(api, call("delete_customer", customer_id="somebody-else"), ANSWER)
    assert (result.brain.name, result.decision.action) == ("openai", "answer")
    assert "delete_customer" not in {each.tool for each in result.calls}


async def test_54_a_loop_is_ended_after_so_many_requests_and_the_customer_is_answered_all_the_same(api: API) -> None:
    result = await run(api, call("search_knowledge_base", query="again"), settings=AgentSettings(max_turns=5))
    assert len([record for record in result.model_calls if record.error is None]) == 5
    assert (result.brain, result.fallback, result.decision.action) == (OFFLINE_BRAIN, "MaxTurnsExceeded", "answer")


@pytest.mark.parametrize("empty", [Say(), Say("   "), Say("Just click it!")], ids=["nothing", "blanks", "prose"])
async def test_55_an_output_without_an_outcome_is_never_sent_and_hands_over(api: API, empty: Say) -> None:
    result = await run(api, empty)
    assert (result.decision.action, result.decision.rule, result.draft) == ("hand_over", "no_answer", None)
    assert result.model_calls[0].finish_reason == ("stop" if empty.text else "empty")


@pytest.mark.parametrize("step", [Say(refusal="I cannot help with that."), Say(is_cut=True)], ids=["refusal", "cut"])
async def test_55_a_refusal_or_an_answer_without_a_word_leaves_nobody_in_silence(api: API, step: Say) -> None:
    result = await run(api, step)
    assert result.decision.action in {"answer", "hand_over"}


@pytest.mark.parametrize(
    "failure",
    [
        Fail(429),
        Fail(429, headers={"retry-after": "3600"}),
        Fail(500),
        Fail(502, body="<html>Bad gateway</html>", headers={"content-type": "text/html"}),
        HTML,
        NO_MONEY,
        Fail(401, "invalid_api_key"),
        Drop(),
    ],
)
async def test_56_a_server_that_fails_in_any_way_is_replaced_for_this_turn(api: API, failure: Step) -> None:
    result = await run(api, failure)
    assert (result.brain, result.decision.action) == (OFFLINE_BRAIN, "answer")
    assert result.fallback is not None
    assert all(record.error for record in result.model_calls)


async def test_56_a_server_that_fails_half_way_through_the_turn_leaves_nothing_of_it(api: API) -> None:
    filed = call("create_ticket", subject="hacked", category="security", priority="urgent")
    result = await run(api, filed, Fail(401))
    assert result.brain is OFFLINE_BRAIN
    assert result.categorise is not None
    assert result.categorise.subject == "Forgotten password"
    assert next(each.model_call for each in result.calls) == 0
    assert None in {each.model_call for each in result.calls}
    assert result.input_tokens > 0


async def test_56_a_server_that_hangs_costs_no_more_than_the_turns_time(api: API) -> None:
    result = await run(api, Hang(), settings=AgentSettings(turn_timeout_seconds=0.2))
    assert (result.brain, result.decision.action) == (OFFLINE_BRAIN, "answer")


async def test_57_a_draft_that_fails_the_gate_after_its_tool_has_run_was_never_sent(api: API) -> None:
    promise = call("send_response", text="We refund you 100 dollars at https://evil.example [1]", citations=[1])
    result = await run(api, promise)
    assert (result.decision.action, result.decision.rule) == ("hand_over", "ungrounded")
    assert result.calls[0].output == "The answer is drafted; it is sent if it passes the checks."


@pytest.mark.parametrize("pair", [(SEND, SEND_OTHER), (SEND_OTHER, SEND)])
async def test_59_of_two_answers_at_once_the_first_counts_and_one_is_sent(api: API, pair: tuple[Say, Say]) -> None:
    result = await run(api, together(*pair))
    assert result.decision.action == "answer"
    assert result.draft is not None
    assert result.draft.text == json.loads(pair[0].calls[0].raw_arguments)["text"]
    assert sorted(each.output.startswith("Not sent") for each in result.calls) == [False, True]


@pytest.mark.parametrize("pair", [(SEND, HAND_OVER), (HAND_OVER, SEND)])
async def test_59_of_an_answer_and_a_handover_at_once_the_handover_wins(api: API, pair: tuple[Say, Say]) -> None:
    result = await run(api, together(*pair))
    assert (result.decision.action, result.decision.rule) == ("hand_over", "model_escalated")
    assert result.summary == "cannot sign in"


async def test_59_silence_never_wins_over_an_answer_or_a_person(api: API) -> None:
    result = await run(api, Say("NO_REPLY", HAND_OVER.calls))
    assert result.decision.rule == "model_escalated"


@pytest.mark.parametrize("level", get_args(IdentityLevel))
async def test_60_only_a_proven_customer_hears_of_earlier_tickets_whatever_the_model_asks(
    api: API, level: IdentityLevel
) -> None:
    wish = call("get_customer_history", customer_id="somebody-else", identity_level="proven")
    async with serve_openai(wish, LOOK, ANSWER) as server:
        agent = make_agent(brain=make_brain(server, api=api), history=[{"subject": "private matter"}])
        result = await agent.run_turn(make_turn(identity_level=level))
        await agent.aclose()
    seen = json.dumps(server.bodies)
    assert ("private matter" in seen) is (level == "proven")
    assert ("private matter" in result.calls[0].output) is (level == "proven")


async def test_a_run_holds_every_step_with_its_tokens_cost_and_versions(api: API) -> None:
    result = await run(api, LOOK, Fail(503), ANSWER)
    assert [(record.finish_reason, record.error) for record in result.model_calls] == [
        ("tool_calls", None),
        (None, "InternalServerError"),
        ("tool_calls", None),
    ]
    assert [(each.tool, each.model_call) for each in result.calls] == [
        ("analyze_sentiment", 0),
        ("search_knowledge_base", 0),
        ("create_ticket", 2),
        ("send_response", 2),
    ]
    assert result.knowledge_version == str(KNOWLEDGE_VERSION)
    said = json.loads(result.model_calls[2].output)
    assert {item["name"] for item in said} == {"create_ticket", "send_response"}
    assert "How can I reset my forgotten password?" in json.dumps(json.loads(result.input))
    assert (result.cost_usd or 0) > 0
