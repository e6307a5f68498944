"""LISTEN and NOTIFY: prompt, coalesced, and back by themselves after the connection is cut."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from core.background import run_in_background
from database import notify
from database.notify import Notifier, listen
from database.pool import DbConnection, connect

CHANNEL = "test_channel"


class Listener:
    """What a listening process has heard so far."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.connections = 0
        self._changed = asyncio.Event()

    def hear(self, payload: str) -> None:
        self.heard.append(payload)
        self._changed.set()

    def reconnect(self) -> None:
        self.connections += 1
        self._changed.set()

    async def wait_for(self, *, payload: str | None = None, connections: int = 0) -> None:
        async with asyncio.timeout(60):
            while (payload is not None and payload not in self.heard) or self.connections < connections:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def observer(database_url: str) -> AsyncIterator[DbConnection]:
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


@pytest.fixture
async def listener(database_url: str) -> AsyncIterator[Listener]:
    listener = Listener()
    async with run_in_background(listen(database_url, {CHANNEL: listener.hear}, listener.reconnect)):
        await listener.wait_for(connections=1)
        yield listener


async def terminate(observer: DbConnection, application: str) -> None:
    """Cut this application's connection from the server's side."""
    async with asyncio.timeout(60):
        while not await observer.fetchval(
            "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = $1 AND datname = current_database()",
            application,
        ):
            pass


async def test_notifications_of_one_moment_are_coalesced(listener: Listener, database_url: str) -> None:
    notifier = Notifier(database_url)
    for _ in range(100):
        notifier.notify(CHANNEL, "alice")
    notifier.notify(CHANNEL, "bob")
    async with run_in_background(notifier.run()):
        await listener.wait_for(payload="alice")
        await listener.wait_for(payload="bob")
        notifier.notify(CHANNEL, "last")
        await listener.wait_for(payload="last")
    assert sorted(listener.heard) == ["alice", "bob", "last"]


async def test_a_later_notification_with_the_same_payload_is_sent_again(listener: Listener, database_url: str) -> None:
    notifier = Notifier(database_url)
    async with run_in_background(notifier.run()):
        notifier.notify(CHANNEL, "alice")
        await listener.wait_for(payload="alice")
        listener.heard.clear()
        notifier.notify(CHANNEL, "alice")
        await listener.wait_for(payload="alice")


async def test_what_was_asked_for_at_the_very_end_is_still_sent(listener: Listener, database_url: str) -> None:
    notifier = Notifier(database_url)
    async with run_in_background(notifier.run()):
        notifier.notify(CHANNEL, "alice")
        await notifier.flush()
    await listener.wait_for(payload="alice")


async def test_the_end_does_not_wait_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_FLUSH_SECONDS", 0.01)
    notifier = Notifier("postgresql://127.0.0.1:1/nowhere")
    notifier.notify(CHANNEL, "alice")
    async with run_in_background(notifier.run()), asyncio.timeout(60):
        await notifier.flush()


async def test_a_listener_hears_only_its_own_channels(listener: Listener, observer: DbConnection) -> None:
    await observer.execute("SELECT pg_notify('another_channel', 'x')")
    await observer.execute(f"SELECT pg_notify('{CHANNEL}', 'mine')")
    await listener.wait_for(payload="mine")
    assert listener.heard == ["mine"]


async def test_a_notification_asked_for_after_a_commit_finds_the_committed_rows(database_url: str) -> None:
    seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    reader = await connect(database_url, application="test")
    writer = await connect(database_url, application="test")
    listener = Listener()
    notifier = Notifier(database_url)
    await writer.execute("CREATE TABLE promises (n integer)")
    async with run_in_background(notifier.run(), listen(database_url, {CHANNEL: listener.hear}, listener.reconnect)):
        await listener.wait_for(connections=1)
        async with writer.transaction():
            await writer.execute("INSERT INTO promises VALUES (1)")
        notifier.notify(CHANNEL, "committed")
        await listener.wait_for(payload="committed")
        seen.set_result(await reader.fetchval("SELECT count(*) FROM promises"))
    assert await seen == 1
    await reader.close()
    await writer.close()


async def test_a_listener_whose_connection_is_cut_comes_back_says_so_and_hears_again(
    listener: Listener, observer: DbConnection
) -> None:
    await terminate(observer, "nightdesk listener")
    await listener.wait_for(connections=2)
    await observer.execute(f"SELECT pg_notify('{CHANNEL}', 'after')")
    await listener.wait_for(payload="after")


async def test_a_notifier_whose_connection_is_cut_comes_back(
    listener: Listener, observer: DbConnection, database_url: str
) -> None:
    notifier = Notifier(database_url)
    async with run_in_background(notifier.run()):
        notifier.notify(CHANNEL, "before")
        await listener.wait_for(payload="before")
        await terminate(observer, "nightdesk notifier")
        attempt = 0
        async with asyncio.timeout(60):
            while not any(heard.startswith("after") for heard in listener.heard):
                attempt += 1  # those asked for while the connection is down may be lost, later ones not
                notifier.notify(CHANNEL, f"after {attempt}")
                await observer.fetchval("SELECT 1")


class BrokenConnection:
    """A connection that fails at its first use, as one does whose server has just gone."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute(self, *_arguments: object) -> None:
        raise self._error

    async def add_listener(self, *_arguments: object) -> None:
        raise self._error

    def add_termination_listener(self, _callback: object) -> None:
        """Nothing will be terminated here."""

    def terminate(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    "error",
    [
        OSError("no route to host"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.InternalClientError("cannot switch to state 12"),  # what a cut connection sometimes looks like
    ],
)
async def test_no_failing_connection_is_the_last_one(
    error: Exception, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"nightdesk listener": 2, "nightdesk notifier": 2}

    async def connect_at_the_third_try(
        url: str, *, application: str, command_timeout: float
    ) -> DbConnection | BrokenConnection:
        broken[application] -= 1
        return await connect(url, application=application) if broken[application] < 0 else BrokenConnection(error)

    monkeypatch.setattr("database.notify.connect", connect_at_the_third_try)
    monkeypatch.setattr("database.notify._RECONNECT_SECONDS", (0.0,))
    listener, notifier = Listener(), Notifier(database_url)
    notifier.notify(CHANNEL, "before")
    async with run_in_background(notifier.run(), listen(database_url, {CHANNEL: listener.hear}, listener.reconnect)):
        await listener.wait_for(connections=1)
        async with asyncio.timeout(60):
            while "after" not in listener.heard:
                notifier.notify(CHANNEL, "after")
                await asyncio.sleep(0)


async def test_cancelling_ends_listener_and_notifier_and_their_connections(
    observer: DbConnection, database_url: str
) -> None:
    listener, notifier = Listener(), Notifier(database_url)
    async with run_in_background(notifier.run(), listen(database_url, {CHANNEL: listener.hear}, listener.reconnect)):
        await listener.wait_for(connections=1)
        notifier.notify(CHANNEL, "hello")
        await listener.wait_for(payload="hello")
    async with asyncio.timeout(60):
        while await observer.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'nightdesk%' "
            "AND datname = current_database()"
        ):
            pass
