"""A whole desk on the server that fails: the API, and a worker as `nightdesk worker` runs it, with a stub agent."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from agent.context import Turn
from agent.run import TurnResult
from core.settings import DatabaseSettings, Settings, WorkerSettings
from database.pool import DATABASE_ERRORS, DbPool, connect, open_pool
from tests.api.service import FORM, expect_problem, open_service
from tests.workers.stubs import StubAgent, build_answer
from workers import process

# A line for each loop that claims: turns, deliveries, doubts, inboxes, jobs. More are the thousand nobody reads.
FEW = 5
# A request in an outage is answered within this; the machine of the tests may be busy.
SOON_SECONDS = 8.0
SOON_FOR_ALL_SECONDS = 60.0  # for hundreds of requests together: one after the other they would take many minutes


class Thoughts(StubAgent):
    """An agent whose turns wait until the test lets them end."""

    def __init__(self) -> None:
        super().__init__(self._think)
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._changed = asyncio.Event()

    async def aclose(self) -> None:
        """Nothing to close."""

    async def wait_for(self, turns: int) -> None:
        """Until so many turns have begun in all."""
        async with asyncio.timeout(60):
            while len(self.turns) < turns:
                self._changed.clear()
                await self._changed.wait()

    async def _think(self, turn: Turn) -> TurnResult:
        self._changed.set()
        await self.may_end.wait()
        return build_answer(turn)


@dataclass
class Log:
    """What was said meanwhile, by us and by the libraries."""

    entries: list[MutableMapping[str, Any]]
    records: pytest.LogCaptureFixture
    _of_messages: frozenset[str] = frozenset(
        {"message queued", "turn settled", "reply sent", "turn given back at shutdown"}
    )

    def count(self) -> Counter[str]:
        """How often each thing was said, except what each message may say for itself."""
        return Counter(entry["event"] for entry in self.entries if entry["event"] not in self._of_messages)

    async def wait_for(self, event: str) -> None:
        """Until this was said."""
        deadline = time.monotonic() + 60
        while not self.count()[event]:
            assert time.monotonic() < deadline, self.count()
            await asyncio.sleep(0.01)

    def expect_few_lines(self) -> None:
        """Nothing was said again and again, nothing as a bug, and the libraries kept quiet."""
        counts = self.count()
        assert max(counts.values(), default=0) <= FEW, counts
        assert not [entry for entry in self.entries if entry["log_level"] in {"error", "critical"}]
        assert not [record.getMessage() for record in self.records.records if record.levelname != "DEBUG"]


@contextmanager
def listen_to(records: pytest.LogCaptureFixture) -> Iterator[Log]:
    """The log of this block."""
    with records.at_level("WARNING"), capture_logs() as entries:
        yield Log(entries, records)


@dataclass(frozen=True)
class Desk:
    """API and worker, and what the test asks of them."""

    client: httpx.AsyncClient
    agent: Thoughts
    pool: DbPool
    stop: asyncio.Event
    worker: asyncio.Task[None]

    async def submit_many(self, count: int) -> list[httpx.Response]:
        """So many customers at once, each with a key of their own."""
        return await asyncio.gather(*(self.submit(uuid4().hex) for _ in range(count)))

    async def submit(self, key: str) -> httpx.Response:
        """Fill in the form under this key."""
        return await self.client.post("/support/submit", json=FORM, headers={"Idempotency-Key": key})

    async def fetch_value(self, sql: str) -> Any:
        """One value from the database, which must be there."""
        async with self.pool.acquire() as conn:
            return await conn.fetchval(sql)

    async def wait_until(self, sql: str, *, seconds: float = 60.0) -> None:
        """Until this is true, whether or not the database can be asked."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if await self.fetch_value(sql):
                    return
            except DATABASE_ERRORS:
                pass
            await asyncio.sleep(0.02)
        raise AssertionError(f"not within {seconds:g} s: {sql}")

    async def submit_when_it_can(self, key: str) -> httpx.Response:
        """As a client that obeys the 503, only quicker."""
        deadline = time.monotonic() + 60
        while True:
            response = await self.submit(key)
            if response.status_code != 503 or time.monotonic() > deadline:
                return response
            await asyncio.sleep(0.05)

    async def expect_each_answered_once(self, messages: int) -> None:
        """Every message is handled, has one reply which was sent once, and no attempt was counted against it."""
        await self.wait_until(f"SELECT count(*) = {messages} FROM outbox WHERE state = 'sent'")
        async with self.pool.acquire() as conn:
            row = await conn.fetchrow(
                "SELECT (SELECT count(*) FROM message_queue) AS queued,"
                " (SELECT count(*) FROM messages WHERE author = 'customer') AS stored,"
                " (SELECT count(*) FROM messages WHERE author = 'assistant') AS answers,"
                " (SELECT count(*) FROM outbox WHERE attempts = 1 AND state = 'sent') AS sent,"
                " (SELECT count(*) FROM queue_threads WHERE ready_at IS NOT NULL OR attempts <> 0) AS unfinished,"
                " (SELECT count(*) FROM agent_runs WHERE outcome = 'answered' AND attempt = 1) AS runs,"
                " (SELECT count(*) FROM queue_failures) + (SELECT count(*) FROM dead_letters) AS blamed"
            )
        wanted = dict.fromkeys(("queued", "stored", "answers", "sent", "runs"), messages)
        wanted |= {"unfinished": 0, "blamed": 0}
        assert row is not None
        assert dict(row) == wanted, dict(row)


