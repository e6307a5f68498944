"""What the processes measure, by Prometheus' conventions: base units, `_total` for counters, few and bounded labels.

Each process has a registry of its own, handed down. No label holds an id, an address, a path, or what somebody wrote.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

DeliveryResult = Literal["sent", "retried", "postponed", "waiting", "doubtful", "failed", "unknown"]

_STATEMENT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TURN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45, 90)
_WAIT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ApiTelemetry:
    """What the web process measures by itself; the queue's figures are read from the database at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._seconds = Histogram(
            "nightdesk_http_request_seconds",
            "From the request to the first byte of its answer: live streams go on for hours after it.",
            ["method", "route"],
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "nightdesk_http_requests",
            "Answers, by the route's template and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answer. `route` is a template, such as `/tickets/{ref}`: the path itself would name the ticket."""
        method = method if method in _METHODS else "other"  # anybody may invent a method
        self._seconds.labels(method, route).observe(seconds)
        self._requests.labels(method, route, str(status)).inc()


class WorkerTelemetry:
    """What one worker measures."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._claims = Histogram(
            "nightdesk_claim_seconds",
            "Looking for work in the database, whether some was found or not.",
            ["pump"],
            buckets=_STATEMENT_SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge("nightdesk_in_flight", "What is being worked on.", ["pump"], registry=registry)
        self._wait = Histogram(
            "nightdesk_queue_wait_seconds",
            "From the arrival of a turn's first message to its claim.",
            ["channel"],
            buckets=_WAIT_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "nightdesk_turn_stage_seconds",
            "Parts of a turn: resolve, agent, commit.",
            ["stage"],
            buckets=_TURN_SECONDS,
            registry=registry,
        )
        self._turns = Counter(
            "nightdesk_turns",
            "Turns that were settled, by what came of them.",
            ["channel", "outcome"],
            registry=registry,
        )
        self._turn_failures = Counter(
            "nightdesk_turn_failures",
            "Attempts that failed, by the class of the error; a final one sends the ticket to a person.",
            ["error", "final"],
            registry=registry,
        )
        self._fallbacks = Counter(
            "nightdesk_model_fallbacks",
            "Turns that the offline brain took from the model, by the class of the error.",
            ["reason"],
            registry=registry,
        )
        self._model_requests = Counter(
            "nightdesk_model_requests", "Requests to a model.", ["model", "purpose", "result"], registry=registry
        )
        self._model_seconds = Histogram(
            "nightdesk_model_request_seconds",
            "Until the model answered or failed.",
            ["model", "purpose"],
            buckets=_TURN_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "nightdesk_model_tokens",
            "Tokens as the vendor counts them; cached ones are not among the input here.",
            ["model", "kind"],
            registry=registry,
        )
        self._cost = Counter(
            "nightdesk_model_cost_dollars",
            "What models have cost, where their price is known.",
            ["model"],
            registry=registry,
        )
        self._breaker = Gauge(
            "nightdesk_model_breaker_open", "1 while the model is left alone because it failed.", registry=registry
        )
        self._deliveries = Counter(
            "nightdesk_deliveries", "What came of attempts to send.", ["channel", "result"], registry=registry
        )
        self._send = Histogram(
            "nightdesk_send_seconds",
            "Handing one reply to its vendor.",
            ["channel"],
            buckets=_TURN_SECONDS,
            registry=registry,
        )

    def watch(self, pump: str, count: Callable[[], int]) -> None:
        """Ask `count` at each scrape how much this pump has in work. It is called on another thread."""
        self._in_flight.labels(pump).set_function(count)

    def watch_breaker(self, is_open: Callable[[], bool]) -> None:
        """Ask at each scrape whether the model is left alone. Called on another thread."""
        self._breaker.set_function(is_open)

    @contextmanager
    def time_claim(self, pump: str) -> Iterator[None]:
        """Measure the block, also if it fails."""
        with self._claims.labels(pump).time():
            yield

    @contextmanager
    def time_send(self, channel: str) -> Iterator[None]:
        """Measure the block, also if it fails."""
        with self._send.labels(channel).time():
            yield

    @contextmanager
    def time_commit(self) -> Iterator[None]:
        """Measure the block, if it succeeds."""
        started = perf_counter()
        yield
        self._stages.labels("commit").observe(perf_counter() - started)

    def note_turn(self, channel: str, outcome: str, stages: dict[str, float]) -> None:
        """A settled turn. `stages` maps its parts to milliseconds; `queue` is the wait before it."""
        self._turns.labels(channel, outcome).inc()
        for stage, milliseconds in stages.items():
            child = self._wait.labels(channel) if stage == "queue" else self._stages.labels(stage)
            child.observe(milliseconds / 1000)

    def note_turn_failure(self, error: str, *, is_final: bool) -> None:
        """An attempt that failed with an error of this class."""
        self._turn_failures.labels(error, "true" if is_final else "false").inc()

    def note_fallback(self, reason: str) -> None:
        """The offline brain took a turn that was the model's."""
        self._fallbacks.labels(reason).inc()

    def note_model_request(
        self,
        model: str,
        purpose: str,
        *,
        error: str | None,
        seconds: float,
        input_tokens: int,
        cached_tokens: int,
        output_tokens: int,
        cost_usd: float | None,
    ) -> None:
        """One request to a model. `cached_tokens` are a part of `input_tokens`; a cost of None is not known."""
        self._model_requests.labels(model, purpose, error or "ok").inc()
        self._model_seconds.labels(model, purpose).observe(seconds)
        self._tokens.labels(model, "input").inc(max(0, input_tokens - cached_tokens))
        self._tokens.labels(model, "cached").inc(cached_tokens)
        self._tokens.labels(model, "output").inc(output_tokens)
        if cost_usd is not None:
            self._cost.labels(model).inc(cost_usd)

    def note_delivery(self, channel: str, result: DeliveryResult) -> None:
        """What came of one attempt to send."""
        self._deliveries.labels(channel, result).inc()
