"""A server that these tests may stop, and the log of what is said meanwhile."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from core.settings import Settings
from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import connect
from tests.conftest import cloned, create_database, open_server_folder
from tests.outages.desk import Log, OpenDesk, listen_to
from tests.outages.server import OwnServer, Proxy, proxied

# A crash of the server alone keeps what it has handed to the operating system, so fsync may be off; what it has not
# handed over when it says "committed" would be lost, so synchronous_commit may not.
SETTINGS = "fsync = off\nfull_page_writes = off\nmax_connections = 40\n"


@pytest.fixture(scope="session")
async def failing_server() -> AsyncIterator[OwnServer]:
    """The server of all tests of this folder, with few connections."""
    with open_server_folder() as folder:
        directory = folder / "data"
        with run_embedded(directory, extra_settings=SETTINGS, is_owner=True) as url:
            await init_db(await create_database(url, "nightdesk_template"))
            yield OwnServer(directory, url)


@pytest.fixture
async def url(failing_server: OwnServer) -> AsyncIterator[str]:
    """A migrated database on that server, for this test alone."""
    async with cloned(failing_server.url, "nightdesk_template") as url:
        yield url
        await failing_server.heal()


@pytest.fixture
async def standby(failing_server: OwnServer, url: str) -> AsyncIterator[OwnServer]:
    """A replica of that server, which waits for it at every commit."""
    directory = failing_server.directory.with_name("standby")
    replica = OwnServer(directory, url.replace(str(failing_server.directory), str(directory)))
    await replica.follow(failing_server)
    await _configure(url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    conn = await connect(url, application="test")
    async with asyncio.timeout(60):
        while not await conn.fetchval("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
            pass
    await conn.close()
    yield replica
    await failing_server.heal()
    await _configure(url, "ALTER SYSTEM RESET synchronous_standby_names")
    await replica.stop("immediate")
    shutil.rmtree(directory)


async def _configure(url: str, sql: str) -> None:
    conn = await connect(url, application="test")
    await conn.execute(sql)
    await conn.execute("SELECT pg_reload_conf()")
    await conn.close()


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """A proxy before that database."""
    async with proxied(url) as proxy:
        yield proxy


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    """What is said during the test."""
    with listen_to(caplog) as log:
        yield log


@pytest.fixture
def open_desk(settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch) -> OpenDesk:
    """Opens desks on this test's database."""
    return OpenDesk(settings, url, monkeypatch)
