"""Requests in traces: by the template of their route, under ids that nobody outside may choose."""

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr

from core.otlp import export_traces
from core.reports import open_reports
from core.settings import OtelSettings, SentrySettings, Settings
from database.queries import tickets
from tests.api.service import FORM, Service, open_service, serve
from tests.emulators.otlp import Collector, run_collector
from tests.emulators.sentry import run_sentry
from tests.logs import logging_as_in

CHOSEN = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@asynccontextmanager
async def traced(settings: Settings, database_url: str) -> AsyncIterator[tuple[Service, Collector, ExitStack]]:
    """A web process, and the collector it exports to; everything has arrived when the last is closed."""
    with run_collector() as collector, ExitStack() as export:
        otel = OtelSettings(exporter_otlp_endpoint=collector.url)
        tracing = export.enter_context(export_traces(otel, process="api"))
        async with open_service(settings, database_url, tracing=tracing) as service:
            yield service, collector, export


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/support/ticket/TF-20261121-0001", "GET /support/ticket/{ref}", 401),
        ("GET", "/nowhere/at/all", "GET", 404),
        ("PUT", "/support/submit", "PUT /support/submit", 405),
        ("BREW", "/support/submit", "HTTP /support/submit", 405),
    ],
)
async def test_a_request_is_named_by_its_route(
    method: str, path: str, name: str, status: int, *, settings: Settings, shared_url: str
) -> None:
    async with traced(settings, shared_url) as (service, collector, export):
        await service.client.request(method, path)
        export.close()
    (span,) = collector.spans
    assert (span.name, span.kind, span.attributes["http.response.status_code"]) == (name, "server", status)
    assert span.attributes.get("http.route") == (name.partition(" ")[2] or None)
    assert not span.has_failed, "who asked wrongly is told so; nothing of ours has failed"


async def test_nobody_outside_chooses_our_trace_or_whether_there_is_one(settings: Settings, shared_url: str) -> None:
    async with traced(settings, shared_url) as (service, collector, export):
        headers = {"traceparent": CHOSEN, "tracestate": "evil=1", "baggage": "evil=1"}
        await service.client.get("/nowhere", headers=headers)
        export.close()
    (span,) = collector.spans
    assert (span.parent_id, span.trace_id != "a" * 32) == ("", True)


async def test_the_web_framework_exports_nothing_by_itself(
    settings: Settings, shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_collector() as collector:
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with serve(settings, shared_url) as service:
            await service.client.get("/nowhere")
    assert collector.requests == []


async def test_probes_and_scrapes_are_not_traced(settings: Settings, shared_url: str) -> None:
    async with traced(settings, shared_url) as (service, collector, export):
        for path in ("/health", "/metrics", "/assets/app.js"):
            await service.client.get(path)
        export.close()
    assert collector.spans == []


async def test_a_bug_is_found_by_its_line_its_trace_and_its_report_alike(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def break_down(*_arguments: object, **_values: object) -> None:
        raise ZeroDivisionError(FORM["email"])

    monkeypatch.setattr(tickets, "prepare_submission", break_down)
    async with traced(settings, database_url) as (service, collector, export):
        with run_sentry() as sentry:
            dsn = SentrySettings(dsn=SecretStr(sentry.dsn))
            with open_reports(dsn, "test", process="api") as report, logging_as_in("api", report):
                response = await service.client.post("/support/submit", json=FORM)
        export.close()
    assert response.status_code == 500
    (span,) = collector.spans
    assert (span.name, span.has_failed) == ("POST /support/submit", True)
    (line,) = [json.loads(text) for text in capsys.readouterr().err.splitlines() if "unhandled" in text]
    (event,) = sentry.events
    ids = {"trace_id": span.trace_id, "span_id": span.span_id}
    assert {name: line[name] for name in ids} == ids == event["contexts"]["trace"]
    assert event["tags"]["request_id"] == response.headers["x-request-id"]
    assert event["tags"]["route"] == "/support/submit"
    assert all(b"ada@" not in sent for sent in [*sentry.requests, *(body for _, body in collector.requests)])
