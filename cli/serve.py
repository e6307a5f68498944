"""The single processes: web, worker, and the migration that runs before them."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

import typer
from pydantic import SecretStr

from cli.context import observe, open_database, prepare, read_secret_key
from core.background import end_despite_computing
from core.settings import Settings
from core.threads import compute_in_one_thread
from core.tracing import Tracing
from database.init_db import init_db

GRACE_SECONDS = 2
Work = Callable[[Settings, str, asyncio.Event], Awaitable[None]]


def run_api(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: API_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: API_PORT)")] = None,
) -> None:
    """Serve the web pages and the API."""
    with observe("api") as (settings, tracing), open_database(settings) as url:
        port = settings.api.port if port is None else port
        serve(settings, url, host=host or settings.api.host, port=port, tracing=tracing)


def serve(settings: Settings, url: str, *, host: str, port: int, tracing: Tracing | None = None) -> None:
    """Run uvicorn until a signal. Its access log is off: it would write ticket tokens."""
    import uvicorn

    from api.main import create_app

    app = create_app(settings, database_url=url, secret_key=read_secret_key(settings), tracing=tracing)
    # What is loaded by now stays for good; the collector need not walk through it again and again.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        # Its own reading of them believes everybody on this machine.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def run_worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Turns in flight at once. (default: WORKER_CONCURRENCY)")
    ] = None,
) -> None:
    """Answer waiting messages until stopped."""
    compute_in_one_thread()
    # The agent's SDK takes seconds to import, so only the commands that think load it.
    import uvloop

    from workers.worker import run_worker as work

    with observe("worker") as (given, tracing):
        settings = _complete(given, concurrency)
        with open_database(settings) as url:
            uvloop.run(_until_signal(settings, url, partial(work, tracing=tracing)))
    end_despite_computing()  # it may just be learning


def _complete(settings: Settings, concurrency: int | None) -> Settings:
    if concurrency is not None:
        settings = settings.model_copy(
            update={"worker": settings.worker.model_copy(update={"concurrency": concurrency})}
        )
    # Codes that prove an address are made from it.
    return settings.model_copy(update={"secret_key": SecretStr(read_secret_key(settings))})


async def _until_signal(settings: Settings, url: str, work: Work) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await work(settings, url, stop)


def run_migrations() -> None:
    """Bring the database to the newest schema. Safe to run twice and at the same time."""
    settings = prepare("migrate", is_quiet=True)
    with open_database(settings) as url:
        applied = asyncio.run(init_db(url))
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the database is up to date")
