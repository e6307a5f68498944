"""How many forms a second one API process takes, beside the same stack doing nothing and the database alone."""

import asyncio
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress

from benchmarks import noop
from benchmarks.desk import Site, run_api
from benchmarks.pgbench import create_table, find_pgbench, run_inserts, write_script
from benchmarks.processes import BenchmarkError, find_free_port, run_module, wait_for_answer
from benchmarks.results import Row
from benchmarks.scale import Scale

Load = dict[str, float]
_ROOT = Path(__file__).parents[1]


def measure_submit(site: Site, scale: Scale, progress: Progress) -> list[Row]:
    """Rounds that alternate between the three, so that a noisy minute of the machine hits all of them."""
    pgbench, script = find_pgbench(), site.directory / "insert.sql"
    if pgbench is None:
        progress.console.print("[bold red]pgbench was not found: the bare INSERT is not measured.[/]")
    asyncio.run(create_table(site.url))
    write_script(script)
    noops: list[Load] = []
    submits: list[Load] = []
    inserts: list[float] = []
    task = progress.add_task("Submit, no-op and INSERT", total=scale.rounds)
    with run_api(site) as (port, api), run_noop(site) as (noop_port, noop_process):
        for _ in range(scale.rounds):
            noops.append(load_server(site, noop_port, noop.PATH, noop_process, scale))
            submits.append(load_server(site, port, "/support/submit", api, scale))
            if pgbench is not None:
                inserts.append(
                    run_inserts(pgbench, site.url, script, clients=scale.submit_clients, seconds=scale.round_seconds)
                )
            progress.advance(task)
    return _summarise(scale, noops, submits, inserts)


@contextmanager
def run_noop(site: Site) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The same stack with routes that do nothing; yields its port once it answers."""
    port = find_free_port()
    with run_module(["benchmarks.noop", str(port)], directory=site.directory) as process:
        wait_for_answer(f"http://127.0.0.1:{port}/health", process)
        yield port, process


def load_server(
    site: Site, port: int, path: str, server: subprocess.Popen[bytes], scale: Scale, *, sender: str = "form"
) -> Load:
    """What one server takes in one round: the answer of `benchmarks.load`, whose `sender` fills the requests."""
    arguments = [
        str(port),
        path,
        str(server.pid),
        str(scale.submit_clients),
        str(scale.round_seconds),
        sender,
        str(site.directory),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    result: Load = json.loads(done.stdout)
    if result["failed"] or not result["per_second"]:
        raise BenchmarkError(f"{path}: not every request was accepted: {result}{done.stderr[-1000:]}")
    return result


def _summarise(scale: Scale, noops: list[Load], submits: list[Load], inserts: list[float]) -> list[Row]:
    params = {"clients": scale.submit_clients, "rounds": scale.rounds, "seconds": scale.round_seconds}
    noop_rate, submit_rate = median_of(noops, "per_second"), median_of(submits, "per_second")
    rows = [
        Row("noop_rate", noop_rate, "requests/s", {**params, **describe_cores(noops)}),
        Row("submit_rate", submit_rate, "requests/s", {**params, **describe_cores(submits)}),
        Row("submit_of_noop", submit_rate / noop_rate, "", {"medians of": scale.rounds}),
    ]
    if inserts:
        insert_rate = statistics.median(inserts)
        rows += [
            Row("insert_rate", insert_rate, "rows/s", {**params, "by": "pgbench"}),
            Row("submit_of_insert", submit_rate / insert_rate, "", {"medians of": scale.rounds}),
        ]
    return rows


def describe_cores(loads: list[Load]) -> dict[str, float]:
    """How busy the server was, what a request cost it, and that the generator had room left."""
    busy = {name: round(median_of(loads, name), 2) for name in ("server_cores", "generator_cores")}
    return {**busy, "server_ms": round(median_of(loads, "server_cores") / median_of(loads, "per_second") * 1000, 3)}


def median_of(loads: list[Load], name: str) -> float:
    """The median of one figure over the rounds."""
    return statistics.median(load[name] for load in loads)
