"""`nightdesk up`: database, schema, sample knowledge, one web process and one worker, in one terminal."""

import asyncio
import http.client
import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from rich.console import Console

from cli.children import Children, start_process
from cli.context import (
    ADMIN_KEY_FILE,
    CommandError,
    open_database,
    prepare,
    prepare_pooler,
    read_or_create_secret,
    read_secret_key,
)
from cli.kb import load_folder
from core.settings import Settings
from database.init_db import init_db
from database.pool import connect
from database.queries.api_keys import add_api_key, make_key, use_api_key
from database.queries.knowledge import count_articles
from database.queries.users import has_admin

SAMPLE_KNOWLEDGE = Path(__file__).parents[1] / "docs" / "sample-knowledge"
START_SECONDS = 60.0
_LOOK_SECONDS = 0.2

_FIRST_ACCOUNT = (
    "  Nobody can sign in yet. Open the first account in another terminal:\n"
    "    .venv/bin/nightdesk user create --role admin --email you@example.com"
)

_console = Console(stderr=True)
# Past any proxy of the environment: the address is on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stopped(KeyboardInterrupt):
    """A signal asked the desk to stop. A KeyboardInterrupt, so that no event loop and no `except` swallows it."""


def start_desk() -> None:
    """Start everything: embedded database (or DATABASE_URL), migrations, sample knowledge, web and worker.

    A web or worker process that dies is replaced. Ctrl-C stops it all, within five seconds when nothing is under way,
    and loses nothing.
    """
    settings = prepare("up", is_quiet=True)
    _require_free_port(settings)
    with _signals_as_exceptions(), suppress(Stopped):
        _console.print("Starting the database …" if settings.database.url is None else "Using DATABASE_URL …")
        with open_database(settings, is_owner=True) as url:
            _prepare_database(settings, url)
            _run_processes(settings, url)
    _console.print("Stopped.")


def _prepare_database(settings: Settings, url: str) -> None:
    applied = asyncio.run(init_db(url))
    prepare_pooler(settings, url)
    if applied:
        _console.print(f"Migrated: {', '.join(applied)}")
    if SAMPLE_KNOWLEDGE.is_dir() and not asyncio.run(_has_knowledge(url)):
        results = asyncio.run(load_folder(settings, url, SAMPLE_KNOWLEDGE))
        _console.print(f"Loaded the sample knowledge base: {len(results)} articles")
    asyncio.run(_ensure_admin_key(settings, url))


async def _has_knowledge(url: str) -> bool:
    conn = await connect(url, application="nightdesk up")
    try:
        return await count_articles(conn) > 0
    finally:
        await conn.close()


async def _ensure_admin_key(settings: Settings, url: str) -> None:
    """A first key for this machine, in a file that only this user can read."""
    key = read_or_create_secret(_admin_key_file(settings), make_key())
    conn = await connect(url, application="nightdesk up")
    try:
        if await use_api_key(conn, key) is None:
            await add_api_key(conn, "this machine", key, ["admin"])
    finally:
        await conn.close()


async def _can_sign_in(url: str) -> bool:
    conn = await connect(url, application="nightdesk up")
    try:
        return await has_admin(conn)
    finally:
        await conn.close()


def _admin_key_file(settings: Settings) -> Path:
    return settings.data_dir / ADMIN_KEY_FILE


def _run_processes(settings: Settings, url: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database.url or url,
        "SECRET_KEY": read_secret_key(settings),
        "DATA_DIR": str(settings.data_dir.resolve()),
    }
    children = Children(lambda line: _console.print(line, style="yellow", highlight=False))
    try:
        for name in ("api", "worker"):
            children.add(name, partial(start_process, name, environment))
        _wait_until_healthy(settings, children)
        _print_welcome(settings, is_new=not asyncio.run(_can_sign_in(url)))
        while True:
            children.replace_dead()
            time.sleep(_LOOK_SECONDS)
    finally:
        # A second Ctrl-C while stopping must not leave children behind.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        children.stop()


def _wait_until_healthy(settings: Settings, children: Children) -> None:
    """Until the API answers and the worker has said that it is alive."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        children.require_running()
        with (
            suppress(OSError, http.client.HTTPException, ValueError),
            _direct.open(f"{_base_url(settings)}/health/detailed", timeout=2) as answer,
        ):
            # Not its status: an inbox whose sign-in is refused must not keep the form closed.
            if json.load(answer)["brain"] is not None:
                return
        time.sleep(0.05)
    raise CommandError(f"the desk did not become healthy within {START_SECONDS:g} seconds; see the log above")


def _print_welcome(settings: Settings, *, is_new: bool) -> None:
    base = _base_url(settings)
    brain = (
        f"{settings.openai.model} (OPENAI_API_KEY is set)"
        if settings.openai.api_key
        else "offline (set OPENAI_API_KEY for GPT-4o)"
    )
    database = "DATABASE_URL" if settings.database.url else f"embedded PostgreSQL 18 in {settings.data_dir}/postgres"
    lines = [
        "",
        "[bold green]Nightdesk is open.[/]  Ctrl-C stops it.",
        f"  Support form   {base}/",
        f"  Staff console  {base}/desk",
        f"  API docs       {base}/docs",
        f"  Health         {base}/health/detailed",
        f"  Admin API key  in {_admin_key_file(settings)}",
        f"  Brain          {brain}",
        f"  Database       {database}",
        "",
        *([_FIRST_ACCOUNT, ""] if is_new else []),
    ]
    for line in lines:
        _console.print(line, highlight=False)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    yield


def _require_free_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api.host, settings.api.port))
        except OSError as error:
            raise CommandError(
                f"port {settings.api.port} on {settings.api.host} cannot be used ({error.strerror}); "
                "stop what uses it or set API_PORT"
            ) from None


def _base_url(settings: Settings) -> str:
    host = "127.0.0.1" if settings.api.host in {"0.0.0.0", "::"} else settings.api.host  # noqa: S104  # compared, not listened on
    return f"http://{host}:{settings.api.port}"
