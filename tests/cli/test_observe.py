"""What a long-lived process sets up from the settings, and takes down at its end."""

from pathlib import Path

import pytest

from cli.context import observe
from core.logging import get_logger
from core.settings import SettingsError
from core.tracing import Tracing
from tests.emulators.otlp import run_collector
from tests.emulators.sentry import run_sentry
from tests.logs import logging_as_in


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of this machine is read."""
    monkeypatch.chdir(tmp_path)


def test_a_process_traces_and_reports_where_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_collector() as collector, run_sentry() as sentry, logging_as_in("test"):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector.url}/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=desk")
        monkeypatch.setenv("SENTRY_DSN", sentry.dsn)
        with observe("worker") as (_settings, tracing), tracing.trace("process", "consumer", {}):
            get_logger("ours").error("it broke", exc_info=ZeroDivisionError("secret words"))
    span, (event,) = collector.find("process"), sentry.events
    assert (span.service, event["server_name"]) == ("nightdesk-worker", "nightdesk-worker")
    assert event["contexts"]["trace"]["trace_id"] == span.trace_id
    assert collector.requests[0][0]["x-team"] == "desk"


def test_a_process_does_neither_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as_in("test"), observe("worker") as (_settings, tracing):
        assert type(tracing) is Tracing
        get_logger("ours").error("it broke", exc_info=ZeroDivisionError())
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_process_with_a_wrong_setting_says_which_before_it_does_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", "https://sentry.example.com/42")
    with pytest.raises(SettingsError, match="SENTRY_DSN: expected a DSN"), observe("worker"):
        pass
