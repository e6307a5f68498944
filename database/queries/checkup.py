"""What `nightdesk doctor` asks the database about itself. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("checkup")


@dataclass(frozen=True, slots=True)
class Server:
    """The server, and our database on it. `address` is None over a Unix socket, `vector_version` without pgvector.

    `places` are the connections that ordinary users may open in all, `connections` those that are open.
    """

    server_version: str
    major_version: int
    is_replica: bool
    vector_version: str | None
    places: int
    connections: int
    address: str | None
    is_encrypted: bool | None
    bytes: int
    attachment_bytes: int


async def describe_server(conn: Conn) -> Server:
    """Needs none of our tables."""
    return Server(**dict(await _SQL["describe_server"].fetch_row(conn) or {}))


async def read_clock(conn: Conn) -> datetime:
    """The database's time, at this moment rather than at the start of a transaction."""
    moment: datetime = await _SQL["read_clock"].fetch_value(conn)
    return moment


async def read_setting(conn: Conn, name: str) -> str:
    """A setting of this session, as the server writes it."""
    value: str = await _SQL["read_setting"].fetch_value(conn, name=name)
    return value


async def list_forbidden(conn: Conn) -> list[str]:
    """Tables that this user may not use as the desk does."""
    return [row["name"] for row in await _SQL["list_forbidden"].fetch(conn)]


async def list_bloated(conn: Conn, *, min_rows: int) -> list[dict[str, Any]]:
    """Tables with more dead rows than living ones and than `min_rows`, and how many."""
    return [dict(row) for row in await _SQL["list_bloated"].fetch(conn, min_rows=min_rows)]


async def find_longest_transaction(conn: Conn) -> dict[str, Any] | None:
    """The one that has been open longest in this database: its pid, its application and its seconds."""
    row = await _SQL["find_longest_transaction"].fetch_row(conn)
    return dict(row) if row else None


async def find_oldest_source(conn: Conn) -> datetime | None:
    """When the oldest mail or webhook came that is kept as it was."""
    moment: datetime | None = await _SQL["find_oldest_source"].fetch_value(conn)
    return moment
