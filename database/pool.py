"""Connections to the one Postgres."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
from asyncpg import Connection, Pool, Record
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:  # the classes are generic in the type stubs only
    DbPool = Pool[Record]
    DbConnection = Connection[Record]
    Conn = DbConnection | PoolConnectionProxy[Record]
else:
    DbPool, DbConnection, Conn = Pool, Connection, Connection | PoolConnectionProxy

# What a database that is away, restarting or failing over raises, the driver's own confusion included.
DATABASE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def _server_settings(application: str, statement_timeout_seconds: int) -> dict[str, str]:
    return {
        "application_name": application,
        # A transaction left open holds back vacuum, and dead rows then slow every claim: with one held open for
        # 25 s a queue of 10,000 jobs/s fell to 1,000.
        "idle_in_transaction_session_timeout": "10s",
        "statement_timeout": f"{statement_timeout_seconds}s",
        # Without these a client that vanished keeps its locks until TCP gives up, two hours later.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        # Compiling takes longer than any of our short statements runs.
        "jit": "off",
    }


async def _keep_session(_conn: DbConnection) -> None:
    """Instead of the driver's reset query at every release, one more round trip.

    We never change session state on pooled connections, and open transactions are rolled back before this is called.
    """


@asynccontextmanager
async def open_pool(
    url: str, *, application: str, max_size: int, statement_timeout_seconds: int = 30
) -> AsyncIterator[DbPool]:
    """A pool that opens its first connection lazily, so that a process can start before its database does."""
    pool: DbPool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=300,
        timeout=5,  # seconds to connect: a server that accepts and never answers must not hold a request for a minute
        command_timeout=statement_timeout_seconds + 5,
        reset=_keep_session,
        server_settings=_server_settings(application, statement_timeout_seconds),
    )
    await pool
    try:
        yield pool
    finally:
        await pool.close()


async def connect(url: str, *, application: str) -> DbConnection:
    """One connection outside any pool, for LISTEN, heartbeats and migrations."""
    return await asyncpg.connect(url, server_settings={"application_name": application, "jit": "off"})
