"""Real Postgres for every test: one embedded server, a migrated template cloned where a test needs commits.

`conn` rolls back at the end; use it unless the test needs a second connection. `database_url` is a clone of its own.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import pytest
import structlog
from hypothesis import settings as hypothesis_settings

from agent.knowledge.documents import find_documents
from agent.knowledge.embedder import Embedder
from agent.knowledge.ingest import ingest_documents
from agent.knowledge.minilm import ModelMissing, load_minilm
from core.settings import RateSettings, Settings
from database.embedded import run_embedded
from database.init_db import init_db
from database.pool import DbConnection, DbPool, connect, open_pool

# Durability is Postgres's own matter; tests kill our processes, never the server, so the disk need not be waited for.
# No autovacuum: it would count rows anew in the middle of a test of plans, and takes time from the others.
FAST_SETTINGS = (
    "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\nmax_connections = 200\n"
)
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 * 2**30  # what the servers of one test run need at most, and as much again for whoever else uses it
SAMPLE_KNOWLEDGE = Path(__file__).parents[1] / "docs" / "sample-knowledge"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

# How long an example takes says how busy the machine is.
hypothesis_settings.register_profile("any pace", deadline=None)
hypothesis_settings.load_profile("any pace")


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """structlog's own default draws a box around every frame with its variables: seconds each on a busy machine."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The embedded server of this test run."""
    with open_server_folder() as folder, run_embedded(folder / "data", extra_settings=FAST_SETTINGS) as url:
        yield url


@pytest.fixture(scope="session")
async def template_url(server_url: str) -> str:
    """A migrated database that tests clone and nobody changes."""
    url = await create_database(server_url, "nightdesk_template")
    await init_db(url)
    return url


@pytest.fixture
async def database_url(server_url: str, template_url: str) -> AsyncIterator[str]:
    """A migrated database for this test alone."""
    async with cloned(server_url, "nightdesk_template") as url:
        yield url


@pytest.fixture
async def empty_url(server_url: str) -> AsyncIterator[str]:
    """A database in which nothing has ever been created."""
    name = f"empty_{uuid4().hex[:12]}"
    conn = await connect(server_url, application="test")
    await conn.execute(f'CREATE DATABASE "{name}"')
    yield server_url.replace("/postgres?", f"/{name}?")
    await conn.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await conn.close()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[DbPool]:
    """A pool on this test's own database."""
    async with open_pool(database_url, application="test", max_size=20) as opened:
        yield opened


@pytest.fixture(scope="session")
async def shared_url(server_url: str, template_url: str) -> AsyncIterator[str]:
    """The database of all tests that roll back."""
    async with cloned(server_url, "nightdesk_template") as url:
        yield url


@pytest.fixture
async def conn(shared_url: str) -> AsyncIterator[DbConnection]:
    """A connection in a transaction that is rolled back after the test."""
    connection = await connect(shared_url, application="test")
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The local embedding model; tests that need it are skipped where its weights are not installed."""
    try:
        return load_minilm(threads=2)
    except ModelMissing as error:
        pytest.skip(f"embedding weights are not installed: {error}")


@pytest.fixture(scope="session")
async def knowledge_template(server_url: str, template_url: str, embedder: Embedder) -> str:
    """A template that also holds the sample knowledge, embedded; returns its name."""
    name = "nightdesk_knowledge"
    url = await create_database(server_url, name, template="nightdesk_template")
    async with open_pool(url, application="test", max_size=2) as pool:
        documents = find_documents([SAMPLE_KNOWLEDGE])
        async for result in ingest_documents(pool, embedder, documents, root=SAMPLE_KNOWLEDGE.parent):
            assert result.problem is None
    return name


@pytest.fixture
async def knowledge_url(server_url: str, knowledge_template: str) -> AsyncIterator[str]:
    """A database of this test's own that holds the sample knowledge."""
    async with cloned(server_url, knowledge_template) as url:
        yield url


@pytest.fixture
async def knowledge_pool(knowledge_url: str) -> AsyncIterator[DbPool]:
    """A pool on a database with the sample knowledge."""
    async with open_pool(knowledge_url, application="test", max_size=20) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that no environment variable or .env file of the machine reaches. All tests ask from one address."""
    return Settings.model_construct(data_dir=tmp_path, rate=RateSettings(limits=False))


@contextmanager
def open_server_folder() -> Iterator[Path]:
    """A folder for a server's data, in memory where there is enough of it.

    A clone for each test copies ten megabytes: on a disk that others use, that takes longer than most tests.
    Not below pytest's own folder: a second run closes that to the user the server runs as.
    """
    has_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    with TemporaryDirectory(prefix="nightdesk-tests-", dir=MEMORY if has_memory else None) as folder:
        yield Path(folder)


@asynccontextmanager
async def cloned(server_url: str, template: str) -> AsyncIterator[str]:
    """A database made from a template and dropped afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    yield await create_database(server_url, name, template=template)
    conn = await connect(server_url, application="test")
    await conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await conn.close()


async def create_database(server_url: str, name: str, *, template: str = "template1") -> str:
    """Create a database and return its URL."""
    conn = await connect(server_url, application="test")
    try:
        for _ in range(50):
            try:
                await conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
                break
            except asyncpg.ObjectInUseError:
                await asyncio.sleep(0.05)  # a connection to the template is still closing
    finally:
        await conn.close()
    return server_url.replace("/postgres?", f"/{name}?")
