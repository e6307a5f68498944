"""Connections to the one Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import asyncpg
from asyncpg import Connection, Pool, Record
from asyncpg.pool import PoolConnectionProxy

from database.connection import UNLIMITED_SESSION, limit_session, open_connection

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

_CLOSE_SECONDS = 2.0
_RELEASE_SECONDS = 1.0


class _ImpatientPool(DbPool):
    """A pool that never waits for ever: requests would pile up behind a database that does not answer.

    `acquire` gives up in time, and so does `release`, which after a timeout asks the server to cancel the statement.
    """

    __slots__ = ("_acquire_seconds", "session_url")

    def __init__(
        self,
        url: str,
        *,
        session_url: str,
        acquire_seconds: float,
        **options: Any,  # noqa: ANN401  # the driver's
    ) -> None:
        super().__init__(url, **options)
        self.session_url = session_url
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


async def _keep_session(conn: DbConnection) -> None:
    """Instead of the driver's reset query at every release, one more round trip.

    We never change session state on pooled connections, and open transactions are rolled back before this is called.
    """


async def _keep_primary(conn: DbConnection) -> None:
    """The same, for sessions that are to write."""
    # Opened in the middle of a failover. A busy pool would keep it, and fail every write with it, for ever.
    if getattr(conn.get_settings(), "in_hot_standby", "off") == "on":
        conn.terminate()


def _choose_options(settings: dict[str, str], *, is_pooled: bool, is_standby_fine: bool) -> dict[str, Any]:
    """How connections are opened and kept whose sessions are to have these settings."""
    if is_pooled:
        # The next transaction may be on another session, whose settings are the role's and which has none of our
        # prepared statements. What a pooler once heard of its server it may repeat after a failover: not asked for it.
        connect = partial(open_connection, settings={}, needs_primary=False)
        return {"connect": connect, "reset": _keep_session, "statement_cache_size": 0}
    return {
        "connect": partial(open_connection, settings=settings, needs_primary=not is_standby_fine),
        "reset": _keep_session if is_standby_fine else _keep_primary,
    }


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    application: str,
    max_size: int,
    statement_timeout_seconds: int = 30,
    acquire_seconds: float = 30.0,
    is_read_only: bool = False,
    is_standby_fine: bool = False,
    pooler_url: str | None = None,
) -> AsyncIterator[DbPool]:
    """A pool that opens its first connection lazily, so that a process can start before its database does.

    On a read-only one the server refuses every write. With a `pooler_url` its connections go there instead, to a pooler
    in transaction mode: nothing of a session may outlive a transaction on them.
    """
    limits = limit_session(statement_timeout_seconds)
    # Where we do not ask for it, the server decides: a standby and a database under repair refuse writes by themselves.
    limits |= {"default_transaction_read_only": "on"} if is_read_only else {}
    pool: DbPool = _ImpatientPool(
        pooler_url or url,
        session_url=url,
        acquire_seconds=acquire_seconds,
        min_size=0,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        setup=None,
        init=None,
        loop=None,
        connection_class=Connection,
        record_class=Record,
        application=application,
        # The server ends a statement in time; this is for a server that no longer says anything.
        command_timeout=statement_timeout_seconds + 1,
        **_choose_options(limits, is_pooled=pooler_url is not None, is_standby_fine=is_standby_fine),
    )
    await pool
    try:
        yield pool
    finally:
        with suppress(*DATABASE_ERRORS):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await pool.close()


def find_session_url(pool: DbPool) -> str:
    """The way to the pool's database on which a session stays what it is."""
    return cast("_ImpatientPool", pool).session_url


async def connect(url: str, *, application: str, command_timeout: float | None = None) -> DbConnection:
    """One connection outside any pool, for LISTEN, heartbeats and migrations.

    `command_timeout` is in seconds; without one, a statement waits for ever for a server that no longer says anything.
    """
    return await open_connection(
        url, application=application, settings=UNLIMITED_SESSION, command_timeout=command_timeout
    )
