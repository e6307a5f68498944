"""Connections to the one Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

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

_CONNECT_SECONDS = 5.0  # a server that accepts and never answers would otherwise hold whoever asks for a minute
_CLOSE_SECONDS = 2.0
_RELEASE_SECONDS = 1.0


class _ImpatientPool(DbPool):
    """A pool that never waits for ever: requests would pile up behind a database that does not answer.

    `acquire` gives up in time, and so does `release`, which after a timeout asks the server to cancel the statement.
    """

    __slots__ = ("_acquire_seconds",)

    def __init__(self, url: str, *, acquire_seconds: float, **options: Any) -> None:  # noqa: ANN401  # the driver's
        super().__init__(url, **options)
        self._acquire_seconds = acquire_seconds

    def acquire(self, *, timeout: float | None = None) -> Any:  # noqa: ANN401  # the driver does not name its type
        return super().acquire(timeout=self._acquire_seconds if timeout is None else timeout)

    async def release(  # the driver's signature
        self,
        connection: Any,  # noqa: ANN401
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> None:
        seconds = _RELEASE_SECONDS if timeout is None else timeout
        releasing = asyncio.ensure_future(super().release(connection, timeout=seconds))
        # Whoever is cancelled meanwhile does not hear its error any more, and asyncio would complain of that.
        releasing.add_done_callback(lambda released: released.cancelled() or released.exception())
        await asyncio.shield(releasing)


def _session_settings(application: str) -> dict[str, str]:
    return {
        "application_name": application,
        # Without these a client that vanished keeps its locks until TCP gives up, two hours later.
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        # Compiling takes longer than any of our short statements runs.
        "jit": "off",
        # Plans that fit every value: those that the tests of plans look at. Left to itself the server plans some
        # statements anew at every call, such as the claim with 300,000 finished rows, at half the speed.
        "plan_cache_mode": "force_generic_plan",
        # Of the nearest vectors most may be of drafts or of another language: the scan goes on until enough are not.
        # At 100,000 vectors of which 1 in 100 may be seen it otherwise found 1 of the 10 nearest instead of 9.8.
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.ef_search": "100",
    }


def _server_settings(application: str, statement_timeout_seconds: int, *, is_read_only: bool) -> dict[str, str]:
    # Where we do not ask for it, the server decides: a standby and a database under repair refuse writes by themselves.
    only_reading = {"default_transaction_read_only": "on"} if is_read_only else {}
    return (
        _session_settings(application)
        | only_reading
        | {
            # A transaction left open holds back vacuum, and dead rows then slow every claim: with one held open for
            # 25 s a queue of 10,000 jobs/s fell to 1,000.
            "idle_in_transaction_session_timeout": "10s",
            "statement_timeout": f"{statement_timeout_seconds}s",
        }
    )


async def _keep_session(conn: DbConnection) -> None:
    """Instead of the driver's reset query at every release, one more round trip.

    We never change session state on pooled connections, and open transactions are rolled back before this is called.
    """
    # Opened in the middle of a failover. A busy pool would keep it, and fail every write with it, for ever.
    if getattr(conn.get_settings(), "in_hot_standby", "off") == "on":
        conn.terminate()


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    application: str,
    max_size: int,
    statement_timeout_seconds: int = 30,
    acquire_seconds: float = 30.0,
    is_read_only: bool = False,
) -> AsyncIterator[DbPool]:
    """A pool that opens its first connection lazily, so that a process can start before its database does.

    On a read-only one the server refuses every write.
    """
    pool: DbPool = _ImpatientPool(
        url,
        acquire_seconds=acquire_seconds,
        min_size=0,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        setup=None,
        init=None,
        reset=_keep_session,
        loop=None,
        connection_class=Connection,
        record_class=Record,
        timeout=_CONNECT_SECONDS,
        # The server ends a statement in time; this is for a server that no longer says anything.
        command_timeout=statement_timeout_seconds + 1,
        server_settings=_server_settings(application, statement_timeout_seconds, is_read_only=is_read_only),
    )
    await pool
    try:
        yield pool
    finally:
        with suppress(*DATABASE_ERRORS):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await pool.close()


async def connect(url: str, *, application: str, command_timeout: float | None = None) -> DbConnection:
    """One connection outside any pool, for LISTEN, heartbeats and migrations.

    `command_timeout` is in seconds; without one, a statement waits for ever for a server that no longer says anything.
    """
    return await asyncpg.connect(
        url, timeout=_CONNECT_SECONDS, command_timeout=command_timeout, server_settings=_session_settings(application)
    )
