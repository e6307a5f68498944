"""The probe: one message through the real pipeline, and how long each stage took."""

import asyncio

import pytest

from core.ids import new_id
from database.notify import TICKET_CHANNEL
from database.queries import runs
from database.types import Citation
from tests.api.service import Service, expect_problem, issue_key, name_fields
from tests.api.turns import answer, deliver, take_turn, woken
from tests.database.builders import make_run

CITATION = Citation(number=1, passage_id=new_id(), source="reset.md", title="Reset a password", excerpt="Choose…")


@pytest.fixture
async def admin(fresh: Service) -> dict[str, str]:
    """The headers of an administrator."""
    return {"X-API-Key": await issue_key(fresh.pool, "admin")}


async def answer_probe(service: Service) -> None:
    """Do with the probe what a worker does."""
    async with service.pool.acquire() as conn:
        ref = await conn.fetchval("SELECT contact FROM queue_threads WHERE inbox = 'probe'")
    turn = await take_turn(service.pool, ref)
    async with service.pool.acquire() as conn:
        await runs.add_run(
            conn,
            make_run(turn.conversation_id, stages={"queue": 1.0, "resolve": 2.0, "agent": 3.0}),
        )
    await answer(service.pool, turn, "Choose “Forgot password” [1].", [CITATION])
    await deliver(service.pool, turn)
    async with service.pool.acquire() as conn:
        await conn.execute("SELECT pg_notify($1, $2)", TICKET_CHANNEL, ref)


async def test_a_probe_reports_the_reply_and_the_time_of_every_stage(
    fresh: Service, database_url: str, admin: dict[str, str]
) -> None:
    async with woken(database_url) as event, asyncio.timeout(60):
        probing = asyncio.ensure_future(fresh.client.post("/test/queue", headers=admin))
        await event.wait()
        await answer_probe(fresh)
        response = await probing
    assert response.status_code == 200
    report = response.json()
    assert report["ticket_ref"].startswith("PROBE-")
    assert (report["outcome"], report["brain"]) == ("answered", "offline")
    assert report["reply"] == "Choose “Forgot password” [1]."
    assert report["citations"] == ["Reset a password"]
    stages = report["stages_ms"]
    assert set(stages) == {"publish", "queue", "resolve", "agent", "deliver", "total"}
    assert stages["total"] >= stages["publish"] > 0
    assert stages["deliver"] >= 0


async def test_a_probe_asks_what_it_is_given(fresh: Service, database_url: str, admin: dict[str, str]) -> None:
    async with woken(database_url) as event, asyncio.timeout(60):
        body = {"message": "Do you ship to Oslo?"}
        probing = asyncio.ensure_future(fresh.client.post("/test/queue", json=body, headers=admin))
        await event.wait()
        async with fresh.pool.acquire() as conn:
            assert await conn.fetchval("SELECT payload ->> 'text' FROM message_queue") == "Do you ship to Oslo?"
        await answer_probe(fresh)
        assert (await probing).status_code == 200


async def test_a_probe_that_nobody_answers_says_so_in_time(fresh: Service, admin: dict[str, str]) -> None:
    response = await fresh.client.post("/test/queue", json={"timeout_seconds": 0.05}, headers=admin)
    assert "worker" in expect_problem(response, 504)["detail"]


async def test_a_probe_is_no_ticket_of_a_customer(fresh: Service, admin: dict[str, str]) -> None:
    await fresh.client.post("/test/queue", json={"timeout_seconds": 0.05}, headers=admin)
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT inbox FROM message_queue") == "probe"
        assert await conn.fetchval("SELECT count(*) FROM ticket_days") == 0, "the probe took a customer's number"


async def test_a_refused_probe_pushes_nothing(fresh: Service) -> None:
    key = await issue_key(fresh.pool, "customers:read")
    expect_problem(await fresh.client.post("/test/queue", headers={"X-API-Key": key}), 403)
    expect_problem(await fresh.client.post("/test/queue"), 401)
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM queue_threads") == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "60.1", "1e999", "NaN", '"soon"', "null"])
async def test_a_probe_waits_only_as_long_as_is_sensible(service: Service, seconds: str) -> None:
    key = await issue_key(service.pool, "admin")
    response = await service.client.post(
        "/test/queue",
        content=f'{{"timeout_seconds": {seconds}}}',
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )
    assert name_fields(expect_problem(response, 422)) == {"timeout_seconds"}
