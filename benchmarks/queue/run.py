"""The whole run: fill databases, start the server anew, measure, judge."""

import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.desk import read_version
from benchmarks.queue.case import Load
from benchmarks.queue.claims import list_cases, measure_claims
from benchmarks.queue.crew import run_crew
from benchmarks.queue.databases import FILL_SETTINGS, fill_databases
from benchmarks.queue.goals import judge
from benchmarks.queue.pickup import measure_pickup
from benchmarks.queue.publishing import measure_publishing
from benchmarks.queue.report import print_report, write_report
from benchmarks.queue.scale import FULL, QUICK, QueueScale
from benchmarks.queue.snapshot import measure_snapshot
from benchmarks.queue.stage import Stage
from benchmarks.queue.systems.base import list_installed, list_missing
from benchmarks.results import describe_machine
from core.logging import configure_logging
from core.settings import LogSettings
from database.embedded import run_embedded


def run_queue_benchmark(console: Console, *, is_quick: bool) -> None:
    """Measure, print and write. A missed goal only shows."""
    configure_logging(LogSettings(level="WARNING"), process="benchmarks")
    scale, started, load = QUICK if is_quick else FULL, time.monotonic(), os.getloadavg()[0]
    systems = list_installed()
    if missing := list_missing():
        console.print(f"[bold red]Not installed and left out: {', '.join(missing)}; `make bench` installs them.[/]")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Few refreshes: drawing costs CPU, which the systems under measurement need.
    with (
        tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder,
        Progress(*columns, console=console, refresh_per_second=1) as progress,
    ):
        data = Path(folder) / "postgres"
        _fill(data, systems, scale, progress)
        with run_embedded(data, is_owner=True) as url, run_crew(Path(folder)) as crew:
            machine = describe_machine(asyncio.run(read_version(url)), load)
            stage = Stage(url, crew, systems, scale, progress)
            for name, measure, until in (
                ("claim and complete", measure_claims, scale.claims_until),
                ("publish", measure_publishing, scale.publish_until),
                ("pickup", measure_pickup, scale.pickup_until),
                ("held snapshot", measure_snapshot, scale.held_until),
            ):
                measure(stage, started + until)
                console.print(f"{time.monotonic() - started:5.0f} s  {name}", highlight=False)
    goals = judge(stage.figures, many=scale.many_waiting)
    print_report(console, machine, stage.figures, goals)
    console.print(f"Written to {write_report(machine, stage.figures, goals, is_quick=is_quick)}", highlight=False)


def _fill(data: Path, systems: Sequence[str], scale: QueueScale, progress: Progress) -> None:
    wanted = {(case.system, case.load) for case in list_cases(scale, systems)}
    wanted |= {(system, Load()) for system in systems}
    task = progress.add_task("Filling databases", total=len(wanted))
    with run_embedded(data, extra_settings=FILL_SETTINGS, is_owner=True) as url:
        asyncio.run(fill_databases(url, wanted, lambda: progress.advance(task)))
    os.sync()  # gigabytes that were not flushed would go to disk during the first rounds, and slow down their commits
