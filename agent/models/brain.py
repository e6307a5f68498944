"""Which brain thinks: GPT-4o or a compatible server where a key is set, otherwise the offline model."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agents import Model, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from agent.context import TurnContext
from agent.decision.evidence import Limits
from agent.models.breaker import Breaker
from agent.models.offline import OfflineModel
from agent.models.usage import note_usage
from core.settings import OpenAISettings

BuildModel = Callable[[TurnContext, Limits], Model]

# Models that reason refuse a temperature, and in Chat Completions the name of the output limit: they need `responses`.
_REASONS = re.compile(r"^(?:o\d|gpt-[5-9])")


async def _close_nothing() -> None:
    """The offline brain holds nothing open."""


@dataclass(frozen=True, slots=True)
class Brain:
    """A way to think. `name` is what operators see; `model` is recorded with each run; `close` ends connections.

    `request` is what every request asks for, `breaker` knows whether the model is away, and `sleep` waits between
    attempts.
    """

    name: str
    model: str
    build_model: BuildModel
    close: Callable[[], Awaitable[None]] = _close_nothing
    request: ModelSettings = field(default_factory=ModelSettings)
    breaker: Breaker = field(default_factory=Breaker)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


OFFLINE_BRAIN = Brain("offline", "offline", OfflineModel)


def build_brain(settings: OpenAISettings) -> Brain:
    """The brain these settings ask for."""
    if settings.api_key is None:
        return OFFLINE_BRAIN
    client = AsyncOpenAI(
        api_key=settings.api_key.get_secret_value(),
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        max_retries=0,  # ours are in retry.py
        http_client=DefaultAsyncHttpxClient(event_hooks={"response": [note_usage]}),
    )
    build = OpenAIResponsesModel if settings.api == "responses" else OpenAIChatCompletionsModel
    model = build(settings.model, client)
    breaker = Breaker(max_failures=settings.breaker_failures, pause_seconds=settings.breaker_seconds)
    request = write_request(settings)
    return Brain("openai", settings.model, lambda _context, _limits: model, client.close, request, breaker)


def write_request(settings: OpenAISettings) -> ModelSettings:
    """What every request asks for. Calls may come in parallel: which outcome counts is the context's rule."""
    is_own_server = settings.base_url is not None and settings.api == "chat"
    return ModelSettings(
        temperature=None if _REASONS.match(settings.model) else 0.0,
        parallel_tool_calls=True,
        max_tokens=settings.max_output_tokens,
        # OpenAI would keep customers' words for thirty days; some other servers refuse a field they do not know.
        store=None if is_own_server else False,
    )
