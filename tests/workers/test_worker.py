"""The whole worker: from a published message to a sent reply, and a stop that strands nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from core.settings import Settings, WorkerSettings
from database import queue
from database.notify import Notifier
from database.pool import DbPool, open_pool
from tests.database.builders import make_message, make_request
from tests.workers.stubs import Desk, StubAgent, Thinking, fail_to_think
from workers.ending import STOP_BUDGET, StopBudget
from workers.worker import Worker

NEVER = 3600.0


class RunningWorker:
    """A worker with a stub agent, and the switch that stops it."""

    def __init__(self, pool: DbPool, url: str) -> None:
        self.agent = StubAgent()
        self._pool = pool
        self._url = url
        self.worker = self._build_worker(STOP_BUDGET)
        self.stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def _build_worker(self, budget: StopBudget) -> Worker:
        settings = Settings.model_construct(worker=WorkerSettings(concurrency=4, poll_seconds=NEVER))
        notifier = Notifier(self._url)
        return Worker(settings, self._url, self._pool, self.agent.as_agent, notifier, budget=budget)

    def allow_turns_no_time(self) -> None:
        """Every turn under way at the stop is late."""
        self.worker = self._build_worker(replace(STOP_BUDGET, turns=0.0))

    def start(self) -> None:
        self._task = asyncio.ensure_future(self.worker.run(self.stop))

    async def finish(self) -> None:
        self.stop.set()
        if self._task is not None:
            async with asyncio.timeout(60):
                await self._task


@pytest.fixture
async def running(pool: DbPool, database_url: str) -> AsyncIterator[RunningWorker]:
    running = RunningWorker(pool, database_url)
    yield running
    await running.finish()


async def wait_until(desk: Desk, sql: str, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await desk.fetch_value(sql):
            pass


async def test_a_message_that_waits_at_the_start_is_answered_and_its_reply_sent(
    desk: Desk, running: RunningWorker
) -> None:
    await desk.submit()
    running.start()
    await wait_until(desk, "SELECT count(*) = 1 FROM outbox WHERE state = 'sent'")
    assert await desk.read_status() == "auto_resolved"


async def test_a_wake_up_finds_a_message_without_waiting_for_the_poll(desk: Desk, running: RunningWorker) -> None:
    running.start()
    await desk.submit()
    running.worker.turns.wake()
    await wait_until(desk, "SELECT count(*) = 1 FROM outbox WHERE state = 'sent'")


async def test_a_turn_under_way_at_the_stop_finishes_and_its_reply_still_goes_out(
    desk: Desk, running: RunningWorker
) -> None:
    running.agent.think = thinking = Thinking()
    await desk.submit()
    running.start()
    await thinking.begun.wait()
    running.stop.set()
    thinking.may_end.set()
    await running.finish()
    assert await desk.fetch_value("SELECT array_agg(state) FROM outbox") == ["sent"]


async def test_a_turn_that_does_not_finish_in_time_is_given_back_at_the_stop(
    desk: Desk, running: RunningWorker
) -> None:
    running.allow_turns_no_time()
    running.agent.think = thinking = Thinking()
    thread_id = await desk.submit()
    running.start()
    await thinking.begun.wait()
    await running.finish()
    thread = await desk.read_thread(thread_id)
    assert (thread["lease_token"], thread["attempts"]) == (None, 0)
    assert thread["delay"] <= 0


async def test_a_thread_whose_claim_was_under_way_at_the_stop_is_given_back_too(
    desk: Desk, running: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.allow_turns_no_time()
    real_claim: Callable[..., Any] = queue.claim
    claimed, may_return = asyncio.Event(), asyncio.Event()

    async def claim_slowly(*arguments: Any, **values: Any) -> Any:  # passed on as they are
        leases = await real_claim(*arguments, **values)
        claimed.set()
        await may_return.wait()
        return leases

    monkeypatch.setattr(queue, "claim", claim_slowly)
    running.agent.think = thinking = Thinking()
    thread_id = await desk.submit()
    running.start()
    await claimed.wait()
    running.stop.set()
    await desk.fetch_value("SELECT 1")  # the worker has seen the stop by now
    may_return.set()
    await running.finish()
    try:
        thread = await desk.read_thread(thread_id)
        assert (thread["lease_token"], thread["attempts"]) == (None, 0)
        assert running.worker.turns.in_flight == 0
    finally:
        thinking.may_end.set()
        await running.worker.turns.drain(10)


async def test_a_message_that_cannot_be_read_does_not_stop_the_desk_for_everybody_else(
    desk: Desk, running: RunningWorker
) -> None:
    await desk.submit("poison", "TF-1")
    await desk.execute("""UPDATE message_queue SET payload = '{"from": "a newer version"}'""")
    await desk.execute("UPDATE queue_threads SET ready_at = now() - interval '1 minute'")
    await desk.submit("a good question", "TF-2")
    running.start()
    await wait_until(desk, "SELECT count(*) = 2 FROM outbox WHERE state = 'sent'")
    assert [turn.messages for turn in running.agent.turns] == [("a good question",)]


async def test_a_quiet_period_that_ends_is_noticed_without_a_wake_up_or_a_poll(
    desk: Desk, running: RunningWorker
) -> None:
    running.start()
    await desk.publish(make_message("+49170", channel="whatsapp", inbox="ask"))
    running.worker.turns.wake()
    await wait_until(desk, "SELECT count(*) = 1 FROM outbox WHERE state = 'sent'")


async def test_a_retry_that_becomes_due_is_noticed_without_a_wake_up_or_a_poll(
    desk: Desk, running: RunningWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.turn._jitter", lambda: 0.0)
    running.agent.think = fail_to_think
    await desk.submit()
    running.start()
    await wait_until(desk, "SELECT count(*) = 2 FROM queue_failures")


async def test_one_worker_holds_hundreds_of_turns_in_flight_on_a_handful_of_connections(
    desk: Desk, database_url: str
) -> None:
    agent = StubAgent()
    agent.think = thinking = Thinking()
    async with open_pool(database_url, application="test", max_size=4) as pool:
        settings = Settings.model_construct(worker=WorkerSettings(concurrency=300, poll_seconds=NEVER))
        worker, stop = Worker(settings, database_url, pool, agent.as_agent, Notifier(database_url)), asyncio.Event()
        async with pool.acquire() as conn:
            tickets = [f"TF-{number}" for number in range(350)]
            await queue.publish_many(conn, [make_message(ref, ticket=make_request(ref)) for ref in tickets])
        running = asyncio.ensure_future(worker.run(stop))
        async with asyncio.timeout(30):
            while len(agent.turns) < 300:  # noqa: ASYNC110  # three hundred turns, three hundred events
                await asyncio.sleep(0.01)
        assert worker.turns.in_flight == 300
        assert await desk.fetch_value("SELECT count(*) FROM queue_threads WHERE lease_token IS NOT NULL") == 300
        thinking.may_end.set()
        await wait_until(desk, "SELECT count(*) = 350 FROM outbox WHERE state = 'sent'", seconds=30)
        stop.set()
        await running
