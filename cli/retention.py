"""What is kept how long, and deleting what is over its time."""

import typer
from rich.console import Console
from rich.table import Table

from cli.context import note, open_database, prepare, run_on
from core.settings import RetentionSettings
from database.pool import Conn
from database.queries.audit import count_rows
from database.retention import DATA_CLASSES, DataClass, sweep

app = typer.Typer(help="How long data is kept.", no_args_is_help=True)

_ALL_BATCHES = 1_000_000


@app.callback()
def retain() -> None:
    """Typer makes a lone command the whole program unless there is this."""


@app.command("run")
def run_retention(
    dry_run: bool = typer.Option(False, "--dry-run", help="Only count what would go, up to one batch of each class."),
) -> None:
    """Delete at once what workers delete a little at a time, and show how much it was."""
    settings = prepare("retention", is_quiet=True)

    async def run(conn: Conn) -> dict[str, int]:
        rows = {data.name: await _sweep(conn, data, settings.retention, dry_run=dry_run) for data in DATA_CLASSES}
        if not dry_run:
            await note(conn, settings, "retention.run", "retention", None, after=count_rows(rows))
        return rows

    with open_database(settings) as url:
        rows = run_on(url, run)
    Console().print(build_table(settings.retention, rows, dry_run=dry_run))


async def _sweep(conn: Conn, data: DataClass, retention: RetentionSettings, *, dry_run: bool) -> int:
    if not dry_run:
        return await sweep(conn, data, retention, max_batches=_ALL_BATCHES)
    trial = conn.transaction()
    await trial.start()
    try:
        return await sweep(conn, data, retention, max_batches=1)
    finally:
        await trial.rollback()


def build_table(retention: RetentionSettings, rows: dict[str, int], *, dry_run: bool) -> Table:
    """A row for each class of data: its rule, its days, and how many rows go."""
    table = Table("Data", "Rule", box=None, title="Would go" if dry_run else "Deleted", title_justify="left")
    for name in ("Days", "Rows"):
        table.add_column(name, justify="right")
    for data in DATA_CLASSES:
        count = rows[data.name]
        is_cut = dry_run and count >= data.batch_rows
        days = data.read_days(retention)
        kept = {None: "", 0: "kept"}.get(days, str(days))
        table.add_row(data.name, data.rule, kept, f"{count:,}{' or more' if is_cut else ''}")
    return table
