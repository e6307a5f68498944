"""Whether the model's server knows our key and has the model. Asks no model anything."""

from collections.abc import Sequence

from openai import APIConnectionError, APIStatusError, AsyncOpenAI

from agent.models.prices import find_price
from core.findings import Finding
from core.settings import OpenAISettings

_NO_KEY = frozenset({401, 403})
_NO_SUCH_QUESTION = frozenset({404, 405, 501})  # servers that are only compatible have not all of them


async def examine_model(settings: OpenAISettings, *, timeout_seconds: float = 5.0) -> Sequence[Finding]:
    """How the server answers, and whether a turn's cost can be known."""
    if settings.api_key is None:
        return [Finding.ok("the offline brain (OPENAI_API_KEY is not set)")]
    async with AsyncOpenAI(
        api_key=settings.api_key.get_secret_value(),
        base_url=settings.base_url,
        timeout=timeout_seconds,
        max_retries=0,
    ) as client:
        try:
            access = await _find_model(client, settings.model)
        except APIConnectionError as error:
            access = Finding.problem(
                f"the server was not reached: {type(error).__name__}",
                "Check OPENAI_BASE_URL; the offline brain answers.",
            )
        except APIStatusError as error:
            access = _judge_refusal(error)
    return [access, _judge_price(settings.model)]


async def _find_model(client: AsyncOpenAI, model: str) -> Finding:
    try:
        await client.models.retrieve(model)
    except APIStatusError as error:
        if error.status_code not in _NO_SUCH_QUESTION:
            raise
    else:
        return Finding.ok(f"{model} is there for this key")
    try:
        known = [each.id async for each in client.models.list()]
    except APIStatusError as error:
        if error.status_code not in _NO_SUCH_QUESTION:
            raise
        return Finding.advice(
            f"the server does not say whether it has {model}",
            "Run `nightdesk ask` with a question, and see who answers.",
        )
    if model in known:
        return Finding.ok(f"{model} is there")
    return Finding.problem(f"the server has no {model} for this key", "Set OPENAI_MODEL to a model that it has.")


def _judge_refusal(error: APIStatusError) -> Finding:
    """Without the server's words, which may repeat the key."""
    if error.status_code in _NO_KEY:
        return Finding.problem(
            f"the key is refused ({error.status_code})", "Set OPENAI_API_KEY to a key that may use the model."
        )
    return Finding.problem(
        f"the server answered {error.status_code}", "See the server's status page; meanwhile the offline brain answers."
    )


def _judge_price(model: str) -> Finding:
    if find_price(model) is None:
        return Finding.advice(
            f"the price of {model} is not known: AGENT_MAX_COST_USD does not hold",
            f"Add a line for {model} to agent/models/prices.yaml; AGENT_MAX_TOKENS holds meanwhile.",
        )
    return Finding.ok("its price is known")
