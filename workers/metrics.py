"""Serving what a worker measures, for Prometheus to scrape."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, start_http_server

from core.errors import OperatorError
from core.logging import get_logger
from core.settings import WorkerSettings

_log = get_logger(__name__)


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, settings: WorkerSettings) -> AsyncIterator[None]:
    """Answer scrapes in a thread of its own while the block runs; port 0 answers none.

    Raises OperatorError when the port cannot be had: two workers of one machine need two.
    """
    if settings.metrics_port == 0:
        yield
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise OperatorError(
            f"WORKER_METRICS_PORT: cannot listen on {settings.metrics_host}:{settings.metrics_port} ({error.strerror})"
        ) from None
    _log.info("metrics are served", port=settings.metrics_port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