def expect_turned_away(responses: list[httpx.Response]) -> None:
    """All of them a 503 that says when to come again."""
    for response in responses:
        expect_problem(response, 503)
        assert int(response.headers["retry-after"]) > 0


class OpenDesk:
    """Opens desks on one database; API and worker may each reach it by a URL of their own, or their pools by one."""

    def __init__(
        self, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch, *, pooler_url: str | None = None
    ) -> None:
        self._settings = settings
        self._url = url
        self._addresses = {"url": pooler_url, "listener_url": url} if pooler_url else {}
        self._monkeypatch = monkeypatch

    @asynccontextmanager
    async def __call__(
        self,
        *,
        api_url: str | None = None,
        worker_url: str | None = None,
        lease_seconds: int = 60,
        statement_timeout_seconds: int = 30,
        metrics_port: int = 0,
        poll_seconds: float = 0.2,
    ) -> AsyncIterator[Desk]:
        """API and worker, until the end of the block."""
        agent = Thoughts()

        async def build_agent(*_arguments: object) -> Thoughts:
            return agent

        self._monkeypatch.setattr(process, "build_agent", build_agent)
        database = DatabaseSettings(pool_size=5, statement_timeout_seconds=statement_timeout_seconds, **self._addresses)
        settings = self._settings.model_copy(
            update={
                "database": database,
                "worker": WorkerSettings(
                    concurrency=50,
                    lease_seconds=lease_seconds,
                    poll_seconds=poll_seconds,
                    metrics_port=metrics_port,
                ),
            }
        )
        stop = asyncio.Event()
        async with (
            open_service(settings, api_url or self._url) as service,
            open_pool(self._url, application="test", max_size=5) as pool,
        ):
            running = asyncio.ensure_future(process.run_worker(settings, worker_url or self._url, stop))
            try:
                yield Desk(service.client, agent, pool, stop, running)
            finally:
                agent.may_end.set()
                stop.set()
                async with asyncio.timeout(60):
                    await running


async def cut_connections(url: str, name: str) -> int:
    """End every connection whose application is called like this, from the server's side, once there is one."""
    conn = await connect(url, application="test")
    deadline = time.monotonic() + 60
    cut = 0
    while not cut and time.monotonic() < deadline:
        cut = await conn.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE $1",
            name,
        )
    await conn.close()
    return cut
