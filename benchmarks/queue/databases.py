"""Databases on the benchmark's server: one per system and load, filled before anything is measured."""

import asyncio
from collections.abc import Callable, Iterable

from benchmarks.queue.case import Load
from benchmarks.queue.systems.base import load_system
from database.pool import connect

# For filling alone; the server is started anew, with the settings of every desk, before anything is measured.
FILL_SETTINGS = """
fsync = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 8GB
autovacuum = off
"""
_AT_ONCE = 2


def locate(server_url: str, system: str, load: Load) -> str:
    """The URL of the database that has this system with this load."""
    return server_url.replace("/postgres?", f"/{_name(system, load)}?")


async def fill_databases(server_url: str, wanted: Iterable[tuple[str, Load]], on_done: Callable[[], None]) -> None:
    """Create and fill them all."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def fill(system: str, load: Load) -> None:
        async with slots:
            await _create(server_url, system, load)
        on_done()

    await asyncio.gather(*(fill(system, load) for system, load in wanted))


async def rewind(server_url: str, system: str, load: Load) -> None:
    """Bring a database back to where its rounds begin."""
    conn = await connect(locate(server_url, system, load), application="benchmark")
    await load_system(system).rewind(conn, load)
    await conn.execute("CHECKPOINT")  # no round pays for writing what another one left behind
    await conn.close()


async def clear(server_url: str, system: str) -> None:
    """Empty the database without a load, for publishing."""
    conn = await connect(locate(server_url, system, Load()), application="benchmark")
    await load_system(system).clear(conn)
    await conn.close()


async def _create(server_url: str, system: str, load: Load) -> None:
    conn = await connect(server_url, application="benchmark")
    await conn.execute(f"CREATE DATABASE {_name(system, load)}")
    await conn.close()
    url = locate(server_url, system, load)
    await load_system(system).install(url)
    conn = await connect(url, application="benchmark")
    await load_system(system).fill(conn, load)
    await conn.close()


def _name(system: str, load: Load) -> str:
    order = "_ordered" if load.keeps_order else ""
    return f"{system}_{load.waiting}_{load.finished}_{load.distribution}{order}"
