"""What a worker serves: figures for Prometheus, and probes for whoever keeps it running."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from core.errors import OperatorError
from core.logging import get_logger
from core.settings import WorkerSettings
from workers.vitals import Vitals

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_log = get_logger(__name__)


@asynccontextmanager
async def serve_metrics(vitals: Vitals, settings: WorkerSettings) -> AsyncIterator[None]:
    """Answer `/metrics`, `/health` and `/health/ready` in threads while the block runs; port 0 answers none.

    Raises OperatorError when the port cannot be had: two workers of one machine need two.
    """
    if settings.metrics_port == 0:
        yield
        return
    try:
        kind = _Server6 if ":" in settings.metrics_host else _Server
        server = make_server(settings.metrics_host, settings.metrics_port, build_app(vitals), kind, _Handler)
    except OSError as error:
        raise OperatorError(
            f"WORKER_METRICS_PORT: cannot listen on {settings.metrics_host}:{settings.metrics_port} ({error.strerror})"
        ) from None
    thread = Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    _log.info("metrics are served", port=settings.metrics_port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()


def build_app(vitals: Vitals) -> "WSGIApplication":
    """The three pages. Liveness is that the event loop moves; whoever fails it several times must be killed."""
    show_metrics: WSGIApplication = make_wsgi_app(vitals.telemetry.registry)

    def answer(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                return show_metrics(environ, start_response)
            case "/health":
                is_alive = vitals.is_alive()
                return _answer(start_response, "ok" if is_alive else "hangs", is_good=is_alive)
            case "/health/ready":
                status = vitals.status
                return _answer(start_response, status, is_good=status == "ready")
            case _:
                start_response("404 Not Found", [("Content-Length", "0")])
                return []

    return answer


def _answer(start_response: "StartResponse", status: str, *, is_good: bool) -> Iterable[bytes]:
    line = "200 OK" if is_good else "503 Service Unavailable"
    start_response(line, [("Content-Type", "application/json")])
    return [json.dumps({"status": status}).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: a probe that waits for a loop that hangs holds up no other."""

    daemon_threads = True
    block_on_close = False


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Probes come every few seconds, and nobody reads of them."""
