"""Opening a connection: at the right one of several servers, and with the settings that our statements rely on."""

from asyncio.staggered import staggered_race
from collections.abc import Mapping
from functools import partial
from typing import Any

import asyncpg
from asyncpg import Connection, Record

from core.database_url import names_attributes, split_hosts

CONNECT_SECONDS = 5.0  # a server that accepts and never answers would otherwise hold whoever asks for a minute
_SILENT_SECONDS = 0.5  # then the next server is asked as well

_HABITS = {
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
# Without these a client that vanished keeps its locks until TCP gives up, two hours later.
_KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10"}
# A migration and the snapshot of a backup take their time, whatever the role is given as its defaults.
_TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")
UNLIMITED_SESSION = _HABITS | _KEEPALIVES | dict.fromkeys(_TIMEOUTS, "0")


def limit_session(statement_timeout_seconds: int) -> dict[str, str]:
    """The settings of a session in which short statements do the desk's work."""
    return (
        _HABITS
        | _KEEPALIVES
        | {
            # A transaction left open holds back vacuum, and dead rows then slow every claim: with one held open for
            # 25 s a queue of 10,000 jobs/s fell to 1,000.
            "idle_in_transaction_session_timeout": "10s",
            "statement_timeout": f"{statement_timeout_seconds}s",
        }
    )


async def open_connection(
    url: str,
    *,
    application: str,
    settings: Mapping[str, str],
    needs_primary: bool = True,
    **options: Any,  # noqa: ANN401  # the driver's
) -> "Connection[Record]":
    """One connection. Of several servers, which are asked in turn, the one that takes writes, if `needs_primary`.

    Raises DATABASE_ERRORS.
    """
    # In the greeting a pooler refuses all settings but a few, even one in session mode.
    options |= {"timeout": CONNECT_SECONDS, "server_settings": {"application_name": application}}
    hosts = split_hosts(url)
    conn: Connection[Record]
    if len(hosts) == 1:
        conn = await asyncpg.connect(url, **options)
    else:
        is_ours_to_say = needs_primary and not names_attributes(url)
        attributes = {"target_session_attrs": "read-write"} if is_ours_to_say else {}
        conn = await _open_first(hosts, options | attributes)
    try:
        await _apply(conn, settings)
    except BaseException:
        conn.terminate()
        raise
    return conn


async def _open_first(hosts: list[str], options: dict[str, Any]) -> "Connection[Record]":
    """The driver itself would wait for a silent host until all the time is used up, and never ask the others."""
    attempts = [partial(asyncpg.connect, host, **options) for host in hosts]
    conn, _, errors = await staggered_race(attempts, _SILENT_SECONDS)
    if conn is None:
        raise max((error for error in errors if error is not None), key=_is_refusal)
    opened: Connection[Record] = conn
    return opened


def _is_refusal(error: Exception) -> bool:
    """Whether a server said no, which says more than that another cannot be reached."""
    is_answer = isinstance(error, asyncpg.PostgresError)
    return is_answer and not isinstance(error, asyncpg.PostgresConnectionError)


async def _apply(conn: "Connection[Record]", settings: Mapping[str, str]) -> None:
    if settings:
        statements = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())
        await conn.execute(statements, timeout=CONNECT_SECONDS)
