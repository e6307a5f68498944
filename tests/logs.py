"""The log as the processes set it up, for one test."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from core.logging import ReportError, configure_logging
from core.settings import LogSettings


@contextmanager
def logging_as_in(process: str, report: ReportError | None = None) -> Iterator[None]:
    """JSON on standard error until the block ends. No logger is kept: the next test has its own shape."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    configure_logging(LogSettings(format="json"), process=process, report=report)
    structlog.configure(**{**structlog.get_config(), "cache_logger_on_first_use": False})
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        structlog.configure(**before)
