"""What a worker says to those who watch over it."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from core.settings import Settings, WorkerSettings
from database import readiness
from database.init_db import init_db
from tests.outages.desk import OpenDesk
from tests.workers.test_metrics import choose_port
from workers.metrics import serve_metrics
from workers.vitals import Vitals


async def probe(port: int, path: str) -> tuple[int, str]:
    """Status code and what it says."""
    return await asyncio.to_thread(read, port, path)


def read(port: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, json.load(answer)["status"]
    except HTTPError as error:
        return error.code, json.load(error)["status"] if error.code != 404 else ""


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Vitals, int]]:
    vitals, port = Vitals(asyncio.get_running_loop()), choose_port()
    async with serve_metrics(vitals, WorkerSettings(metrics_port=port)):
        yield vitals, port


async def test_a_worker_is_ready_while_it_claims_and_its_database_answers() -> None:
    is_beating = True
    async with serving() as (vitals, port):
        assert await probe(port, "/health/ready") == (503, "starting")
        vitals.begin(lambda: is_beating)
        assert await probe(port, "/health/ready") == (200, "ready")
        is_beating = False
        assert await probe(port, "/health/ready") == (503, "no_database")
        assert await probe(port, "/health") == (200, "ok"), "nobody kills it for that"
        is_beating = True
        vitals.end()
        assert await probe(port, "/health/ready") == (503, "stopping")
        assert await probe(port, "/elsewhere") == (404, "")


async def test_a_loop_that_hangs_is_not_alive_and_holds_up_no_other_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.vitals.LOOP_SECONDS", 0.05)
    heard: dict[str, int] = {}

    def ask(port: int) -> None:
        for path in ("/health", "/health/ready"):
            heard[path] = read(port, path)[0]

    async with serving() as (vitals, port):
        vitals.begin(lambda: True)
        asking = threading.Thread(target=ask, args=(port,))
        asking.start()
        asking.join(60)  # this loop stands still meanwhile
        assert heard == {"/health": 503, "/health/ready": 200}
        assert await probe(port, "/health") == (200, "ok")


async def test_a_worker_that_was_started_before_the_migration_begins_with_it(
    settings: Settings, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr("workers.vitals._RECHECK_SECONDS", 0.01)
    port = choose_port()
    async with OpenDesk(settings, empty_url, monkeypatch)(metrics_port=port) as desk:
        await wait_for(port, (503, "old_schema"))
        assert (await desk.submit("early")).status_code == 503
        await init_db(empty_url)
        await wait_for(port, (200, "ready"))
        assert (await desk.submit("later")).status_code == 202
        await desk.expect_each_answered_once(1)


async def wait_for(port: int, expected: tuple[int, str]) -> None:
    async with asyncio.timeout(60):
        while await find(port) != expected:
            pass


async def find(port: int) -> tuple[int, str]:
    try:
        return await probe(port, "/health/ready")
    except OSError:
        return 0, "does not listen yet"
