"""The worker's process: what ends it, and how whoever supervises it is told."""

import asyncio

import pytest

from core.settings import Settings
from tests.workers.stubs import StubAgent
from workers import process
from workers.heartbeat import Heartbeat
from workers.process import WorkerBroken, run_worker


async def test_a_worker_that_has_lost_its_heartbeat_stops_and_says_that_it_is_broken(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build_agent(*_arguments: object) -> StubAgent:
        return StubAgent()

    async def die(_heartbeat: Heartbeat) -> None:
        raise ValueError("no more")

    monkeypatch.setattr(process, "build_agent", build_agent)
    monkeypatch.setattr(Heartbeat, "run", die)
    async with asyncio.timeout(60):
        with pytest.raises(WorkerBroken):
            await run_worker(settings, database_url, asyncio.Event())
