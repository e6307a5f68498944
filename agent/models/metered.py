"""A model within bounds: every request is counted, priced, recorded, and repeated only while the turn can wait."""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count

from agents import FunctionTool, Model, ModelResponse
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputRefusal

from agent.effects import make_storable
from agent.models.brain import Brain
from agent.models.prices import find_price
from agent.models.retry import delay_before_retry, is_lasting, is_outage
from agent.models.usage import Usage, keep_bill
from agent.models.whole import Request, WholeModel
from agent.tokens import estimate_tokens
from core.tracing import trace_step
from database.queries.runs import ModelCallRecord, Purpose


class BudgetSpent(Exception):
    """The next request could cost more than one turn may."""


def _jitter() -> float:
    return random.random()  # noqa: S311  # jitter, not a secret


@dataclass(frozen=True, slots=True)
class Budget:
    """What one turn may use of a model."""

    tokens: int
    cost_usd: float
    seconds: float


@dataclass(slots=True)
class Meter:
    """What has been asked of a model in one turn, and how much more may be. `calls` outlives a turn that fails."""

    brain: Brain
    budget: Budget
    calls: list[ModelCallRecord]
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = _jitter
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.monotonic()

    @property
    def seconds_left(self) -> float:
        """Until the turn's time is over."""
        return self.budget.seconds - (self.monotonic() - self.started)

    def require(self, input_tokens: int, output_tokens: int) -> None:
        """Raise BudgetSpent where a request of this size could pass a limit."""
        used = sum(call.input_tokens + call.output_tokens for call in self.calls)
        if used + input_tokens + output_tokens > self.budget.tokens:
            raise BudgetSpent(f"{used} tokens used, and the next request may not fit into {self.budget.tokens}")
        if self.seconds_left <= 0:
            raise BudgetSpent(f"no time left of {self.budget.seconds:g} seconds")
        price = find_price(self.brain.model)
        if price is not None:
            spent = sum((call.cost_usd or Decimal(0) for call in self.calls), Decimal(0))
            next_cost = price.multiply(input_tokens, 0, output_tokens)
            if float(spent + next_cost) > self.budget.cost_usd:
                raise BudgetSpent(f"{spent:.4f} dollars spent, and the next request may pass {self.budget.cost_usd:g}")

    def wrap(self, model: Model, purpose: Purpose) -> "MeteredModel":
        """The model for the SDK's loop, or for a request of our own."""
        return MeteredModel(model, self, purpose)


class MeteredModel(WholeModel):
    """Any SDK model, asked within the bounds of its meter."""

    def __init__(self, model: Model, meter: Meter, purpose: Purpose) -> None:
        self._model = model
        self._meter = meter
        self._purpose = purpose

    async def answer(self, request: Request) -> ModelResponse:
        """Ask, and again where that may help; raises BudgetSpent, TimeoutError, or what the last attempt raised."""
        meter = self._meter
        size = measure_request(request)
        for attempt in count(1):
            meter.require(size, request.settings.max_tokens or 0)
            try:
                response = await self._ask(request, size)
            except Exception as error:
                delay = delay_before_retry(error, attempt, meter.jitter())
                if delay is None or delay >= meter.seconds_left:
                    if is_outage(error):
                        meter.brain.breaker.note_failure(is_lasting=is_lasting(error))
                    raise
                await meter.brain.sleep(delay)
            else:
                meter.brain.breaker.note_success()
                return response
        raise AssertionError("attempts are counted without end")

    async def _ask(self, request: Request, size: int) -> ModelResponse:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._meter.brain.name,
            "gen_ai.request.model": self._meter.brain.model,
            "nightdesk.purpose": self._purpose,
        }
        with trace_step(f"chat {self._meter.brain.model}", "client", attributes) as span:
            response, record = await self._ask_once(request, size)
            span.note(
                {
                    "gen_ai.usage.input_tokens": record.input_tokens,
                    "gen_ai.usage.output_tokens": record.output_tokens,
                    "gen_ai.usage.cache_read.input_tokens": record.cached_tokens,
                    "gen_ai.response.finish_reasons": [record.finish_reason or ""],
                }
            )
            return response

    async def _ask_once(self, request: Request, size: int) -> tuple[ModelResponse, ModelCallRecord]:
        meter, started = self._meter, self._meter.monotonic()

        def measure() -> float:
            return (meter.monotonic() - started) * 1000

        with keep_bill() as bill:
            try:
                async with asyncio.timeout(meter.seconds_left):
                    response = await request.put_to(self._model)
                record = self._record(response, measure(), size)
            except BaseException as error:
                # What was answered is billed, also where nobody can read it.
                failed = self._price(bill.usage, measure())
                meter.calls.append(replace(failed, error=type(error).__name__))
                raise
        meter.calls.append(record)
        return response, record

    def _record(self, response: ModelResponse, milliseconds: float, size: int) -> ModelCallRecord:
        output = make_storable([item.model_dump(mode="json", exclude_none=True) for item in response.output])
        # Some servers do not say what was used; without a guess the limits would hold nothing there.
        usage = Usage(
            input_tokens=response.usage.input_tokens or size,
            output_tokens=response.usage.output_tokens or estimate_tokens(output),
            cached_tokens=response.usage.input_tokens_details.cached_tokens,
        )
        return replace(self._price(usage, milliseconds), output=output, finish_reason=name_ending(response))

    def _price(self, usage: Usage, milliseconds: float) -> ModelCallRecord:
        model = self._meter.brain.model
        price = find_price(model) if usage.is_known else None
        return ModelCallRecord(
            self._purpose,
            model,
            milliseconds,
            input_tokens=usage.input_tokens,
            cached_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=price.multiply(usage.input_tokens, usage.cached_tokens, usage.output_tokens) if price else None,
        )


def measure_request(request: Request) -> int:
    """About how many tokens a model must read, its tools among them."""
    tools = [tool for tool in request.tools if isinstance(tool, FunctionTool)]
    schemas = [(tool.name, tool.description, tool.params_json_schema) for tool in tools]
    return estimate_tokens(json.dumps([request.instructions, request.input, schemas], default=str))


def name_ending(response: ModelResponse) -> str:
    """How an answer ended: with calls of tools, a text, a refusal, or nothing."""
    if any(isinstance(item, ResponseFunctionToolCall) for item in response.output):
        return "tool_calls"
    parts = [part for item in response.output if isinstance(item, ResponseOutputMessage) for part in item.content]
    if any(isinstance(part, ResponseOutputRefusal) for part in parts):
        return "refusal"
    return "stop" if any(getattr(part, "text", "") for part in parts) else "empty"
