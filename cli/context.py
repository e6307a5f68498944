"""What commands share: settings, the database to use, and the secret key."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from core.errors import OperatorError
from core.logging import configure_logging
from core.settings import Settings, SettingsError, load_settings
from core.tracing import Tracing
from database.embedded import run_embedded
from database.pool import Conn, connect
from database.queries.audit import record
from database.role_defaults import write_role_defaults
from database.types import OPERATOR, Facts

# Within DATA_DIR.
EMBEDDED_FOLDER = "postgres"
SECRET_KEY_FILE = "secret_key"  # noqa: S105  # a file's name
ADMIN_KEY_FILE = "admin_api_key"

T = TypeVar("T")


class CommandError(OperatorError):
    """A command cannot go on; the message says why and what to do."""


def prepare(process: str, *, is_quiet: bool = False) -> Settings:
    """Read the settings and set up logging. A quiet command prints its own result and logs warnings alone."""
    settings = load_settings()
    log = settings.log
    if is_quiet and log.level == "INFO":
        log = log.model_copy(update={"level": "WARNING"})
    configure_logging(log, process=process)
    return settings


@contextmanager
def observe(process: str) -> Iterator[tuple[Settings, Tracing]]:
    """As `prepare`, for a process that lives long: until the block ends its errors are reported and its work is traced.

    Only where the settings say so, and only then are the libraries for it loaded.
    """
    settings = load_settings()
    with ExitStack() as stack:
        report, tracing = None, Tracing()
        if settings.sentry.dsn is not None:
            from core.reports import open_reports

            report = stack.enter_context(open_reports(settings.sentry, settings.environment, process=process))
        configure_logging(settings.log, process=process, report=report)
        if settings.otel.exporter_otlp_endpoint is not None:
            from core.otlp import export_traces

            tracing = stack.enter_context(export_traces(settings.otel, process=process))
        yield settings, tracing


def report_crash(error: Exception) -> None:
    """Report an error that ends a command, where the settings say so; it is shown as a traceback all the same."""
    try:
        settings = load_settings()
    except SettingsError:
        return
    if settings.sentry.dsn is None:
        return
    from core.reports import open_reports

    with open_reports(settings.sentry, settings.environment, process="command") as report:
        report(error, {"event": "a command broke", "source": __name__})


@contextmanager
def open_database(settings: Settings, *, is_owner: bool = False) -> Iterator[str]:
    """The URL of the configured server, or of the embedded one, which is started if it does not run yet.

    The owner of the embedded server stops it at the end, whoever started it. Never a pooler's URL: commands take locks.
    """
    if settings.database.session_url is not None:
        yield settings.database.session_url
        return
    with run_embedded(settings.data_dir / EMBEDDED_FOLDER, is_owner=is_owner) as url:
        yield url


def run_on(url: str, work: Callable[[Conn], Awaitable[T]]) -> T:
    """Do something on one connection."""

    async def run() -> T:
        conn = await connect(url, application="nightdesk command")
        try:
            return await work(conn)
        finally:
            await conn.close()

    return asyncio.run(run())


def prepare_pooler(settings: Settings, url: str) -> None:
    """Where there is a pooler, give the sessions behind it their settings, for none can be told them by a client."""
    if settings.database.pooler_url is not None:
        seconds = settings.database.statement_timeout_seconds
        run_on(url, lambda conn: write_role_defaults(conn, statement_timeout_seconds=seconds))


def show_progress() -> Progress:
    """A bar for each task with how far it is and how long it will take; on standard error, gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def build_table(title: str, rows: Sequence[Mapping[str, object]]) -> Table:
    """A table of these rows, with a column for each name in the first."""
    table = Table(title=title, title_justify="left")
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(format_cell(value)) for value in row.values()))
    return table


def format_time(moment: datetime | None) -> str:
    """To the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def format_cell(value: object) -> str:
    """One value for the terminal. What customers and vendors wrote must not drive it."""
    if isinstance(value, bool):
        return "yes" if value else ""
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return "".join(character if character.isprintable() else "�" for character in text)


def read_secret_key(settings: Settings) -> str:
    """SECRET_KEY, or on a development machine one that was made up once and kept in the data folder."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return read_or_create_secret(settings.data_dir / SECRET_KEY_FILE, secrets.token_hex(32))


async def note(
    conn: Conn,
    settings: Settings,
    action: str,
    object_kind: str,
    object_id: UUID | str | None,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
) -> None:
    """Put into the audit log what the operator does; last in the transaction that does it."""
    await record(
        conn,
        read_secret_key(settings),
        actor=OPERATOR,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        before=before,
        after=after,
    )


def read_or_create_secret(path: Path, fresh: str) -> str:
    """The secret in a file that only this user can read, written with `fresh` where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(fresh + "\n")
    return fresh
