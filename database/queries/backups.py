"""What a backup asks of its database, and a restore of the one that it goes to."""

from dataclasses import dataclass
from datetime import datetime

from database.pool import Conn
from database.statements import load_statements

_SQL = load_statements("backups")


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server, and the snapshot under which others may see what this transaction sees."""

    version: str
    major: int
    snapshot: str
    migration: int
    answered_before: datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """A database that is to be restored into. `vector_schema` is None where the extension is not in it yet."""

    major: int
    relations: int
    has_vector: bool
    vector_schema: str | None


async def describe_server(conn: Conn) -> ServerState:
    """In a transaction, which must stay open for as long as the snapshot is used."""
    return ServerState(**dict(await _SQL["describe_server"].fetch_row(conn) or {}))


async def list_tables(conn: Conn) -> list[str]:
    """The tables whose rows are backed up."""
    return [row["name"] for row in await _SQL["list_tables"].fetch(conn)]


async def sum_table(conn: Conn, name: str) -> tuple[int, str]:
    """How many rows, and the checksum of what is in them."""
    row = await _SQL["sum_table"].fetch_row(conn, name=name)
    return (row["row_count"], row["checksum"]) if row else (0, "")


async def list_other_schemas(conn: Conn) -> list[str]:
    """Schemas that are none of ours."""
    return [row["name"] for row in await _SQL["list_other_schemas"].fetch(conn)]


async def find_contents(conn: Conn) -> Target:
    """What is in a database already."""
    return Target(**dict(await _SQL["find_contents"].fetch_row(conn) or {}))
