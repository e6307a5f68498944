"""The way of one message as a trace: spans that hang together, through every process that touches it.

A process begins a span with its `Tracing`, which knows by the row it works on what the span continues; everything below
adds to the span around it with `trace_step`. Between processes a trace travels as its W3C `traceparent`, in the row of
the queue or the outbox. Off, nothing of OpenTelemetry is loaded, and a step costs a microsecond.

Law for callers: names and attributes are ours, or ids and figures. Never what anybody wrote, an address, a key, or the
words of an error. Names follow https://opentelemetry.io/docs/specs/semconv/ for HTTP, messaging and generative models.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | float | bool | Sequence[str]]


class Span:
    """One span. This one belongs to no trace: whatever is done with it, nothing is recorded.

    `trace` is what continues it elsewhere, and `ids` is what finds it from a line of the log.
    """

    trace: str | None = None
    ids: Mapping[str, str] = {}

    def note(self, attributes: Attributes) -> None:
        """Add what is known only now."""

    def rename(self, name: str) -> None:
        """Call it what it has turned out to be."""

    def link(self, trace: str | None) -> None:
        """Point at a span of another trace, if there is one."""

    def fail(self, error: str) -> None:
        """Mark it as failed, by the class of the error or the status of the answer."""

    def end(self) -> None:
        """Nothing more happens in it."""

    def begin_child(self, name: str, kind: Kind, attributes: Attributes, continued: str | None) -> "Span":
        """A span below this one, or below the `continued` one, to which it is then linked."""
        _ = name, kind, attributes, continued
        return self


NO_SPAN = Span()
_current: ContextVar[Span] = ContextVar("span", default=NO_SPAN)


class Tracing:
    """Where the spans of one process begin. This one is off; `core.otlp` has the one that exports."""

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        continued: str | None = None,
        linked: Sequence[str | None] = (),
    ) -> Span:
        """A span that continues the given trace or begins one, whatever is around it."""
        _ = name, kind, attributes, continued, linked
        return NO_SPAN

    @contextmanager
    def trace(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        continued: str | None = None,
        linked: Sequence[str | None] = (),
    ) -> Iterator[Span]:
        """The block is a span. What is below it, also in tasks and threads that it starts, adds to it."""
        with _enter(self.begin(name, kind, attributes, continued=continued, linked=linked)) as span:
            yield span


@contextmanager
def trace_step(
    name: str, kind: Kind = "internal", attributes: Attributes | None = None, *, continued: str | None = None
) -> Iterator[Span]:
    """The block is a part of the span around it, or of the `continued` one where that is given; both are then linked.

    Without a span around it, nothing is recorded.
    """
    with _enter(_current.get().begin_child(name, kind, attributes or {}, continued)) as span:
        yield span


def find_span() -> Span:
    """The span around the caller."""
    return _current.get()


def pick_linked(traces: Sequence[str | None]) -> tuple[str | None, tuple[str, ...]]:
    """Of the traces of a batch, the one to continue, which is the first, and those to be linked."""
    different = tuple(dict.fromkeys(trace for trace in traces if trace is not None))
    return (different[0], different[1:]) if different else (None, ())


def describe_queueing(
    verb: Literal["publish", "process", "report"], place: Literal["message_queue", "outbox"], channel: str
) -> Attributes:
    """The attributes of a span that puts something into a queue of ours, takes it out, or tells what became of it."""
    return {
        "messaging.system": "nightdesk",
        "messaging.destination.name": place,
        "messaging.operation.name": verb,
        "messaging.operation.type": "send" if verb == "publish" else "process",
        "nightdesk.channel": channel,
    }


@contextmanager
def _enter(span: Span) -> Iterator[Span]:
    token = _current.set(span)
    try:
        yield span
    except BaseException as error:
        span.fail(type(error).__name__)
        raise
    finally:
        _current.reset(token)
        span.end()
