"""A collector of OpenTelemetry on loopback: OTLP over HTTP, in protobuf, for traces.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.emulators.receiving import Headers, receive_aside

PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One span as it arrived. `parent_id` is empty for the first of its trace; `links` are pairs of trace and span."""

    service: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: frozenset[tuple[str, str]]
    has_failed: bool
    said: str
    events: int


@dataclass(slots=True)
class Collector:
    """What has arrived: spans in order, resources, and each request as it was. Without `is_open` it refuses all."""

    url: str = ""
    is_open: bool = True
    spans: list[CollectedSpan] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[Headers, bytes]] = field(default_factory=list)

    def take(self, path: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """POST of a batch."""
        if path != PATH or headers.get("content-type") != "application/x-protobuf":
            return 404, b""
        self.requests.append((headers, body))
        if not self.is_open:
            return 400, b""
        for batch in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _read(batch.resource.attributes)
            self.resources.append(resource)
            self.spans += [
                _describe(resource["service.name"], span) for scope in batch.scope_spans for span in scope.spans
            ]
        return 200, ExportTraceServiceResponse().SerializeToString()

    def find(self, name: str) -> CollectedSpan:
        """The one span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def draw(self, trace_id: str) -> list[str]:
        """The names of a trace as a tree, two spaces for each level, children by name."""
        members = [span for span in self.spans if span.trace_id == trace_id]
        known = {span.span_id for span in members}

        def draw_below(parent: str, depth: int) -> Iterator[str]:
            below = [span for span in members if (span.parent_id if span.parent_id in known else "") == parent]
            for span in sorted(below, key=lambda span: span.name):
                yield f"{'  ' * depth}{span.name}"
                yield from draw_below(span.span_id, depth + 1)

        return list(draw_below("", 0))


@contextmanager
def run_collector() -> Iterator[Collector]:
    """The collector, for the length of the block."""
    collector = Collector()
    with receive_aside(collector.take, media_type="application/x-protobuf") as collector.url:
        yield collector


def _describe(service: str, span: WireSpan) -> CollectedSpan:
    return CollectedSpan(
        service=service,
        name=span.name,
        kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_read(span.attributes),
        links=frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        has_failed=span.status.code == Status.STATUS_CODE_ERROR,
        said=span.status.message,
        events=len(span.events),
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {pair.key: _read_value(pair.value) for pair in attributes}


def _read_value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_read_value(item) for item in value.array_value.values]
    return None if kind is None else getattr(value, kind)
