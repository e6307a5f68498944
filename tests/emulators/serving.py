"""Serving an application on loopback within a test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import uvicorn
from starlette.applications import Starlette


@asynccontextmanager
async def serve_app(
    app: Starlette, *, port: int = 0, http: Literal["auto", "h11", "httptools"] = "auto"
) -> AsyncIterator[str]:
    """An application for the length of the block, on a free port unless one is given; its URL.

    The socket listens at once, so nobody waits for the start.
    """
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", http=http))
        # Not `serve`, which would take the test run's signals for itself.
        serving = asyncio.create_task(server._serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
