"""The way of one message as a trace: spans that hang together, through every process that touches it.

A process begins a span with its `Tracing`, which knows by the row it works on what the span continues; everything below
adds to the span around it with `trace_step`. Between processes a trace travels as its W3C `traceparent`, in the row of
the queue or the outbox. Off, nothing of OpenTelemetry is loaded, and a step costs a microsecond.

Law for callers: names and attributes are ours, or ids and figures. Never what anybody wrote, an address, a key, or the
words of an error. Names follow https://opentelemetry.io/docs/specs/semconv/ for HTTP, messaging and generative models.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
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

    def trace(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        continued: str | None = None,
        linked: Sequence[str | None] = (),
    ) -> AbstractContextManager[Span]:
        """The block is a span. What is below it, also in tasks and threads that it starts, adds to it."""
        return _Around(self.begin(name, kind, attributes, continued=continued, linked=linked))


class _Around(AbstractContextManager[Span]):
    """Makes a span the one around the block, and ends it. A class: as a generator it would cost three times as much."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Span:
        self._token = _current.set(self._span)
        return self._span

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            self._span.fail(type(error).__name__)
        _current.reset(self._token)
        self._span.end()


_NOTHING = nullcontext(NO_SPAN)


def trace_step(
    name: str, kind: Kind = "internal", attributes: Attributes | None = None, *, continued: str | None = None
) -> AbstractContextManager[Span]:
    """The block is a part of the span around it, or of the `continued` one where that is given; both are then linked.

    Without a span around it, nothing is recorded.
    """
    around = _current.get()
    if around is NO_SPAN:
        return _NOTHING
    return _Around(around.begin_child(name, kind, attributes or {}, continued))


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
