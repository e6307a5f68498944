"""Which brain thinks: GPT-4o or a compatible server where a key is set, otherwise the offline model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agents import Model, OpenAIChatCompletionsModel
from openai import AsyncOpenAI

from agent.context import TurnContext
from agent.decision.evidence import Limits
from agent.models.offline import OfflineModel
from core.settings import OpenAISettings

BuildModel = Callable[[TurnContext, Limits], Model]


async def _close_nothing() -> None:
    """The offline brain holds nothing open."""


@dataclass(frozen=True, slots=True)
class Brain:
    """A way to think. `name` is what operators see; `model` is recorded with each run; `close` ends connections."""

    name: str
    model: str
    build_model: BuildModel
    close: Callable[[], Awaitable[None]] = _close_nothing


OFFLINE_BRAIN = Brain("offline", "offline", OfflineModel)


def build_brain(settings: OpenAISettings) -> Brain:
    """The brain these settings ask for."""
    if settings.api_key is None:
        return OFFLINE_BRAIN
    client = AsyncOpenAI(
        api_key=settings.api_key.get_secret_value(),
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        # The client obeys a retry-after of two minutes in full. The queue retries and the offline brain answers
        # sooner than that.
        max_retries=0,
    )
    # Chat completions and not the newer Responses API: every compatible server speaks it.
    model = OpenAIChatCompletionsModel(settings.model, client)
    return Brain("openai", settings.model, lambda _context, _limits: model, client.close)
