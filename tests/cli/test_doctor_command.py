"""`nightdesk doctor` as it is typed: its table, its JSON, its code, and what it must never print or change."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.doctor.checks import Result
from cli.doctor.command import hide_secrets, print_results
from core.findings import Finding
from core.settings import DatabaseSettings
from database.pool import DbConnection, connect
from tests.acceptance.processes import find_free_port
from tests.cli.command import assert_clear_error, run
from tests.cli.doctor_desk import make_settings
from tests.cli.test_doctor_work import begin_work, open_admin
from tests.emulators.serving import serve_app

MARK = "mark-7f3c"
SECRETS = {
    name: f"{MARK}-{name.lower().replace('_', '-')}"
    for name in (
        "GMAIL_CLIENT_SECRET",
        "GMAIL_REFRESH_TOKEN",
        "MAILBOX_PASSWORD",
        "META_ACCESS_TOKEN",
        "META_APP_SECRET",
        "META_VERIFY_TOKEN",
        "OPENAI_API_KEY",
        "SECRET_KEY",
        "TWILIO_AUTH_TOKEN",
    )
}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[DbConnection]:
    """A desk with a worker and an admin."""
    conn = await connect(database_url, application="test")
    await begin_work(conn)
    await open_admin(conn)
    yield conn
    await conn.close()


async def count_rows(conn: DbConnection) -> dict[str, int]:
    """Rows of every table."""
    names = [
        row["tablename"] for row in await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ]
    return {name: await conn.fetchval(f'SELECT count(*) FROM "{name}"') for name in names}


async def test_a_healthy_desk_ends_with_0_and_nothing_is_changed(
    desk: DbConnection, database_url: str, tmp_path: Path
) -> None:
    before = await count_rows(desk)
    result = run("doctor", "--json", database_url=database_url, folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["level"] != "problem"
    assert {"area", "subject", "level", "found", "remedy"} == set(report["findings"][0])
    assert await count_rows(desk) == before
    assert not list_folder(tmp_path)


def list_folder(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_problems_end_with_1_and_say_what_to_do(database_url: str, tmp_path: Path) -> None:
    result = run("doctor", database_url=database_url, folder=tmp_path)
    assert result.returncode == 1
    for expected in ("Database", "Workers", "no worker runs", "→ Run `nightdesk worker`.", "to mend"):
        assert expected in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_database_that_is_away_is_a_problem_among_others(tmp_path: Path) -> None:
    away = f"postgresql://desk:{MARK}@127.0.0.1:{find_free_port()}/desk"
    result = run("doctor", "--json", database_url=away, folder=tmp_path)
    assert result.returncode == 1
    assert {"Settings", "Database", "Models"} <= {finding["area"] for finding in json.loads(result.stdout)["findings"]}
    assert MARK not in result.stdout + result.stderr


def test_settings_that_do_not_load_end_with_2(tmp_path: Path) -> None:
    assert_clear_error(run("doctor", folder=tmp_path, WORKER_CONCURRENCY="many"), "WORKER_CONCURRENCY")


@pytest.mark.parametrize("as_json", [False, True])
async def test_no_secret_is_printed_whatever_vendors_repeat(as_json: bool, database_url: str, tmp_path: Path) -> None:
    async with serve_echo() as echo, serve_mail_echo() as mail_port:
        variables = SECRETS | configure_echo(echo, mail_port)
        arguments = ("doctor", "--json") if as_json else ("doctor",)
        result = await asyncio.to_thread(
            lambda: run(*arguments, database_url=database_url, folder=tmp_path, **variables)
        )
    output = result.stdout + result.stderr
    assert result.returncode == 1, output
    for asked in ("Gmail", "Twilio", "Meta", "IMAP 127.0.0.1", "SMTP 127.0.0.1", "Brain"):
        assert asked in output
    assert not [form for form in list_forms() if form in output], output


def list_forms() -> Iterator[str]:
    """How a mark may look on its way: as it is, and within what is encoded for a header."""
    yield MARK
    for lead in range(3):
        # Which letters stand for it depends on where it begins; the first and the last also on their neighbours.
        encoded = base64.b64encode(b"x" * lead + MARK.encode()).decode()
        yield encoded[4 if lead else 0 : -4]


def configure_echo(echo: str, mail_port: int) -> dict[str, str]:
    """Every vendor is the echo."""
    return {
        "API_PUBLIC_URL": echo,
        "LOG_LEVEL": "DEBUG",
        "GMAIL_ADDRESS": "support@example.com",
        "GMAIL_CLIENT_ID": "desk",
        "GMAIL_API_URL": echo,
        "GMAIL_TOKEN_URL": f"{echo}/token",
        "MAILBOX_ADDRESS": "support@example.com",
        "MAILBOX_IMAP_HOST": "127.0.0.1",
        "MAILBOX_IMAP_PORT": str(mail_port),
        "MAILBOX_IMAP_SECURITY": "none",
        "MAILBOX_SMTP_HOST": "127.0.0.1",
        "MAILBOX_SMTP_PORT": str(mail_port),
        "MAILBOX_SMTP_SECURITY": "none",
        "META_PHONE_NUMBER_ID": "106540352242922",
        "META_API_URL": echo,
        "OPENAI_BASE_URL": echo,
        "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000001",
        "TWILIO_NUMBER": "+15550100",
        "TWILIO_API_URL": echo,
    }


@asynccontextmanager
async def serve_echo() -> AsyncIterator[str]:
    """A vendor that refuses everything and repeats the whole request in whatever place it has for words."""

    async def respond(request: Request) -> Response:
        said = f"{request.url} {dict(request.headers)} {(await request.body()).decode()}"
        error: dict[str, Any] = {"message": said, "code": 1, "error_data": {"details": said}, "status": said}
        return JSONResponse({"error": error, "message": said, "code": 1, "status": 400, "version": said}, 400)

    routes = [Route("/{path:path}", respond, methods=["GET", "HEAD", "POST"])]
    async with serve_app(Starlette(routes=routes)) as url:
        yield url


@asynccontextmanager
async def serve_mail_echo() -> AsyncIterator[int]:
    """A mail server of both kinds that refuses whoever signs in, in their own words."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either client takes the greeting that is its own; SMTP's waits for nothing but `220`.
        try:
            await converse(reader, writer)
        finally:
            writer.close()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n* OK ready\r\n")
        while line := (await reader.readline()).strip():
            verb = line.split()[0].upper()
            if verb == b"EHLO":
                writer.write(b"250-echo\r\n250 AUTH PLAIN\r\n")
            elif verb == b"AUTH":
                writer.write(b"535 5.7.8 " + line + b"\r\n")
            else:
                writer.write(b"* CAPABILITY IMAP4rev1\r\n" + verb + b" NO " + line + b"\r\n")

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_word_is_shown_at_every_width(width: int) -> None:
    results = [
        Result("Work", "Workers", Finding.problem("no worker runs: nobody answers", "Run `nightdesk worker`.")),
        Result("Work", "Workers", Finding.ok("fine")),
        Result("Machine", "Disk", Finding.advice("1.5 GiB free\x1b[31m", "Free space.")),
    ]
    console = Console(width=width, record=True, file=StringIO())
    print_results(results, console)
    shown = console.export_text()
    words = shown.split()
    for result in results:
        for text in (result.finding.found.replace("\x1b", "�"), result.finding.remedy or ""):
            assert not [word for word in text.split() if word not in words]
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("Workers") == 1
    assert "1 to mend, 1 to consider, 1 fine." in " ".join(words)


def test_passwords_within_addresses_are_hidden_and_what_is_too_short_is_not(tmp_path: Path) -> None:
    url = "postgresql://desk:p%40ssword-of-ours@one:5432,two:5432/desk"
    settings = make_settings(tmp_path, database=DatabaseSettings(url=url), secret_key=SecretStr("desk"))
    finding = Finding.problem("p@ssword-of-ours is wrong for desk", "Say p%40ssword-of-ours.")
    (hidden,) = hide_secrets([Result("Database", "Server", finding)], settings)
    assert (hidden.finding.found, hidden.finding.remedy) == ("… is wrong for desk", "Say ….")
