"""Real processes told to stop while something hangs: they end by themselves, in order, and lose nothing.

One that would hang for ever fails these tests by their time-out.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from core.stopping import TERMINATED
from database import queue
from database.pool import DbPool, connect, open_pool
from tests.acceptance.processes import SECRET_KEY, find_free_port
from tests.api.service import FORM, issue_key
from tests.cli.command import ROOT, make_environment
from tests.database.builders import make_message, make_request
from tests.emulators.openai.script import Hang
from tests.emulators.openai.server import serve_openai
from tests.outages.server import Proxy

END_SECONDS = 100


@asynccontextmanager
async def run(*arguments: str, database_url: str, **variables: str) -> AsyncIterator[Process]:
    """A process of ours; killed at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=make_environment(database_url, {"SECRET_KEY": SECRET_KEY, "LOG_FORMAT": "json", **variables}),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def end(process: Process) -> list[str]:
    """Wait for the end; what its log has said."""
    async with asyncio.timeout(END_SECONDS):
        _, errors = await process.communicate()
    return [json.loads(line)["event"] for line in errors.decode().splitlines() if line.startswith("{")]


@pytest.fixture
async def pool(url: str) -> AsyncIterator[DbPool]:
    """The test's own way to the database."""
    async with open_pool(url, application="test", max_size=2) as opened:
        yield opened


async def wait_until(pool: DbPool, sql: str) -> None:
    async with asyncio.timeout(END_SECONDS):
        while not await pool.fetchval(sql):
            pass


async def begin_turn(pool: DbPool) -> None:
    """A customer writes, and the model is asked."""
    async with pool.acquire() as conn:
        await queue.publish(conn, make_message("TF-1", ticket=make_request("TF-1")))
    await wait_until(pool, "SELECT count(*) = 1 FROM workers WHERE in_flight = 1")


async def test_a_worker_whose_model_hangs_gives_its_turn_back_and_ends(url: str, pool: DbPool, tmp_path: Path) -> None:
    async with (
        serve_openai(Hang()) as model,
        run(
            "-m",
            "tests.outages.hurried",
            "worker",
            database_url=url,
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=model.url,
            EMBEDDING_MODEL_DIR=str(tmp_path),
            WORKER_LEASE_SECONDS="5",
        ) as worker,
    ):
        await begin_turn(pool)
        worker.send_signal(signal.SIGTERM)
        events = await end(worker)
        assert worker.returncode == 0
    assert events.index("worker ready") < events.index("worker stopping")
    thread = await pool.fetchrow("SELECT lease_token, attempts, ready_at <= now() AS is_ready FROM queue_threads")
    assert thread is not None
    assert tuple(thread) == (None, 0, True), "given back at once, and not counted"
    assert await pool.fetchval("SELECT count(*) FROM workers") == 0, "it has signed off"


async def test_a_worker_whose_database_and_model_hang_ends_all_the_same(
    url: str, proxy: Proxy, pool: DbPool, tmp_path: Path
) -> None:
    async with (
        serve_openai(Hang()) as model,
        run(
            "-m",
            "tests.outages.hurried",
            "worker",
            database_url=proxy.url,
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=model.url,
            EMBEDDING_MODEL_DIR=str(tmp_path),
        ) as worker,
    ):
        await begin_turn(pool)
        proxy.hold()
        worker.send_signal(signal.SIGTERM)
        events = await end(worker)
        assert worker.returncode in {0, 1}, "by itself, and not by a signal"
    assert events.index("worker ready") < events.index("worker stopping")
    thread = await pool.fetchrow(
        "SELECT done_seq < last_seq AS waits, lease_token IS NOT NULL AS held FROM queue_threads"
    )
    assert thread is not None
    assert tuple(thread) == (True, True), "it is claimed again when its lease ends"


async def test_a_web_process_ends_its_streams_lets_requests_finish_and_ends_well(url: str, pool: DbPool) -> None:
    port = find_free_port()
    async with (
        run("-m", "tests.outages.hurried", "api", database_url=url, API_PORT=str(port)) as api,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=END_SECONDS) as client,
    ):
        await wait_until_ready(client)
        accepted = (await client.post("/support/submit", json=FORM)).json()
        ticket = f"/support/ticket/{accepted['ticket_ref']}/events?token={accepted['ticket_token']}"
        key = {"X-API-Key": await issue_key(pool, "tickets:write", "tickets:read")}
        async with client.stream("GET", ticket) as stream:
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith("data: "):
                pass
            waiting = asyncio.ensure_future(
                client.post(f"/tickets/{accepted['ticket_ref']}/resolve", json={"timeout_seconds": 1}, headers=key)
            )
            await wait_until(pool, "SELECT count(*) > 0 FROM pg_stat_activity WHERE query ILIKE '%done_seq%'")
            api.send_signal(signal.SIGTERM)
            assert not [line async for line in lines if line.startswith("data: ")]
        assert (await waiting).status_code == 202
        events = await end(api)
        assert api.returncode == 0
    assert "not everything could be ended in time, leaving it" not in events


async def wait_until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(END_SECONDS):
        while True:
            try:
                if (await client.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)  # another process starts; there is no event of it to wait for


MIGRATING = """
import asyncio, os
from core.stopping import run_until_terminated
from database.migrate import Migration, migrate, read_migrations
from database.pool import connect

async def work():
    conn = await connect(os.environ["DATABASE_URL"], application="nightdesk migrate")
    slow = Migration(9999, "9999_slow.sql", "CREATE TABLE half (); SELECT pg_sleep(600)")
    await migrate(conn, [*read_migrations(), slow])

asyncio.run(run_until_terminated(work()))
"""


async def test_a_migration_that_is_told_to_stop_leaves_nothing_behind(url: str) -> None:
    conn = await connect(url, application="test")
    async with run("-c", MIGRATING, database_url=url) as migrating:
        async with asyncio.timeout(END_SECONDS):
            while not await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"):
                pass
        migrating.send_signal(signal.SIGTERM)
        await end(migrating)
        assert migrating.returncode == TERMINATED
    async with asyncio.timeout(END_SECONDS):
        while await conn.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nightdesk migrate'"):
            pass
    assert await conn.fetchval("SELECT to_regclass('half')") is None
    await conn.close()
