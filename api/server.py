"""The web process's server, and how it stops."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

# Of the 25 s that a stop may take; the rest is for closing. Live streams end at once, and requests that wait for an
# agent wait no longer than LAST_SECONDS (api/desk.py).
GRACE_SECONDS = 13


class Server(uvicorn.Server):
    """Leaves signals to us: uvicorn's own way to the end dies of them, and a stop that went well has exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def build_server(app: FastAPI, *, host: str, port: int) -> Server:
    """A server of this application. Its access log is off: it would write ticket tokens."""
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            access_log=False,
            log_config=None,
            server_header=False,
            # Its own reading of them believes everybody on this machine.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


async def serve_until(server: Server, stop: asyncio.Event) -> bool:
    """Serve until `stop`; then take no more connections and let requests under way finish.

    Whether the application started at all.
    """
    serving, stopping = asyncio.ensure_future(server.serve()), asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.should_exit = True
    await serving
    return server.started
