"""Tracing: off by default and then free, whole traces or none, and a collector that nobody depends on."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import core.otlp
from core.otlp import export_traces
from core.settings import OtelSettings, SettingsError, load_settings
from core.tracing import NO_SPAN, Tracing, find_span, pick_linked, trace_step
from core.version import VERSION
from tests.emulators.otlp import Collector, run_collector

ROOT = Path(__file__).parents[2]
PROCESSES = ("api", "worker")


@contextmanager
def run_processes(**changes: object) -> Iterator[tuple[Collector, Tracing, Tracing, ExitStack]]:
    """A collector, and the tracing of two processes that export to it; closing the last ends both."""
    with run_collector() as collector, ExitStack() as exports:
        settings = OtelSettings.model_validate({"exporter_otlp_endpoint": collector.url, **changes})
        first, second = (exports.enter_context(export_traces(settings, process=name)) for name in PROCESSES)
        yield collector, first, second, exports


def pass_on(api: Tracing, worker: Tracing) -> None:
    """A request that queues something, and a worker that works on it."""
    with api.trace("request", "server", {}), trace_step("publish", "producer") as published:
        pass
    with worker.trace("process", "consumer", {}, continued=published.trace), trace_step("think"):
        pass


def test_what_is_traced_goes_on_in_another_process() -> None:
    with run_processes() as (collector, api, worker, exports):
        pass_on(api, worker)
        exports.close()
    (trace_id,) = {span.trace_id for span in collector.spans}
    assert collector.draw(trace_id) == ["request", "  publish", "    process", "      think"]


def test_a_trace_is_whole_or_not_at_all() -> None:
    with run_processes(traces_sampler_arg=0.5) as (collector, api, worker, exports):
        for _ in range(60):
            pass_on(api, worker)
        exports.close()
    sizes = [len(collector.draw(trace_id)) for trace_id in {span.trace_id for span in collector.spans}]
    assert set(sizes) == {4}
    assert 0 < len(sizes) < 60


def test_what_belongs_to_another_trace_is_put_there_and_both_lead_to_each_other() -> None:
    with run_processes() as (collector, api, worker, exports):
        with worker.trace("delivery", "consumer", {}) as delivery:
            pass
        with api.trace("callback", "server", {}), trace_step("report", continued=delivery.trace):
            pass
        exports.close()
    callback, report = collector.find("callback"), collector.find("report")
    assert report.parent_id == collector.find("delivery").span_id
    assert report.links == {(callback.trace_id, callback.span_id)}
    assert callback.links == {(report.trace_id, report.span_id)}


@pytest.mark.parametrize("damaged", ["", "00-", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "x" * 55, "ff-é"])
def test_a_damaged_row_begins_a_trace_of_its_own(damaged: str) -> None:
    with run_processes() as (collector, _api, worker, exports):
        with worker.trace("process", "consumer", {}, continued=damaged, linked=[damaged, None]):
            pass
        exports.close()
    assert (collector.find("process").parent_id, collector.find("process").links) == ("", frozenset())


def test_an_error_leaves_its_class_and_none_of_its_words() -> None:
    with run_processes() as (collector, api, _worker, exports):
        with pytest.raises(LookupError), api.trace("request", "server", {}), trace_step("publish"):
            raise LookupError("secret words")
        exports.close()
    for name in ("request", "publish"):
        span = collector.find(name)
        assert (span.has_failed, span.attributes["error.type"], span.said, span.events) == (True, "LookupError", "", 0)
    assert all(b"secret" not in body for _, body in collector.requests)


def test_who_exported_is_told_and_the_headers_are_sent() -> None:
    headers = "authorization=Bearer%20a%2Cb, x-team = desk"
    with run_processes(exporter_otlp_headers=headers) as (collector, api, worker, exports):
        pass_on(api, worker)
        exports.close()
    resources = {resource["service.name"]: resource for resource in collector.resources}
    assert set(resources) == {"nightdesk-api", "nightdesk-worker"}
    assert {resource["service.version"] for resource in resources.values()} == {VERSION}
    assert len({resource["service.instance.id"] for resource in resources.values()}) == 2
    sent, _ = collector.requests[0]
    assert (sent["authorization"], sent["x-team"]) == ("Bearer a,b", "desk")


def test_the_sdks_own_variables_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=secret")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0")
    with run_processes(service_name="desk of ours") as (collector, api, _worker, exports):
        with api.trace("request", "server", {"http.request.method": "GET"}):
            pass
        exports.close()
    assert collector.find("request").attributes == {"http.request.method": "GET"}
    assert set(collector.resources[0]) == {"service.name", "service.version", "service.instance.id"}
    assert collector.resources[0]["service.name"] == "desk of ours"


def test_a_collector_that_refuses_costs_one_line_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.otlp, "_BATCH_SPANS", 1)
    with capture_logs() as logs, run_processes() as (collector, api, worker, exports):
        collector.is_open = False
        for _ in range(5):
            pass_on(api, worker)
        exports.close()
    assert collector.spans == []
    assert len(collector.requests) == 20
    assert [line["event"] for line in logs] == ["traces cannot be exported, these are lost"] * len(PROCESSES)


def test_a_process_ends_though_nobody_answers_its_collectors_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.otlp, "FLUSH_SECONDS", 0.05)
    settings = OtelSettings(exporter_otlp_endpoint="http://127.0.0.1:9")
    with export_traces(settings, process="worker") as tracing:
        pass_on(tracing, tracing)


def test_off_nothing_is_recorded_and_no_library_for_it_is_loaded() -> None:
    script = (
        "import json, sys, api.main, cli.serve\n"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'sentry_sdk'))]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    with Tracing().trace("request", "server", {}) as request, trace_step("publish") as published:
        assert request is published is find_span() is NO_SPAN
    assert (NO_SPAN.trace, dict(NO_SPAN.ids)) == (None, {})


def test_of_a_batch_the_first_trace_is_continued_and_the_others_are_linked() -> None:
    assert pick_linked([None, "a", "b", "a", None, "c"]) == ("a", ("b", "c"))
    assert pick_linked([None]) == (None, ())


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "http"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer hunter2", "authorization="),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=hunter2\r\nhost: evil", "authorization="),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "less than or equal to 1"),
        ("SENTRY_DSN", "https://sentry.example.com/hunter2", "https://key@"),
        ("SENTRY_DSN", "hunter2", "https://key@"),
    ],
)
def test_a_wrong_setting_is_named_and_not_repeated(
    variable: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(None)
    assert f"{variable}: " in str(caught.value)
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)
