"""The desk's real processes on loopback, for tests that need the whole."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

SECRET_KEY = "acceptance-" + "k" * 32
START_SECONDS = 120


@asynccontextmanager
async def run_desk(database_url: str, log_file: Path, *, workers: int) -> AsyncIterator[str]:
    """One API process and `workers` worker processes; yields the API's address once it is healthy."""
    port = find_free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "API_PORT": str(port),
        "DATA_DIR": str(log_file.parent),
        "LOG_FORMAT": "json",
        "RATE_LIMITS": "false",  # all customers write from this machine
    }
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(run_process("api", environment, log_file))
        for _ in range(workers):
            await stack.enter_async_context(run_process("worker", environment, log_file))
        base = f"http://127.0.0.1:{port}"
        await wait_until_healthy(base)
        yield base


@asynccontextmanager
async def run_process(command: str, environment: dict[str, str], log_file: Path) -> AsyncIterator[Process]:
    """`nightdesk <command>` until the block ends; its log is appended to `log_file`."""
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli.main", command, env=environment, stdin=DEVNULL, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def wait_until_healthy(base: str) -> None:
    """Ask /health until it answers."""
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(base_url=base) as client:
        while True:
            try:
                if (await client.get("/health")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # another process starts; there is no event of it to wait for


def find_free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
