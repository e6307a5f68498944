"""Tracing that is exported by OTLP over HTTP. Loaded only where an endpoint is set: the SDK costs time and memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from core.ids import new_id
from core.logging import RareLog, get_logger
from core.settings import OtelSettings
from core.tracing import Attributes, Kind, Span, Tracing
from core.version import VERSION

_log = get_logger(__name__)

# Of a process that ends. What a dead collector has not taken by then is lost.
FLUSH_SECONDS = 2.0
_EXPORT_SECONDS = 5.0
_QUEUE_SPANS = 2048
_BATCH_SPANS = 512
_DELAY_MILLISECONDS = 2000
_FIELD = "traceparent"
_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_LIMITS = SpanLimits(
    max_events=0,
    max_links=64,
    max_span_attributes=64,
    max_link_attributes=0,
    max_attribute_length=256,
    max_span_attribute_length=256,
)
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def export_traces(settings: OtelSettings, *, process: str) -> Iterator[Tracing]:
    """Tracing for the length of the block; at its end what is left is sent, for FLUSH_SECONDS at most.

    Everything is given here that the SDK would otherwise read from the environment, but for certificates: operators
    know those variables, and a private authority has no other place.
    """
    exporter = _QuietExporter(
        OTLPSpanExporter(
            endpoint=f"{settings.exporter_otlp_endpoint}/v1/traces",
            headers=settings.list_headers(),
            timeout=_EXPORT_SECONDS,
            compression=Compression.Gzip,
        )
    )
    processor = BatchSpanProcessor(
        exporter,
        max_queue_size=_QUEUE_SPANS,
        max_export_batch_size=_BATCH_SPANS,
        schedule_delay_millis=_DELAY_MILLISECONDS,
        export_timeout_millis=_EXPORT_SECONDS * 1000,
    )
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.traces_sampler_arg)),
        resource=Resource(
            {
                "service.name": settings.service_name or f"nightdesk-{process}",
                "service.version": VERSION,
                "service.instance.id": str(new_id()),
            }
        ),
        shutdown_on_exit=False,
        span_limits=_LIMITS,
    )
    provider.add_span_processor(processor)
    try:
        yield _ExportedTracing(provider.get_tracer("nightdesk", VERSION))
    finally:
        _shut_down(provider, exporter)


def _shut_down(provider: TracerProvider, exporter: SpanExporter) -> None:
    """Not by the provider alone: it would wait for half a minute."""
    ending = threading.Thread(target=provider.shutdown, name="traces", daemon=True)
    ending.start()
    ending.join(FLUSH_SECONDS)
    if ending.is_alive():
        exporter.shutdown()


class _ExportedTracing(Tracing):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        continued: str | None = None,
        linked: Sequence[str | None] = (),
    ) -> Span:
        return _begin(self._tracer, name, kind, attributes, parent=_read_trace(continued), linked=linked)


class _ExportedSpan(Span):
    def __init__(self, tracer: Tracer, span: OtelSpan) -> None:
        self._tracer = tracer
        self._span = span
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, set_span_in_context(span, Context()))
        self.trace = carrier.get(_FIELD)
        context = span.get_span_context()
        self.ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def note(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def link(self, trace: str | None) -> None:
        for link in _read_links([trace]):
            self._span.add_link(link.context)

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()

    def begin_child(self, name: str, kind: Kind, attributes: Attributes, continued: str | None) -> Span:
        if continued is None:
            return _begin(self._tracer, name, kind, attributes, parent=set_span_in_context(self._span, Context()))
        child = _begin(self._tracer, name, kind, attributes, parent=_read_trace(continued), linked=[self.trace])
        self.link(child.trace)
        return child


def _begin(
    tracer: Tracer,
    name: str,
    kind: Kind,
    attributes: Attributes,
    *,
    parent: Context,
    linked: Sequence[str | None] = (),
) -> Span:
    """A span below the one in `parent`, whatever the SDK believes to be around it."""
    span = tracer.start_span(
        name,
        parent,
        kind=_KINDS[kind],
        attributes=dict(attributes),
        links=_read_links(linked),
        record_exception=False,
        set_status_on_exception=False,
    )
    return _ExportedSpan(tracer, span)


def _read_trace(trace: str | None) -> Context:
    """What stands in a row may be of another version, or damaged: then a new trace begins."""
    return _PROPAGATOR.extract({} if trace is None else {_FIELD: trace}, Context())


def _read_links(traces: Sequence[str | None]) -> list[Link]:
    contexts = [get_current_span(_read_trace(trace)).get_span_context() for trace in traces]
    return [Link(context) for context in contexts if context.is_valid]


class _QuietExporter(SpanExporter):
    """Says in a line of ours, and rarely, that the collector is away; the SDK would say so at each attempt."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._rare_log = RareLog(_log)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Runs on the processor's own thread; nobody waits for it."""
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._rare_log.warning("traces cannot be exported, these are lost", spans=len(spans))
        return result

    def shutdown(self) -> None:
        """End the connection, and with it what is under way."""
        self._exporter.shutdown()
