"""What one turn may use of a model: requests, tokens, seconds and money. Beyond that the offline brain takes it."""

from decimal import Decimal
from typing import Any

import pytest
from agents import ModelSettings
from agents.testing import ScriptedModel, assistant_message
from hypothesis import given
from hypothesis import strategies as st

from agent.models.ask import ask_model
from agent.models.brain import OFFLINE_BRAIN, Brain
from agent.models.metered import Budget, BudgetSpent, Meter
from agent.models.offline import OfflineModel
from agent.models.prices import find_price, read_prices
from core.settings import AgentSettings
from database.queries.runs import ModelCallRecord
from tests.agent.models.asking import LOOK, make_brain, run_with
from tests.emulators.openai.script import call
from tests.emulators.openai.server import serve_openai


def make_meter(model: str = "gpt-4o", *, now: list[float] | None = None, **budget: Any) -> Meter:
    values = {"tokens": 10_000, "cost_usd": 1.0, "seconds": 45.0, **budget}
    clock = now or [0.0]
    return Meter(Brain("openai", model, OfflineModel), Budget(**values), [], monotonic=lambda: clock[0])


def spend(meter: Meter, input_tokens: int, output_tokens: int, cost: Decimal | None = None) -> None:
    record = ModelCallRecord(
        "turn", "m", 1.0, input_tokens=input_tokens, output_tokens=output_tokens, cost_usd=cost, finish_reason="stop"
    )
    meter.calls.append(record)


@given(
    st.lists(st.tuples(st.integers(0, 4_000), st.integers(0, 1_000)), max_size=10),
    st.integers(1, 4_000),
    st.integers(1, 1_000),
)
def test_whatever_was_used_a_request_that_may_pass_the_tokens_is_never_made(
    used: list[tuple[int, int]], asked: int, answered: int
) -> None:
    meter = make_meter("unheard-of")
    for pair in used:
        spend(meter, *pair)
    total = sum(map(sum, used)) + asked + answered
    if total > 10_000:
        with pytest.raises(BudgetSpent, match="tokens"):
            meter.require(asked, answered)
    else:
        meter.require(asked, answered)


async def test_a_server_that_does_not_say_what_was_used_is_counted_by_estimate() -> None:
    meter = make_meter()
    model = meter.wrap(ScriptedModel([[assistant_message("A short summary.")]]), "summary")
    await ask_model(model, ModelSettings(), "Sum up.", "word " * 300, max_tokens=100)
    (record,) = meter.calls
    assert record.input_tokens >= 300
    assert record.output_tokens > 0
    assert (record.cost_usd or 0) > 0


def test_money_is_counted_where_the_price_is_known_and_tokens_alone_where_it_is_not() -> None:
    known, unknown = make_meter(cost_usd=0.02), make_meter("llama-4", cost_usd=0.02)
    for meter in (known, unknown):
        spend(meter, 100, 100, Decimal("0.015"))
    with pytest.raises(BudgetSpent, match="dollars"):
        known.require(1_000, 1_000)
    unknown.require(1_000, 1_000)


def test_no_request_begins_when_the_time_is_over() -> None:
    now = [0.0]
    meter = make_meter(now=now)
    meter.require(1, 1)
    now[0] = 45.0
    with pytest.raises(BudgetSpent, match="time"):
        meter.require(1, 1)


@pytest.mark.parametrize(
    "settings",
    [{"max_turns": 3}, {"max_tokens": 6_000}, {"max_cost_usd": 0.03}],
    ids=["requests", "tokens", "money"],
)
async def test_a_model_that_never_comes_to_an_end_is_stopped_by_each_limit_and_the_customer_is_answered(
    settings: dict[str, Any],
) -> None:
    generous = {"max_turns": 50, "max_tokens": 10_000_000, "max_cost_usd": 1_000.0}
    limits = AgentSettings(**{**generous, **settings})
    async with serve_openai(call("search_knowledge_base", query="again")) as server:
        result = await run_with(make_brain(server), None, limits)
    assert 1 <= len(server.requests) < 20
    assert (result.brain, result.decision.action) == (OFFLINE_BRAIN, "answer")
    assert result.fallback in {"MaxTurnsExceeded", "BudgetSpent"}
    assert result.input_tokens + result.output_tokens <= limits.max_tokens
    assert result.cost_usd is not None
    assert 0 < float(result.cost_usd) <= limits.max_cost_usd
    assert result.cost_usd == sum(record.cost_usd or 0 for record in result.model_calls)


async def test_the_cost_of_an_unknown_model_is_unknown_and_not_nothing() -> None:
    async with serve_openai(LOOK) as server:
        result = await run_with(make_brain(server, model="llama-4"), None, AgentSettings(max_turns=3))
    assert result.cost_usd is None
    assert {record.cost_usd for record in result.model_calls} == {None}
    assert result.input_tokens > 0


def test_a_dated_snapshot_costs_what_its_model_costs_unless_it_has_a_line_of_its_own() -> None:
    assert find_price("gpt-4o-2024-11-20") == find_price("gpt-4o") is not None
    assert find_price("gpt-4o-2024-05-13") != find_price("gpt-4o")
    assert find_price("gpt-4o-audio-preview") is None


def test_cached_tokens_are_never_dearer_and_the_sum_is_exact() -> None:
    for price in read_prices().values():
        assert 0 < price.cached <= price.input < price.output
    known = find_price("gpt-4o")
    assert known is not None
    assert known.multiply(1_000_000, 400_000, 100_000) == Decimal("1.5") + Decimal("0.5") + Decimal(1)


async def test_nothing_streams() -> None:
    meter = make_meter()
    with pytest.raises(NotImplementedError):
        meter.wrap(OfflineModel(None, None), "turn").stream_response(ModelSettings())  # type: ignore[arg-type]
