"""Who did what: `nightdesk audit list`, and whether anybody has touched it: `nightdesk audit verify`."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.context import CommandError, format_cell, open_database, prepare, read_secret_key, run_on
from database.queries.audit import Filters, list_entries, verify

app = typer.Typer(help="Who did what, and whether anybody has touched the record.", no_args_is_help=True)

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command("verify")
def verify_log() -> None:
    """Check every entry. Exit code 1 and the place, where one was changed or is missing."""
    settings = prepare("audit", is_quiet=True)
    with open_database(settings) as url:
        verdict = run_on(url, lambda conn: verify(conn, read_secret_key(settings)))
    if verdict.broken is not None:
        typer.secho(f"entry {verdict.broken.seq}: {verdict.broken.reason}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    typer.echo(f"{verdict.last_seq} entries, none changed, none missing")
    typer.echo(f"last hash {verdict.hash or '–'}: kept elsewhere, it shows whether an older log was put back")


@app.command("list")
def show_list(
    *,
    actor: Annotated[UUID | None, typer.Option(help="Id of a user or an API key.")] = None,
    action: Annotated[str | None, typer.Option(help="Such as conversation.read.")] = None,
    about: Annotated[str | None, typer.Option("--object", help="Kind and id, such as ticket:TF-20261121-0001.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_TIMES, help="From this time on, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Before this time, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show so many at most.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Entries, newest first."""
    kind, colon, name = (about or "").partition(":")
    if about is not None and not (kind and colon and name):
        raise CommandError(f"an object is a kind and an id, such as ticket:TF-20261121-0001, not {about}")
    filters = Filters(actor, action, kind or None, name or None, _in_utc(since), _in_utc(until))
    with open_database(prepare("audit", is_quiet=True)) as url:
        entries = run_on(url, lambda conn: list_entries(conn, filters, max_rows=limit))
    if as_json:
        typer.echo(json.dumps(entries, indent=2, default=lambda v: v.hex() if isinstance(v, bytes) else str(v)))
    elif entries:
        Console().print(_build_table(entries))
    else:
        typer.echo("No entries.")


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _build_table(entries: list[dict[str, Any]]) -> Table:
    columns = (
        "seq",
        "at",
        "actor_kind",
        "actor_id",
        "action",
        "object_kind",
        "object_id",
        "before",
        "after",
        "address",
    )
    table = Table(*(column.replace("_", " ") for column in columns), box=None)
    for entry in entries:
        shown = {**entry, "at": entry["at"].strftime("%Y-%m-%d %H:%M:%S")}
        cells = ("" if shown[column] is None else shown[column] for column in columns)
        table.add_row(*(Text(format_cell(cell)) for cell in cells))
    return table
