"""The desk that is measured: a fresh embedded database with the sample knowledge, a real API, a real worker."""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.assemble import build_agent
from benchmarks.processes import find_free_port, run_module, wait_for_answer
from cli.kb import load_folder
from cli.up import SAMPLE_KNOWLEDGE
from core.logging import configure_logging
from core.settings import LogSettings, Settings
from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import connect, open_pool

SECRET_KEY = "benchmark-" + "k" * 32


@dataclass(frozen=True, slots=True)
class Site:
    """Where the desk is: the URL of its database, and the folder for everything it writes."""

    url: str
    directory: Path
    postgres: str

    @property
    def settings(self) -> Settings:
        """The defaults, out of reach of this shell's environment: the offline brain in any case."""
        return Settings.model_construct(data_dir=self.directory)


@contextmanager
def open_site(*, with_knowledge: bool) -> Iterator[Site]:
    """An embedded server in a temporary folder with the settings every desk gets, migrated and filled."""
    configure_logging(LogSettings(level="WARNING"), process="benchmarks")
    with tempfile.TemporaryDirectory(prefix="nightdesk-bench-") as folder:
        directory = Path(folder)
        with run_embedded(directory / "postgres") as url:
            asyncio.run(init_db(url))
            site = Site(url, directory, asyncio.run(read_version(url)))
            if with_knowledge:
                asyncio.run(load_folder(site.settings, url, SAMPLE_KNOWLEDGE))
            yield site


async def learn_intents(site: Site) -> None:
    """Train the classifier, as a desk's first worker does once: measured beside the replies it would slow them."""
    async with (
        open_pool(site.url, application="benchmark", max_size=4) as pool,
        aclosing(await build_agent(site.settings, pool)) as agent,
    ):
        if agent.intents is not None:
            await agent.intents.train_if_missing()


@contextmanager
def run_api(site: Site, further: Mapping[str, str] | None = None) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """One API process, with `further` settings; yields its port once it is healthy."""
    port = find_free_port()
    environment = {**_build_environment(site), **(further or {}), "API_PORT": str(port)}
    with run_module(["cli.main", "api"], directory=site.directory, environment=environment) as process:
        wait_for_answer(f"http://127.0.0.1:{port}/health", process)
        yield port, process


@contextmanager
def run_worker(site: Site, port: int) -> Iterator[None]:
    """One worker process with default settings; the block begins once the API has heard of it."""
    with run_module(["cli.main", "worker"], directory=site.directory, environment=_build_environment(site)) as process:
        wait_for_answer(f"http://127.0.0.1:{port}/health/detailed", process, is_ready=_has_worker)
        yield


def _build_environment(site: Site) -> dict[str, str]:
    # The limits are measured too, but never reached: all customers write from this machine.
    limits = {f"RATE_{what}_PER_MINUTE": "100000000" for what in ("FORM", "TICKET", "CALLER", "REFUSED")}
    return {"DATABASE_URL": site.url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(site.directory), **limits}


def _has_worker(body: bytes) -> bool:
    return bool(json.loads(body)["status"] == "ok")


async def read_version(url: str) -> str:
    """The version of the server."""
    conn = await connect(url, application="benchmark")
    try:
        return str(await conn.fetchval("SHOW server_version")).split()[0]
    finally:
        await conn.close()
