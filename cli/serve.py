"""The single processes: web, worker, and the migration that runs before them."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

import typer
from pydantic import SecretStr

from cli.context import observe, open_database, prepare, prepare_pooler, read_secret_key
from core.background import end_at_once
from core.settings import Settings
from core.stopping import hear_signals, run_until_terminated
from core.threads import compute_in_one_thread
from core.tracing import Tracing
from database.init_db import init_db

_START_FAILED = 3
Work = Callable[[Settings, str, asyncio.Event], Awaitable[None]]


def run_api(
    host: Annotated[str | None, typer.Option(help="Address to listen on. (default: API_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. (default: API_PORT)")] = None,
) -> None:
    """Serve the web pages and the API."""
    with observe("api") as (settings, tracing), open_database(settings) as url:
        port = settings.api.port if port is None else port
        serve(settings, url, host=host or settings.api.host, port=port, tracing=tracing)
    end_at_once()


def serve(settings: Settings, url: str, *, host: str, port: int, tracing: Tracing | None = None) -> None:
    """Run the web process until a signal."""
    import uvloop

    from api.main import create_app
    from api.server import build_server, serve_until

    stop = asyncio.Event()
    app = create_app(settings, database_url=url, secret_key=read_secret_key(settings), tracing=tracing, stopping=stop)
    # What is loaded by now stays for good; the collector need not walk through it again and again.
    gc.collect()
    gc.freeze()

    async def run() -> None:
        hear_signals(stop)
        if not await serve_until(build_server(app, host=host, port=port), stop):
            raise SystemExit(_START_FAILED)

    uvloop.run(run())


def run_worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Turns in flight at once. (default: WORKER_CONCURRENCY)")
    ] = None,
) -> None:
    """Answer waiting messages until stopped."""
    compute_in_one_thread()
    import uvloop

    # The agent's SDK takes seconds to import, so only the commands that think load it.
    from workers.process import run_worker as work

    with observe("worker") as (given, tracing):
        settings = _complete(given, concurrency)
        with open_database(settings) as url:
            uvloop.run(_until_signal(settings, url, partial(work, tracing=tracing)))
    end_at_once()  # it may just be learning, or ask a vendor who does not answer


def _complete(settings: Settings, concurrency: int | None) -> Settings:
    if concurrency is not None:
        settings = settings.model_copy(
            update={"worker": settings.worker.model_copy(update={"concurrency": concurrency})}
        )
    # Codes that prove an address are made from it.
    return settings.model_copy(update={"secret_key": SecretStr(read_secret_key(settings))})


async def _until_signal(settings: Settings, url: str, work: Work) -> None:
    stop = asyncio.Event()
    hear_signals(stop)
    await work(settings, url, stop)


def run_migrations() -> None:
    """Bring the database to the newest schema. Safe to run twice and at the same time."""
    settings = prepare("migrate", is_quiet=True)
    with open_database(settings) as url:
        applied = asyncio.run(run_until_terminated(init_db(url, tell=_tell)))
        prepare_pooler(settings, url)
    typer.echo(f"applied: {', '.join(applied)}" if applied else "the database is up to date")


def _tell(step: str) -> None:
    typer.echo(step, err=True)
