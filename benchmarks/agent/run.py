"""The whole run: a desk with its sample knowledge and a large library beside it, measured and thrown away."""

import asyncio
import os
from contextlib import aclosing

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agent.assemble import build_agent
from agent.knowledge.embedder import Embedders
from agent.knowledge.load import load_embedder
from benchmarks.agent.decision import measure_decisions
from benchmarks.agent.intents import measure_classifying, train
from benchmarks.agent.library import fill_library
from benchmarks.agent.scale import FULL, QUICK, AgentScale
from benchmarks.agent.search import measure_search
from benchmarks.desk import Site, open_site
from benchmarks.processes import BenchmarkError
from benchmarks.results import RESULTS_FILE, Row, describe_machine, print_results, write_results
from database.pool import open_pool

AGENT_FILE = RESULTS_FILE.with_name("agent.json")


def run_agent_benchmark(console: Console, *, is_quick: bool) -> None:
    """Measure, print and write. A missed goal only shows."""
    load = os.getloadavg()[0]
    console.print("Starting a database of its own and loading the sample knowledge …")
    with open_site(with_knowledge=True) as site:
        machine = describe_machine(site.postgres, load)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        # Few refreshes: drawing costs CPU, which what is measured needs.
        with Progress(*columns, console=console, refresh_per_second=1) as progress:
            rows = asyncio.run(_measure(site, QUICK if is_quick else FULL, progress))
    print_results(console, machine, rows)
    written = write_results(machine, rows, is_quick=is_quick, file=AGENT_FILE)
    console.print(f"Written to {written}", highlight=False)


async def _measure(site: Site, scale: AgentScale, progress: Progress) -> list[Row]:
    embedder = load_embedder(site.settings.embedding)
    if embedder is None:
        raise BenchmarkError("the embedding model is not installed, and without it there is no search by meaning")
    await fill_library(site.url, embedder, scale.passages, progress)
    async with (
        open_pool(site.url, application="benchmark", max_size=4, statement_timeout_seconds=300) as pool,
        aclosing(await build_agent(site.settings, pool, Embedders(embedder))) as agent,
    ):
        intents = agent.intents
        assert intents is not None, "build_agent always gives one"
        return [
            *await train(intents, progress),
            *measure_classifying(intents, embedder, scale),
            *await measure_search(pool, embedder, scale, progress),
            *await measure_decisions(agent, embedder, scale, progress),
        ]
