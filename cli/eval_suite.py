"""The suite of our own tickets, put before the real agent."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.context import CommandError, prepare
from cli.kb import load_folder
from cli.up import SAMPLE_KNOWLEDGE
from core.settings import Settings
from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.evaluation.results import Row
    from agent.evaluation.suite import Ticket, TicketResult

_LOWER_IS_BETTER = {"false_escalation_rate", "must_not_say_violations"}


def evaluate_suite(
    model: Annotated[
        bool, typer.Option("--model", help="Ask the configured model instead of the offline brain.")
    ] = False,
    half: Annotated[str, typer.Option(help="Which half: tune, held_out or both.")] = "both",
    show_wrong: Annotated[
        bool, typer.Option("--show-wrong", help="List the tickets handled wrongly; texts of the tune half alone.")
    ] = False,
) -> None:
    """Measure the agent's decisions on our own tickets, against the sample knowledge in a database of its own."""
    settings = prepare("eval", is_quiet=True)
    results = run_tickets(settings, uses_model=model, half=half)
    print_results(results, shows_wrong=show_wrong)


def run_tickets(settings: Settings, *, uses_model: bool = False, half: str = "both") -> "list[TicketResult]":
    """Run the tickets of a half, or of both, on a desk that is thrown away afterwards; progress on standard error."""
    from agent.evaluation.suite import Half, read_suite

    if half not in {"both", *get_args(Half)}:
        raise CommandError(f"unknown half {half}; expected tune, held_out or both")
    if uses_model and settings.openai.api_key is None:
        raise CommandError("OPENAI_API_KEY is not set; without it only the offline brain can be measured")
    if not uses_model:
        offline = settings.openai.model_copy(update={"api_key": None})
        settings = settings.model_copy(update={"openai": offline})
    tickets = [ticket for ticket in read_suite() if half in {"both", ticket.split}]
    with TemporaryDirectory(prefix="nightdesk-eval-") as folder, run_embedded(Path(folder) / "postgres") as url:
        asyncio.run(init_db(url))
        asyncio.run(load_folder(settings, url, SAMPLE_KNOWLEDGE))
        return asyncio.run(_run(settings, url, tickets))


async def _run(settings: Settings, url: str, tickets: "Sequence[Ticket]") -> "list[TicketResult]":
    from agent.assemble import build_agent
    from agent.evaluation.suite import run_suite

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Loading the agent", total=len(tickets))
        async with (
            open_pool(url, application="nightdesk eval", max_size=8) as pool,
            aclosing(await build_agent(settings, pool)) as agent,
        ):
            progress.update(task, description="Running tickets")
            return await run_suite(agent, tickets, on_done=lambda: progress.advance(task))


def print_results(results: "Sequence[TicketResult]", *, shows_wrong: bool) -> None:
    """The figures, the table by tag and, if asked for, what went wrong."""
    from agent.evaluation.suite_measures import measure_by_tag, measure_suite

    console = Console()
    console.print(_tabulate(measure_suite(results)))
    by_tag = Table("Tag", title="By tag and channel", title_justify="left", box=None)
    for heading in ("Tickets", "Without fault", "Answered"):
        by_tag.add_column(heading, justify="right")
    for tag, (count, faultless, answered) in measure_by_tag(results).items():
        by_tag.add_row(tag, str(count), f"{faultless:.1%}", f"{answered:.1%}")
    console.print(by_tag)
    if shows_wrong:
        console.print(_list_wrong(results))


def _tabulate(rows: "Sequence[Row]") -> Table:
    sets = list(dict.fromkeys(row.set for row in rows))
    values = {(row.set, row.measure): row.value for row in rows}
    table = Table("Measure", title="Our own tickets", title_justify="left", box=None)
    for name in sets:
        table.add_column(name, justify="right")
    for measure in dict.fromkeys(row.measure for row in rows):
        label = f"{measure} (lower is better)" if measure in _LOWER_IS_BETTER else measure
        found = [values.get((name, measure)) for name in sets]
        table.add_row(label, *("–" if value is None else f"{value:.3f}" for value in found))
    return table


def _list_wrong(results: "Sequence[TicketResult]") -> Table:
    from agent.evaluation.suite_measures import explain_fault

    table = Table("Ticket", "Fault", "Text", title="Handled wrongly", title_justify="left", box=None)
    for result in results:
        fault = explain_fault(result)
        if fault is not None:
            # Whoever reads the held-out texts beside their faults begins to tune on them.
            said = "\n".join(result.ticket.waiting) if result.ticket.split == "tune" else "(held out)"
            table.add_row(result.ticket.id, fault, said)
    return table
