"""How often and how long a failing model is asked: bounded, and known before anyone waits."""

import httpx2
import openai
import pytest
from agents.exceptions import ModelBehaviorError
from hypothesis import given
from hypothesis import strategies as st

from agent.models.brain import OFFLINE_BRAIN
from agent.models.retry import MAX_DELAY_SECONDS, MAX_RETRIES, delay_before_retry, is_lasting, is_outage
from core.settings import AgentSettings
from tests.agent.models.asking import ANSWER, LOOK, Waits, make_brain, run_with
from tests.emulators.openai.script import HTML, NO_MONEY, Drop, Fail, Hang, Step
from tests.emulators.openai.server import serve_openai

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")
LINE_IS_CUT = openai.APIConnectionError(request=REQUEST)


def make_error(status: int, headers: dict[str, str] | None = None, code: str | None = None) -> openai.APIStatusError:
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    kinds: dict[int, type[openai.APIStatusError]] = {
        400: openai.BadRequestError,
        401: openai.AuthenticationError,
        403: openai.PermissionDeniedError,
        404: openai.NotFoundError,
        429: openai.RateLimitError,
    }
    return kinds.get(status, openai.InternalServerError)("no", response=response, body={"code": code})


@given(
    status=st.sampled_from([400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 529]),
    attempt=st.integers(1, 10),
    jitter=st.floats(0, 1, exclude_max=True),
    retry_after=st.one_of(st.none(), st.integers(0, 200).map(str), st.just("Wed, 21 Oct 2026 07:28:00 GMT")),
)
def test_nobody_ever_waits_longer_or_asks_more_often_than_is_allowed(
    status: int, attempt: int, jitter: float, retry_after: str | None
) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    delay = delay_before_retry(make_error(status, headers), attempt, jitter)
    assert delay is None or 0 < delay <= MAX_DELAY_SECONDS
    if attempt > MAX_RETRIES or status in {400, 401, 403, 404, 422}:
        assert delay is None
    if retry_after is not None and (not retry_after.isdigit() or int(retry_after) > MAX_DELAY_SECONDS):
        assert delay is None
    elif delay is not None and retry_after is not None:
        assert delay >= min(float(retry_after), MAX_DELAY_SECONDS)


def test_a_server_that_says_not_to_ask_again_is_obeyed() -> None:
    assert delay_before_retry(make_error(500, {"x-should-retry": "false"}), 1, 0.5) is None
    assert delay_before_retry(make_error(500), 1, 0.5) is not None


def test_an_empty_account_a_refused_key_and_an_unknown_model_last_and_a_bad_request_is_no_outage() -> None:
    assert all(is_lasting(make_error(status)) for status in (401, 403, 404))
    assert is_lasting(make_error(429, code="insufficient_quota"))
    assert delay_before_retry(make_error(429, code="insufficient_quota"), 1, 0.5) is None
    assert not is_lasting(make_error(429))
    assert not is_lasting(LINE_IS_CUT)
    assert is_outage(LINE_IS_CUT)
    assert not is_outage(make_error(400))
    assert not is_outage(ModelBehaviorError("no choices"))


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (Fail(429), 3),
        (Fail(500), 3),
        (Drop(), 3),
        (Fail(429, headers={"retry-after": "120"}), 1),
        (NO_MONEY, 1),
        (Fail(401), 1),
        (Fail(404), 1),
        (Fail(400), 1),
        (HTML, 1),
    ],
)
async def test_a_failing_server_is_asked_so_often_and_then_the_offline_brain_takes_the_turn(
    failure: Step, attempts: int
) -> None:
    waits = Waits()
    async with serve_openai(failure) as server:
        result = await run_with(make_brain(server, waits=waits))
    assert len(server.requests) == attempts == len(result.model_calls)
    assert len(waits.seconds) == attempts - 1
    assert all(0 < seconds <= MAX_DELAY_SECONDS for seconds in waits.seconds)
    assert (result.brain, result.decision.action) == (OFFLINE_BRAIN, "answer")
    assert all(record.error and record.finish_reason is None for record in result.model_calls)
    assert result.cost_usd == 0


async def test_a_failure_that_passes_is_not_noticed_by_anybody() -> None:
    waits = Waits()
    async with serve_openai(Fail(503), Drop(), LOOK, ANSWER) as server:
        result = await run_with(make_brain(server, waits=waits))
    assert (result.brain.name, result.decision.action, result.fallback) == ("openai", "answer", None)
    assert [record.error for record in result.model_calls] == ["InternalServerError", "APIConnectionError", None, None]
    assert {call.model_call for call in result.calls} == {2, 3}


async def test_a_wait_that_would_outlast_the_turn_is_not_begun() -> None:
    waits = Waits()
    async with serve_openai(Fail(500, headers={"retry-after": "4"})) as server:
        result = await run_with(make_brain(server, waits=waits), None, AgentSettings(turn_timeout_seconds=3.5))
    assert (len(server.requests), waits.seconds) == (1, [])
    assert result.decision.action == "answer"


async def test_a_server_that_hangs_is_left_when_the_turns_time_is_over() -> None:
    async with serve_openai(Hang()) as server:
        brain = make_brain(server)
        result = await run_with(brain, None, AgentSettings(turn_timeout_seconds=1.0))
    assert (result.brain, result.fallback) == (OFFLINE_BRAIN, "TimeoutError")
    assert result.model_calls[-1].error is not None
