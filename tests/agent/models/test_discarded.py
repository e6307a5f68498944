"""What the vendor bills for an answer that cannot be used: it is on record, and counts towards the turn's limits."""

import json
from typing import Any

import pytest

from agent.models.ask import ask_model
from agent.models.brain import OFFLINE_BRAIN
from agent.models.metered import Budget, BudgetSpent, Meter
from agent.models.prices import find_price
from tests.agent.models.asking import LOOK, make_brain, run_with
from tests.emulators.openai.script import Fail, Say
from tests.emulators.openai.server import serve_openai

CHAT_USAGE = {"prompt_tokens": 900, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 100}}
RESPONSES_USAGE = {"input_tokens": 900, "output_tokens": 40, "input_tokens_details": {"cached_tokens": 100}}
COST = (find_price("gpt-4o") or pytest.fail("gpt-4o has no price")).multiply(900, 100, 40)


def answer(body: dict[str, Any]) -> Fail:
    """An answer of this body, which comes with status 200."""
    return Fail(200, body=json.dumps(body), headers={"content-type": "application/json"})


NO_CHOICES = answer({"id": "x", "choices": [], "usage": CHAT_USAGE})
NO_OUTPUT = answer({"id": "x", "output": None, "usage": RESPONSES_USAGE})


@pytest.mark.parametrize(("api", "discarded"), [("chat", NO_CHOICES), ("responses", NO_OUTPUT)])
async def test_an_answer_that_is_discarded_is_billed_and_the_bill_is_on_record(api: str, discarded: Fail) -> None:
    async with serve_openai(discarded) as server:
        result = await run_with(make_brain(server, api=api))
    (record,) = result.model_calls
    assert (result.brain, result.decision.action) == (OFFLINE_BRAIN, "answer")
    assert record.error is not None
    assert (record.input_tokens, record.cached_tokens, record.output_tokens, record.cost_usd) == (900, 100, 40, COST)
    assert (result.input_tokens, result.output_tokens, result.cost_usd) == (900, 40, COST)


async def test_an_answer_that_was_cut_before_its_first_word_has_cost_what_was_read() -> None:
    async with serve_openai(LOOK, Say(is_cut=True)) as server:
        result = await run_with(make_brain(server))
    looked, cut = result.model_calls
    assert (looked.error, cut.error) == (None, "ModelBehaviorError")
    assert cut.input_tokens == server.used[1].input > looked.input_tokens
    assert result.cost_usd == (looked.cost_usd or 0) + (cut.cost_usd or 0)
    assert cut.cost_usd


@pytest.mark.parametrize("details", [None, {}, {"cached_tokens": None}])
async def test_a_bill_without_details_counts_as_it_is(details: Any) -> None:
    usage = {**CHAT_USAGE, "prompt_tokens_details": details}
    async with serve_openai(answer({"id": "x", "choices": [], "usage": usage})) as server:
        (record,) = (await run_with(make_brain(server))).model_calls
    assert (record.input_tokens, record.cached_tokens, record.output_tokens) == (900, 0, 40)


@pytest.mark.parametrize("budget", [Budget(1_000, 1.0, 45.0), Budget(100_000, float(COST) * 1.5, 45.0)])
async def test_what_was_discarded_leaves_less_for_the_next_request(budget: Budget) -> None:
    async with serve_openai(NO_CHOICES) as server:
        brain = make_brain(server)
        meter = Meter(brain, budget, [])
        meter.require(500, 100)
        model = meter.wrap(brain.build_model(None, None), "summary")  # type: ignore[arg-type]
        with pytest.raises(Exception, match="no choices"):
            await ask_model(model, brain.request, "Sum up.", "x", max_tokens=40)
        await brain.close()
    with pytest.raises(BudgetSpent):
        meter.require(500, 100)


async def test_what_a_discarded_answer_of_an_unknown_price_has_cost_is_unknown_and_not_nothing() -> None:
    async with serve_openai(NO_CHOICES) as server:
        result = await run_with(make_brain(server, model="llama-4"))
    assert (result.input_tokens, result.cost_usd) == (900, None)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "much",
        {"prompt_tokens": None},
        {"prompt_tokens": -5},
        {"prompt_tokens": "many"},
        {"prompt_tokens": 10**12},
        [1],
        7,
    ],
)
async def test_a_bill_that_nobody_can_read_is_none(usage: Any) -> None:
    async with serve_openai(answer({"id": "x", "choices": [], "usage": usage})) as server:
        result = await run_with(make_brain(server))
    assert (result.brain, result.input_tokens, float(result.cost_usd or 0)) == (OFFLINE_BRAIN, 0, 0)
    assert result.model_calls[0].cost_usd is None
