"""The whole desk in one file, and back: `nightdesk backup`, and `nightdesk restore`, which leaves it paused."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.context import note, open_database, prepare, read_secret_key, run_on
from core.ids import derive_token
from core.settings import Settings
from core.version import VERSION
from database.backup import Report, back_up
from database.backup_file import Manifest
from database.embedded import run_embedded
from database.queries.audit import verify
from database.restore import restore
from database.types import Facts

_KEY_CHARACTERS = 16
_OTHER_KEY = (
    "It was taken under another SECRET_KEY. With this one, links to tickets and sign-ins end, codes on their way are "
    "void, and the audit log cannot be verified: put back the old SECRET_KEY, if you have it, before anything starts."
)


def back_up_desk(
    file: Annotated[Path, typer.Argument(help="Where to; a file that is there is not overwritten.", dir_okay=False)],
) -> None:
    """Write the whole desk into one file while it works. SECRET_KEY and other settings are not in it."""
    settings = prepare("backup", is_quiet=True)
    key = _fingerprint(settings)
    with open_database(settings) as url, _show_progress() as report:
        manifest = asyncio.run(back_up(url, file, product=VERSION, key=key, report=report))
        run_on(url, lambda conn: note(conn, settings, "desk.backed_up", "desk", None, after={"rows": manifest.rows}))
    typer.echo(f"{file}: {_describe(manifest)}")
    typer.echo("Keep SECRET_KEY and your settings beside it; they are not in it.")


def restore_desk(
    file: Annotated[Path, typer.Argument(help="What `nightdesk backup` wrote.", dir_okay=False)],
    drill: Annotated[
        bool, typer.Option("--drill", help="Into a server that is thrown away: only to see that the backup is good.")
    ] = False,
) -> None:
    """Put a backup into the configured database, which must be empty, and compare every table.

    The desk is paused then: it receives, and sends nothing until `nightdesk resume`.
    """
    settings = prepare("restore", is_quiet=True)
    if drill:
        _rehearse(settings, file)
        return
    with open_database(settings) as url:
        with _show_progress() as report:
            manifest = asyncio.run(restore(url, file, report=report))
        facts: Facts = {"rows": manifest.rows, "taken_at": manifest.taken_at}
        is_known_key = manifest.key == _fingerprint(settings)
        if is_known_key:  # under another one, this entry would break the chain for good
            run_on(url, lambda conn: note(conn, settings, "desk.restored", "desk", None, after=facts))
    typer.echo(f"Restored {_describe(manifest)}; every table is as it was.")
    if not is_known_key:
        typer.secho(_OTHER_KEY, fg=typer.colors.YELLOW, err=True)
    typer.echo(
        "Next: `nightdesk migrate`, then start the desk. It is paused: see docs/backup.md, then `nightdesk resume`."
    )


def _rehearse(settings: Settings, file: Path) -> None:
    with TemporaryDirectory(prefix="nightdesk-drill-") as folder, run_embedded(Path(folder) / "postgres") as url:
        with _show_progress() as report:
            manifest = asyncio.run(restore(url, file, report=report))
        typer.echo(f"The backup is good: {_describe(manifest)}; every table is as it was.")
        if manifest.key != _fingerprint(settings):
            typer.secho(_OTHER_KEY, fg=typer.colors.YELLOW, err=True)
            return
        verdict = run_on(url, lambda conn: verify(conn, read_secret_key(settings)))
    if verdict.broken is not None:
        typer.secho(f"audit log, entry {verdict.broken.seq}: {verdict.broken.reason}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    typer.echo(f"Its audit log is whole: {verdict.last_seq} entries.")


def _describe(manifest: Manifest) -> str:
    return (
        f"{manifest.rows:,} rows in {len(manifest.tables)} tables, taken {manifest.taken_at:%Y-%m-%d %H:%M} UTC "
        f"by Nightdesk {manifest.product} from PostgreSQL {manifest.server.split()[0]}"
    )


def _fingerprint(settings: Settings) -> str:
    """What tells this desk's SECRET_KEY from another, and nothing else of it."""
    return derive_token(read_secret_key(settings), "backup", "fingerprint")[:_KEY_CHARACTERS]


@contextmanager
def _show_progress() -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", done="")

        def report(stage: str, done: int, total: int | None) -> None:
            shown = f"{done}/{total}" if stage == "counting" else f"{done / 1e6:,.1f} MB"
            progress.update(task, description=stage, completed=done, total=total, done=shown)

        yield report
