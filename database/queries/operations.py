"""What operators look at and set up: workers, channel configurations, the database itself."""

from dataclasses import dataclass
from typing import Any

from database.pool import Conn
from database.statements import load_statements
from database.types import Route, WorkerId

_SQL = load_statements("operations")


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """How one inbox behaves."""

    enabled: bool
    quiet_seconds: float | None
    signature: str | None


async def beat(
    conn: Conn,
    worker_id: WorkerId,
    *,
    host: str,
    pid: int,
    brain: str,
    concurrency: int,
    in_flight: int,
    is_elected: bool,
) -> None:
    """Say that a worker is alive, how busy it is, and whether it does the maintenance."""
    await _SQL["beat"].execute(
        conn,
        id=worker_id,
        host=host,
        pid=pid,
        brain=brain,
        concurrency=concurrency,
        in_flight=in_flight,
        is_elected=is_elected,
    )


async def sign_off(conn: Conn, worker_id: WorkerId) -> None:
    """A worker that stops by itself leaves the list at once; one that was killed falls silent in it."""
    await _SQL["sign_off"].execute(conn, id=worker_id)


async def forget_silent_workers(conn: Conn) -> None:
    """Drop workers that have been silent for a day."""
    await _SQL["forget_silent"].execute(conn)


async def list_workers(conn: Conn) -> list[dict[str, Any]]:
    """Workers heard of in the last ten minutes, with the seconds since."""
    return [dict(row) for row in await _SQL["list_workers"].fetch(conn)]


async def list_channels(conn: Conn) -> list[dict[str, Any]]:
    """Every configured inbox."""
    return [dict(row) for row in await _SQL["list_channels"].fetch(conn)]


async def find_channel_config(conn: Conn, channel: str, inbox: str) -> ChannelConfig:
    """The configuration of an inbox; one that nobody configured is enabled, with its channel's quiet period."""
    row = await _SQL["find_channel"].fetch_row(conn, channel=channel, inbox=inbox)
    return ChannelConfig(**dict(row)) if row else ChannelConfig(enabled=True, quiet_seconds=None, signature=None)


async def configure_channel(
    conn: Conn, channel: str, inbox: str, *, enabled: bool | None, sets_quiet: bool, quiet_seconds: float | None
) -> None:
    """Change how an inbox behaves. `enabled` None leaves that, and so does `sets_quiet` False the quiet period."""
    await _SQL["configure_channel"].execute(
        conn, channel=channel, inbox=inbox, enabled=enabled, sets_quiet=sets_quiet, quiet_seconds=quiet_seconds
    )


async def list_routes(conn: Conn) -> list[dict[str, Any]]:
    """To which team each kind of matter goes when a person is needed, and what that team is told."""
    return [dict(row) for row in await _SQL["list_routes"].fetch(conn)]


async def change_route(conn: Conn, category: Route, *, team: str, instructions: str) -> None:
    """Another team, or other instructions, for tickets that are handed over from now on."""
    await _SQL["change_route"].execute(conn, category=category, team=team, instructions=instructions)


async def describe_database(conn: Conn) -> dict[str, Any]:
    """Versions of the server and of pgvector, and whether it is a read-only replica."""
    return dict(await _SQL["describe_database"].fetch_row(conn) or {})


async def measure_lag(conn: Conn) -> float | None:
    """Seconds since the newest commit that this replica has was made; None where it has none, or is no replica."""
    seconds: float | None = await _SQL["measure_lag"].fetch_value(conn)
    return seconds
