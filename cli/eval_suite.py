"""The suite of our own tickets, put before the real agent."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.table import Table
from rich.text import Text

from cli.context import CommandError, show_progress
from cli.kb import load_folder
from cli.measuring import Evaluation, QuickOption, keep_rows, run_empty_desk, start_evaluation
from cli.up import SAMPLE_KNOWLEDGE
from core.settings import Settings
from database.pool import open_pool

if TYPE_CHECKING:
    from agent.evaluation.results import Row
    from agent.evaluation.suite import Ticket, TicketResult

_SAMPLED = 8  # every eighth ticket, for a quick look


def evaluate_suite(
    model: Annotated[
        bool, typer.Option("--model", help="Ask the configured model instead of the offline brain.")
    ] = False,
    half: Annotated[str, typer.Option(help="Which half: tune, held_out or both.")] = "both",
    show_wrong: Annotated[
        bool, typer.Option("--show-wrong", help="List the tickets handled wrongly; texts of the tune half alone.")
    ] = False,
    quick: QuickOption = False,
) -> None:
    """Measure the agent's decisions on our own tickets, against the sample knowledge in a database of its own."""
    evaluation = start_evaluation(is_quick=quick)
    results = run_tickets(evaluation.settings, uses_model=model, half=half, is_quick=quick)
    print_results(evaluation, results, shows_wrong=show_wrong)
    keep_rows(evaluation, _name_rows(results, evaluation.settings.openai.model if model else None))


def measure_own_tickets(evaluation: Evaluation) -> "list[Row]":
    """Both halves, as the offline brain handles them."""
    return _name_rows(run_tickets(evaluation.settings, is_quick=evaluation.is_quick), None)


def _name_rows(results: "Sequence[TicketResult]", model: str | None) -> "list[Row]":
    """The figures of each half; those of a model under its name, beside those of the offline brain."""
    from agent.evaluation.suite_measures import measure_suite

    rows = measure_suite(results)
    return rows if model is None else [replace(row, set=f"{row.set}_{model}") for row in rows]


def run_tickets(
    settings: Settings, *, uses_model: bool = False, half: str = "both", is_quick: bool = False
) -> "list[TicketResult]":
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
    with run_empty_desk() as url:
        asyncio.run(load_folder(settings, url, SAMPLE_KNOWLEDGE))
        return asyncio.run(_run(settings, url, tickets[:: _SAMPLED if is_quick else 1]))


async def _run(settings: Settings, url: str, tickets: "Sequence[Ticket]") -> "list[TicketResult]":
    from agent.assemble import build_agent
    from agent.evaluation.suite import run_suite

    with show_progress() as progress:
        task = progress.add_task("Loading the agent", total=len(tickets))
        async with (
            open_pool(url, application="nightdesk eval", max_size=8) as pool,
            aclosing(await build_agent(settings, pool)) as agent,
        ):
            if agent.intents is not None:
                progress.update(task, description="Learning what customers want")
                await agent.intents.train_if_missing()
            progress.update(task, description="Running tickets")
            return await run_suite(agent, tickets, on_done=lambda: progress.advance(task))


def print_results(evaluation: Evaluation, results: "Sequence[TicketResult]", *, shows_wrong: bool) -> None:
    """The table by tag and, if asked for, what went wrong."""
    from agent.evaluation.suite_measures import measure_by_tag

    by_tag = Table("Tag", title="Our own tickets by tag and channel", title_justify="left", box=None)
    for heading in ("Tickets", "Without fault", "Answered"):
        by_tag.add_column(heading, justify="right")
    for tag, (count, faultless, answered) in measure_by_tag(results).items():
        by_tag.add_row(tag, str(count), f"{faultless:.1%}", f"{answered:.1%}")
    evaluation.console.print(by_tag)
    if shows_wrong:
        evaluation.console.print(_list_wrong(results))


def _list_wrong(results: "Sequence[TicketResult]") -> Table:
    from agent.evaluation.suite_measures import explain_fault

    table = Table("Ticket", "Fault", "Text", title="Handled wrongly", title_justify="left", box=None)
    for result in results:
        fault = explain_fault(result)
        if fault is not None:
            # Whoever reads the held-out texts beside their faults begins to tune on them.
            said = "\n".join(result.ticket.waiting) if result.ticket.split == "tune" else "(held out)"
            table.add_row(result.ticket.id, fault, Text(said))
    return table
