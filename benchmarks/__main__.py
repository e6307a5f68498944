"""`python -m benchmarks [reply] [pipeline] [submit] [--quick]`: measure, print, write `.data/results/backbone.json`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.desk import Site, open_site
from benchmarks.pipeline import measure_pipeline
from benchmarks.processes import BenchmarkError
from benchmarks.reply import measure_reply
from benchmarks.results import Row, describe_machine, print_results, write_results
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.submit import measure_submit

# In this order on one database: nobody takes the messages that submit leaves behind.
MEASURES: dict[str, Callable[[Site, Scale, Progress], list[Row]]] = {
    "reply": measure_reply,
    "pipeline": measure_pipeline,
    "submit": measure_submit,
}
_NEED_KNOWLEDGE = {"reply", "pipeline"}


def main() -> int:
    """Run the chosen measures; 0 also where a target is missed, because other machines have other times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the desk on this machine.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(MEASURES)}; all of them by default")
    parser.add_argument("--quick", action="store_true", help="a look of less than a minute instead of a result")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(MEASURES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; expected {', '.join(MEASURES)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    console = Console()
    try:
        measure(console, set(arguments.names or MEASURES), is_quick=arguments.quick)
    except BenchmarkError as error:
        console.print(f"[red]error:[/] {error}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    return 0


def measure(console: Console, names: set[str], *, is_quick: bool) -> None:
    """Start a desk, measure, stop the desk, and show."""
    rows: list[Row] = []
    load = os.getloadavg()[0]
    console.print("Starting a database of its own and loading the sample knowledge …")
    with open_site(with_knowledge=bool(names & _NEED_KNOWLEDGE)) as site:
        machine = describe_machine(site.postgres, load)
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


if __name__ == "__main__":
    sys.exit(main())
