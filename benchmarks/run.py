"""Runs what was chosen: the desk into `backbone.json`, the others into files of their own names."""

import asyncio
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.agent.run import run_agent_benchmark
from benchmarks.desk import Site, learn_intents, open_site
from benchmarks.mail import measure_mail
from benchmarks.metrics import run_metrics_benchmark
from benchmarks.pipeline import measure_pipeline
from benchmarks.processes import BenchmarkError
from benchmarks.queue.run import run_queue_benchmark
from benchmarks.reply import measure_reply
from benchmarks.results import Row, describe_machine, print_results, write_results
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.submit import measure_submit
from benchmarks.webhooks import measure_webhooks

# In this order on one database: nobody takes the messages that submit leaves behind.
MEASURES: dict[str, Callable[[Site, Scale, Progress], list[Row]]] = {
    "reply": measure_reply,
    "pipeline": measure_pipeline,
    "submit": measure_submit,
    "webhooks": measure_webhooks,
    "mail": measure_mail,
}
# Those with a database and a file of their own.
RUNS: dict[str, Callable[..., None]] = {
    "queue": run_queue_benchmark,
    "agent": run_agent_benchmark,
    "metrics": run_metrics_benchmark,
}
NAMES = (*MEASURES, *RUNS)
_NEED_KNOWLEDGE = {"reply", "pipeline"}


def run_benchmarks(names: set[str], *, is_quick: bool) -> int:
    """Run the chosen measures; 0 also where a target is missed, because other machines have other times."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    console = Console()
    try:
        if names - RUNS.keys():
            _measure_desk(console, names - RUNS.keys(), is_quick=is_quick)
        for name, run in RUNS.items():
            if name in names:
                run(console, is_quick=is_quick)
    except BenchmarkError as error:
        console.print(f"[red]error:[/] {escape(str(error))}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; what was not complete was not written.")
        return 130
    return 0


def _measure_desk(console: Console, names: set[str], *, is_quick: bool) -> None:
    """Start a desk, measure, stop the desk, and show."""
    rows: list[Row] = []
    load = os.getloadavg()[0]
    console.print("Starting a database of its own and loading the sample knowledge …")
    with open_site(with_knowledge=bool(names & _NEED_KNOWLEDGE)) as site:
        machine = describe_machine(site.postgres, load)
        if names & _NEED_KNOWLEDGE:
            console.print("Learning what customers want …")
            asyncio.run(learn_intents(site))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # Few refreshes: drawing costs CPU, which the desk under measurement needs.
        with Progress(*columns, console=console, transient=True, refresh_per_second=2) as progress:
            for name, run in MEASURES.items():
                if name in names:
                    rows += run(site, QUICK if is_quick else FULL, progress)
    print_results(console, machine, rows)
    console.print(f"Written to {write_results(machine, rows, is_quick=is_quick)}", highlight=False)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second Ctrl-C while stopping must not leave children behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
