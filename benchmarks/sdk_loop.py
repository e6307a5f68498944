"""The SDK's own loop with nothing in it: the same model turns and tool calls as a turn of ours, all of them trivial."""

import time
from collections.abc import AsyncIterator, Iterator

from agents import (
    Agent,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    StopAtTools,
    Usage,
    function_tool,
)
from agents.items import TResponseStreamEvent
from openai.types.responses import ResponseFunctionToolCall

# A turn of the offline brain: it looks with two tools, then settles with two more, the last of which ends the loop.
SCRIPT = (("look", "look"), ("look", "settle"))
MODEL_TURNS = len(SCRIPT)
TOOL_CALLS = sum(len(calls) for calls in SCRIPT)


@function_tool
async def look(query: str) -> str:
    """Look."""
    return query


@function_tool
async def settle(text: str) -> str:
    """Settle."""
    return text


class TrivialModel(Model):
    """Plays SCRIPT from prepared responses; a new one for every run."""

    def __init__(self) -> None:
        self._responses: Iterator[ModelResponse] = iter(_prepare(calls, turn) for turn, calls in enumerate(SCRIPT))

    async def get_response(self, *_args: object, **_kwargs: object) -> ModelResponse:
        """The next response."""
        return next(self._responses)

    def stream_response(self, *_args: object, **_kwargs: object) -> AsyncIterator[TResponseStreamEvent]:
        """Never called."""
        raise NotImplementedError


async def measure_sdk_loop(runs: int, warm_up: int) -> float:
    """CPU milliseconds per run of the loop."""
    for _ in range(warm_up):
        await _run_once()
    started = time.process_time()
    for _ in range(runs):
        await _run_once()
    return (time.process_time() - started) * 1000 / runs


async def _run_once() -> None:
    agent = Agent[None](
        name="Trivial",
        instructions="Look, then settle.",
        tools=[look, settle],
        model=TrivialModel(),
        tool_use_behavior=StopAtTools(stop_at_tool_names=["settle"]),
    )
    await Runner.run(agent, "How do I reset my password?", run_config=RunConfig(tracing_disabled=True))


def _prepare(calls: tuple[str, ...], turn: int) -> ModelResponse:
    output = [
        ResponseFunctionToolCall(
            type="function_call",
            name=name,
            arguments='{"query": "x"}' if name == "look" else '{"text": "x"}',
            call_id=f"call_{turn}_{position}",
        )
        for position, name in enumerate(calls)
    ]
    return ModelResponse(output=[*output], usage=Usage(), response_id=None)
