"""Errors for Sentry, or a compatible server. Loaded only where a DSN is set.

A report says which class of error came from where in our code, in which process, and the ids that find its log lines
and its trace. The error's own words stay here, and so do variables, requests and everything that the SDK would collect
by itself: they may be a customer's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from sentry_sdk import Client
from sentry_sdk.types import Event
from sentry_sdk.utils import event_from_exception

from core.logging import ReportError
from core.redact import redact
from core.settings import Environment, SentrySettings
from core.version import VERSION

# Of a process that ends. What a dead server has not taken by then is lost.
FLUSH_SECONDS = 1.0
# Ids and names of ours; any other field of a line may quote a vendor, and so a customer.
_TAGS = ("attempt", "channel", "conversation_id", "message_id", "pump", "reply_id", "request_id", "route", "source")
_REPORTED = "__nightdesk_reported__"
_OURS = ["agent", "api", "channels", "cli", "core", "database", "workers"]


@contextmanager
def open_reports(settings: SentrySettings, environment: Environment, *, process: str) -> Iterator[ReportError]:
    """What reports an error with its log line, for the length of the block; it never waits and never fails."""
    reports = _Reports(settings, environment, process)
    try:
        yield reports.report
    finally:
        reports.close()


class _Reports:
    def __init__(self, settings: SentrySettings, environment: Environment, process: str) -> None:
        # A client of our own, without the SDK's global scopes. What is named here it would take from the environment,
        # or collect.
        self._client = Client(
            dsn=settings.dsn.get_secret_value() if settings.dsn else None,
            release=f"nightdesk@{VERSION}",
            environment=environment,
            server_name=f"nightdesk-{process}",
            debug=False,
            spotlight=False,
            keep_alive=False,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
            enable_backpressure_handling=False,
            send_client_reports=False,
            include_local_variables=False,
            max_breadcrumbs=0,
            max_request_body_size="never",
            in_app_include=_OURS,
            project_root="",
        )

    def report(self, error: BaseException, line: Mapping[str, Any]) -> None:
        """Put it into the client's queue, from which a thread sends it."""
        if getattr(error, _REPORTED, False):
            return  # by a layer below
        with suppress(Exception):  # whoever logs an error must not get another one for it
            setattr(error, _REPORTED, True)
            self._client.capture_event(self._describe(error, line))

    def close(self) -> None:
        """Send what waits, for FLUSH_SECONDS at most."""
        self._client.close(timeout=FLUSH_SECONDS)

    def _describe(self, error: BaseException, line: Mapping[str, Any]) -> Event:
        event, _hint = event_from_exception(error, self._client.options, {"type": "logged", "handled": True})
        for value in event["exception"]["values"]:
            value.pop("value", None)
        event["tags"] = {name: redact(str(line[name])) for name in _TAGS if line.get(name) is not None}
        if "source" in line:  # our own line; one of a library may quote anything
            event["message"] = redact(str(line["event"]))
        if "trace_id" in line:
            event["contexts"] = {"trace": {"trace_id": line["trace_id"], "span_id": line["span_id"]}}
        return event
