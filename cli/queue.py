"""What waits, what has failed, and what to do about it."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import sources
from cli.context import CommandError, build_table, format_cell, note, open_database, prepare, run_on
from cli.pause import describe_pause
from core.settings import Settings
from database import queue
from database.notify import WAKE_CHANNEL
from database.pool import Conn
from database.queries import desk_state, operations
from database.queue import dead_letters

app = typer.Typer(help="The queue and its dead letters.", no_args_is_help=True)

app.command("show-source")(sources.show_source)
app.command("replay-source")(sources.replay_source)

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Letters = Annotated[
    list[UUID] | None, typer.Argument(help="Ids of dead letters, as `nightdesk queue list` shows them.")
]
All = Annotated[bool, typer.Option("--all", help="All that are open.")]


@app.command("stats")
def show_stats(as_json: AsJson = False) -> None:
    """Threads by channel and state, the oldest wait, workers, and dead letters."""
    stats = _run(_read_stats)
    if as_json:
        _print_json({**stats, "pause": stats["pause"] and asdict(stats["pause"])})
        return
    console = Console()
    if stats["pause"]:
        console.print(describe_pause(stats["pause"]), style="yellow", markup=False)
    if stats["channels"]:
        console.print(build_table("Threads", stats["channels"]))
    else:
        console.print("Nothing waits and nothing is in work.")
    if stats["workers"]:
        console.print(build_table("Workers", stats["workers"]))
    else:
        console.print("No worker runs; `nightdesk worker` starts one.")
    count = stats["dead_letters"]
    console.print(f"Dead letters: {count}; `nightdesk queue list` shows them." if count else "No dead letters.")


@app.command("list")
def show_list(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show so many at most.")] = 100, as_json: AsJson = False
) -> None:
    """Dead letters that wait for a decision, oldest first."""
    letters = _run(lambda conn, _settings: dead_letters.list_dead_letters(conn, max_rows=limit))
    if as_json:
        _print_json(letters)
    elif letters:
        Console().print(build_table("Dead letters", [_shorten(letter) for letter in letters]))
    else:
        typer.echo("No dead letters: every message was answered or is with a person.")


@app.command("show")
def show_letter(letter: Annotated[UUID, typer.Argument(help="Id of a dead letter.")], as_json: AsJson = False) -> None:
    """One dead letter: every attempt, and the messages as they arrived."""
    found = _run(partial(_read_letter, letter=letter))
    if found is None:
        raise CommandError(f"there is no dead letter {letter}; `nightdesk queue list` shows those that are open")
    if as_json:
        _print_json(found)
        return
    console = Console()
    head = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name in ("state", "channel", "inbox", "contact", "ticket_ref", "attempts", "reason"):
        head.add_row(name.replace("_", " "), Text(format_cell(found[name] if found[name] is not None else "–")))
    console.print(head)
    columns = ("attempt", "failed_at", "worker", "error_class", "message")
    console.print(build_table("Attempts", [{name: error[name] for name in columns} for error in found["errors"]]))
    for message in found["messages"]:
        console.print(Text(f"Message {message['id']}, received {message['received_at']}", style="bold"))
        console.print_json(data=message["payload"])


@app.command("retry")
def retry_letters(letters: Letters = None, all_open: All = False) -> None:
    """Queue the messages of dead letters again, behind whatever has arrived in their threads meanwhile."""

    async def retry(conn: Conn, letter: UUID) -> None:
        await dead_letters.retry_dead_letter(conn, letter)
        # Heard by the workers when the transaction commits.
        await conn.execute("SELECT pg_notify($1, '')", WAKE_CHANNEL)

    typer.echo(f"{_settle(letters, all_open, retry, 'dead_letter.retried')} queued again")


@app.command("discard")
def discard_letters(letters: Letters = None, all_open: All = False) -> None:
    """Say that nothing more need be done. Messages and tickets stay."""
    discard = dead_letters.discard_dead_letter
    typer.echo(f"{_settle(letters, all_open, discard, 'dead_letter.discarded')} discarded")


def _settle(
    letters: list[UUID] | None, all_open: bool, settle: Callable[[Conn, UUID], Awaitable[None]], action: str
) -> int:
    if bool(letters) == all_open:
        raise CommandError("give the ids of dead letters, or --all")

    async def settle_each(conn: Conn, settings: Settings) -> int:
        chosen = letters or [row["id"] for row in await dead_letters.list_dead_letters(conn, max_rows=1_000_000)]
        settled = 0
        for letter in dict.fromkeys(chosen):
            try:
                async with conn.transaction():
                    await settle(conn, letter)
                    await note(conn, settings, action, "dead_letter", letter)
            except dead_letters.NotOpen as error:
                if all_open:
                    continue  # somebody else has just settled it
                raise CommandError(f"{error}; it was settled before, or the id is wrong") from None
            except dead_letters.MessagesGone as error:
                raise CommandError(f"{error}; `nightdesk queue discard {letter}` settles it") from None
            settled += 1
        return settled

    return _run(settle_each)


async def _read_letter(conn: Conn, settings: Settings, letter: UUID) -> dict[str, Any] | None:
    found = await dead_letters.find_dead_letter(conn, letter)
    if found is not None:
        await note(conn, settings, "dead_letter.read", "dead_letter", letter)
    return found


async def _read_stats(conn: Conn, _settings: Settings) -> dict[str, Any]:
    workers = await operations.list_workers(conn)
    shown = ("host", "pid", "brain", "in_flight", "concurrency", "is_elected", "silent_seconds")
    return {
        "channels": await queue.measure_channels(conn),
        "workers": [{name: worker[name] for name in shown} for worker in workers],
        "dead_letters": await dead_letters.count_dead_letters(conn),
        "pause": await desk_state.find_pause(conn),
    }


def _run(work: Callable[[Conn, Settings], Awaitable[T]]) -> T:
    settings = prepare("queue", is_quiet=True)
    with open_database(settings) as url:
        return run_on(url, lambda conn: work(conn, settings))


def _shorten(letter: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": letter["id"],
        "since": f"{letter['created_at']:%Y-%m-%d %H:%M}",
        "from": f"{letter['channel']}/{letter['inbox']}",
        "ticket": letter["ticket_ref"] or "–",
        "messages": letter["messages"],
        "attempts": letter["attempts"],
        "error": letter["error_class"],
    }


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, default=str, indent=2, ensure_ascii=False))
