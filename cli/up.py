"""`nightdesk up`: database, schema, sample knowledge, one web process and one worker, in one terminal."""

import asyncio
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.context import CommandError, open_database, prepare, read_or_create_secret, read_secret_key
from cli.kb import load_folder
from core.settings import Settings
from database.init_db import init_db
from database.pool import connect
from database.queries.api_keys import add_api_key, make_key, use_api_key
from database.queries.knowledge import count_articles
from database.queries.users import has_admin

SAMPLE_KNOWLEDGE = Path(__file__).parents[1] / "docs" / "sample-knowledge"
START_SECONDS = 60.0
STOP_SECONDS = 30.0  # as long as the worker waits for replies that are being sent; usually there are none
_PR_SET_PDEATHSIG = 1

_FIRST_ACCOUNT = (
    "  Nobody can sign in yet. Open the first account in another terminal:\n"
    "    .venv/bin/nightdesk user create --role admin --email you@example.com"
)

_console = Console(stderr=True)
# Past any proxy of the environment: the address is on this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Process:
    """A child of this desk."""

    name: str
    popen: subprocess.Popen[bytes]


class Stopped(KeyboardInterrupt):
    """A signal asked the desk to stop. A KeyboardInterrupt, so that no event loop and no `except` swallows it."""


def start_desk() -> None:
    """Start everything: embedded database (or DATABASE_URL), migrations, sample knowledge, web and worker.

    Ctrl-C stops it all within five seconds and loses nothing.
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
    return settings.data_dir / "admin_api_key"


def _run_processes(settings: Settings, url: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "SECRET_KEY": read_secret_key(settings),
        "DATA_DIR": str(settings.data_dir.resolve()),
    }
    processes: list[Process] = []
    try:
        processes += (_spawn(name, environment) for name in ("api", "worker"))
        _wait_until_healthy(settings, processes)
        _print_welcome(settings, is_new=not asyncio.run(_can_sign_in(url)))
        _watch(processes)
    finally:
        _stop(processes)


def _spawn(name: str, environment: dict[str, str]) -> Process:
    # A session of its own: Ctrl-C reaches this process alone, which then stops the others in order.
    popen = subprocess.Popen(
        [sys.executable, "-m", "cli.main", name],
        env=environment,
        start_new_session=True,
        preexec_fn=_stop_with_parent,  # noqa: PLW1509  # this process has no threads while it starts children
    )
    return Process(name, popen)


def _stop_with_parent() -> None:
    """Ask the kernel to end this child when its parent is killed outright, so that no port stays taken."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_healthy(settings: Settings, processes: list[Process]) -> None:
    """Until the API answers and the worker has said that it is alive."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _require_running(processes)
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


def _watch(processes: list[Process]) -> None:
    while True:
        _require_running(processes)
        time.sleep(0.2)


def _require_running(processes: list[Process]) -> None:
    for process in processes:
        code = process.popen.poll()
        if code is not None:
            raise CommandError(f"the {process.name} process ended with code {code}; see the log above")


def _stop(processes: list[Process]) -> None:
    # A second Ctrl-C while stopping must not leave children behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    for process in processes:
        if process.popen.poll() is None:
            process.popen.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        try:
            process.popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            # Killing loses nothing: what it held comes back when its lease ends.
            process.popen.kill()
            process.popen.wait()


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
