"""Readiness: a process that cannot do its work says why, gets no traffic, and becomes ready by itself."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from api import desk as api_desk
from core.settings import Settings
from core.version import VERSION
from database import readiness
from database.init_db import init_db
from database.migrate import migrate, read_migrations
from database.pool import connect, open_pool
from database.readiness import Readiness
from tests.api.service import FORM, Service, expect_problem, issue_key, open_service, submit
from tests.outages.server import proxied


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every probe asks anew."""
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0.0)


@pytest.fixture
async def early(settings: Settings, empty_url: str) -> AsyncIterator[Service]:
    """An application that was started before the migration."""
    async with open_service(settings, empty_url) as opened:
        yield opened


async def probe(client: httpx.AsyncClient) -> tuple[int, str]:
    """Status code and what it says."""
    response = await client.get("/health/ready")
    answer = response.json()
    assert answer.keys() == {"status", "version"}
    assert answer["version"] == VERSION
    return response.status_code, answer["status"]


async def test_a_process_with_its_database_and_schema_is_ready(client: httpx.AsyncClient) -> None:
    assert await probe(client) == (200, "ready")


async def test_without_a_database_a_process_lives_and_is_not_ready(settings: Settings) -> None:
    async with open_service(settings, "postgresql://nobody@127.0.0.1:1/nowhere") as cut_off:
        assert await probe(cut_off.client) == (503, "no_database")
        assert (await cut_off.client.get("/health")).status_code == 200


async def test_a_database_that_says_nothing_is_given_up_on(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.1)
    async with proxied(database_url) as proxy, open_service(settings, proxy.url) as service:
        assert await probe(service.client) == (200, "ready")
        proxy.hold()
        assert await probe(service.client) == (503, "no_database")
        proxy.let_go()
        async with asyncio.timeout(60):
            while await probe(service.client) != (200, "ready"):
                pass


async def test_a_process_that_was_started_before_the_migration_becomes_ready_with_it(
    early: Service, empty_url: str
) -> None:
    assert await probe(early.client) == (503, "old_schema")
    expect_problem(await early.client.post("/support/submit", json=FORM), 503)
    await init_db(empty_url)
    assert await probe(early.client) == (200, "ready")
    await submit(early.client)


async def test_one_missing_migration_is_enough(early: Service, empty_url: str) -> None:
    conn = await connect(empty_url, application="test")
    await migrate(conn, read_migrations()[:-1])
    assert await probe(early.client) == (503, "old_schema")
    await conn.close()


async def test_a_newer_schema_is_fine_as_in_the_middle_of_a_deploy(settings: Settings, database_url: str) -> None:
    conn = await connect(database_url, application="test")
    await conn.execute("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_future.sql', '')")
    await conn.close()
    async with open_service(settings, database_url) as service:
        assert await probe(service.client) == (200, "ready")


async def test_a_process_that_stops_is_not_ready_from_the_same_moment(fresh: Service) -> None:
    fresh.desk.stopping.set()
    assert await probe(fresh.client) == (503, "stopping")


async def test_many_probes_are_one_question(fresh: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 1.0)
    now = 0.0
    asked = Readiness(fresh.desk.pool, monotonic=lambda: now)
    assert set(await asyncio.gather(*(asked.read() for _ in range(20)))) == {"ready"}
    await fresh.desk.pool.close()
    now = 0.9
    assert await asked.read() == "ready", "nobody asked the database, which is away by now"
    now = 1.0
    assert await asked.read() == "no_database"


async def test_a_process_whose_connections_are_all_at_work_stays_what_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.05)
    async with open_pool(database_url, application="test", max_size=1) as pool:
        asked = Readiness(pool)
        async with pool.acquire():
            assert await asked.read() == "no_database", "nothing is known of it yet"
        monkeypatch.setattr(readiness, "ANSWER_SECONDS", 20.0)
        assert await asked.read() == "ready"
        monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.05)
        async with pool.acquire():
            assert await asked.read() == "ready"


async def test_a_bug_is_not_taken_for_a_missing_migration(fresh: Service) -> None:
    async with fresh.pool.acquire() as conn:
        await conn.execute("ALTER TABLE ticket_days RENAME TO lost")
    expect_problem(await fresh.client.post("/support/submit", json=FORM), 500)


async def test_live_streams_end_at_the_stop_so_that_clients_connect_elsewhere(live: Service) -> None:
    accepted = await submit(live.client)
    key = await issue_key(live.pool, "tickets:read")
    ticket = live.client.stream(
        "GET", f"/support/ticket/{accepted['ticket_ref']}/events", params={"token": accepted["ticket_token"]}
    )
    staff = live.client.stream("GET", "/events", headers={"X-API-Key": key})
    async with asyncio.timeout(60), ticket as followed, staff as watched:
        lines = followed.aiter_lines()
        while "data: " not in await anext(lines):
            pass
        live.desk.stopping.set()
        assert not [line async for line in lines if line.startswith("data: ")]
        assert [line async for line in watched.aiter_lines()], "what it had said before"


async def test_who_waits_for_an_agent_is_told_at_the_stop_to_ask_again(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_desk, "LAST_SECONDS", 0.0)
    accepted = await submit(fresh.client)
    key = await issue_key(fresh.pool, "admin")
    url = f"/tickets/{accepted['ticket_ref']}/resolve"
    waiting = asyncio.ensure_future(fresh.client.post(url, json={"timeout_seconds": 30}, headers={"X-API-Key": key}))
    async with asyncio.timeout(20):  # less than it would wait
        while not fresh.desk.feed._followers:  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)
        fresh.desk.stopping.set()
        response = await waiting
    assert response.status_code == 202
    assert response.headers["retry-after"] == "2"
