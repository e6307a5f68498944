"""Reports of errors: what broke and where, under ids of ours, and nothing that anybody has said."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

import cli.main
from core.errors import OperatorError
from core.logging import bind_log_context, get_logger
from core.otlp import export_traces
from core.reports import open_reports
from core.settings import OtelSettings, SentrySettings
from core.version import VERSION
from tests.emulators.otlp import run_collector
from tests.emulators.sentry import Sentry, run_sentry
from tests.logs import logging_as_in

MARK = "zyxmark"
# All that may leave: nothing of requests, users, modules, breadcrumbs or the machine.
KNOWN = {"contexts", "environment", "event_id", "exception", "level", "message", "platform", "release", "sdk"} | {
    "server_name",
    "tags",
    "timestamp",
}


@contextmanager
def reporting(sentry: Sentry) -> Iterator[None]:
    """A worker that reports; at the end everything has arrived."""
    settings = SentrySettings(dsn=SecretStr(sentry.dsn))
    with open_reports(settings, "test", process="worker") as report, logging_as_in("worker", report):
        yield


def read_number(text: str) -> int:
    words = f"not a number: {text}"
    try:
        return int(words)
    except ValueError as error:
        raise KeyError(words) from error


def fail() -> Exception:
    """An error with words in its text, in its cause's and in a local variable."""
    with pytest.raises(KeyError) as caught:
        read_number(MARK)
    return caught.value


def test_an_error_is_reported_with_its_place_and_its_ids() -> None:
    with run_sentry() as sentry, reporting(sentry), bind_log_context(message_id="m-1", thread_id="t-1"):
        get_logger("workers.turn").error("it broke", exc_info=fail(), channel="web")
    (event,) = sentry.events
    assert sentry.types == ["event"]
    cause, error = event["exception"]["values"]
    assert (cause["type"], error["type"]) == ("ValueError", "KeyError")
    assert error["stacktrace"]["frames"][-1]["function"] == "read_number"
    assert event["tags"] == {"channel": "web", "message_id": "m-1", "source": "workers.turn"}
    assert (event["message"], event["level"]) == ("it broke", "error")
    assert (event["release"], event["environment"]) == (f"nightdesk@{VERSION}", "test")
    assert event["server_name"] == "nightdesk-worker"


def test_nobodys_words_are_in_a_report() -> None:
    with run_sentry() as sentry, reporting(sentry), bind_log_context(contact=MARK):
        get_logger("ours").error("it broke", reason=f"no mailbox for {MARK}", text=MARK, exc_info=fail())
        logging.getLogger("theirs").error("no mailbox for %s", MARK, exc_info=fail())
    assert len(sentry.events) == 2
    assert not any(MARK.encode() in request for request in sentry.requests)
    for event in sentry.events:
        assert set(event) <= KNOWN
        frames = [frame for value in event["exception"]["values"] for frame in value["stacktrace"]["frames"]]
        assert not any("vars" in frame for frame in frames)
        assert not any("value" in value for value in event["exception"]["values"])


def test_a_report_leads_to_its_trace_and_so_does_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    with run_sentry() as sentry, run_collector() as collector:
        otel = OtelSettings(exporter_otlp_endpoint=collector.url)
        with reporting(sentry), export_traces(otel, process="worker") as tracing:
            with tracing.trace("process", "consumer", {}):
                get_logger("ours").error("it broke", exc_info=fail())
            get_logger("ours").info("afterwards")
    span = collector.find("process")
    ids = {"trace_id": span.trace_id, "span_id": span.span_id}
    broke, afterwards = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert {name: broke[name] for name in ids} == ids
    assert not ids.keys() & afterwards.keys()
    assert sentry.events[0]["contexts"]["trace"] == ids


def test_an_error_whose_words_must_not_be_logged_is_reported_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with run_sentry() as sentry, reporting(sentry):
        get_logger("ours").error("turn failed for good", error="KeyError", bug=fail())
    assert [event["exception"]["values"][-1]["type"] for event in sentry.events] == ["KeyError"]
    line = json.loads(capsys.readouterr().err)
    assert (line["error"], "bug" in line, "exception" in line) == ("KeyError", False, False)


def test_an_error_that_every_layer_logs_is_reported_once_and_a_warning_never() -> None:
    error = fail()
    with run_sentry() as sentry, reporting(sentry):
        get_logger("ours").warning("soon", exc_info=error)
        get_logger("ours").error("without an exception")
        get_logger("ours").error("it broke", exc_info=error)
        logging.getLogger("theirs").error("it broke", exc_info=error)
    assert len(sentry.events) == 1


def log_all(errors: list[Exception]) -> None:
    for error in errors:
        get_logger("ours").error("it broke", exc_info=error)


def test_a_process_ends_though_nobody_answers_at_the_dsn() -> None:
    settings = SentrySettings(dsn=SecretStr("http://key@127.0.0.1:9/42"))
    with open_reports(settings, "test", process="worker") as report, logging_as_in("worker", report):
        log_all([fail() for _ in range(200)])


def test_an_error_that_ends_a_command_is_reported_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> Any:
        raise fail()

    monkeypatch.setattr(cli.main, "app", break_down)
    with run_sentry() as sentry:
        monkeypatch.setenv("SENTRY_DSN", sentry.dsn)
        with pytest.raises(KeyError):
            cli.main.main()
    (event,) = sentry.events
    assert (event["exception"]["values"][-1]["type"], event["server_name"]) == ("KeyError", "nightdesk-command")
    assert MARK.encode() not in sentry.requests[0]


def test_what_the_operator_can_mend_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise OperatorError("set DATABASE_URL")

    monkeypatch.setattr(cli.main, "app", refuse)
    with run_sentry() as sentry:
        monkeypatch.setenv("SENTRY_DSN", sentry.dsn)
        with pytest.raises(SystemExit):
            cli.main.main()
    assert sentry.requests == []
