"""The embedded server. It takes seconds to make one, so one test walks through a whole life."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from database.embedded import EmbeddedDatabaseError, is_running, run_embedded
from database.init_db import init_db
from database.pool import connect


async def read_setting(url: str, name: str) -> str:
    conn = await connect(url, application="test")
    value: str = await conn.fetchval("SELECT current_setting($1)", name)
    await conn.close()
    return value


async def run_sql(url: str, sql: str) -> object:
    conn = await connect(url, application="test")
    try:
        return await conn.fetchval(sql)
    finally:
        await conn.close()


def test_a_server_starts_is_joined_stops_and_keeps_its_data(tmp_path: Path) -> None:
    directory = tmp_path / "missing" / "data"
    assert not is_running(directory)
    with run_embedded(directory, extra_settings="fsync = off\nwork_mem = 7MB\n") as url:
        assert is_running(directory)
        assert asyncio.run(read_setting(url, "wal_compression")) == "pglz"  # what `on` means
        assert asyncio.run(read_setting(url, "work_mem")) == "7MB"
        assert asyncio.run(read_setting(url, "listen_addresses")) == ""  # a socket alone, no port
        assert asyncio.run(init_db(url)) != []
        asyncio.run(run_sql(url, "INSERT INTO customers (id, name) VALUES (gen_random_uuid(), 'Alice')"))

        with run_embedded(directory) as joined:
            assert joined == url
        assert is_running(directory), "who only joined must not stop the server"
        assert asyncio.run(read_setting(url, "work_mem")) == "7MB"
    assert not is_running(directory)

    with run_embedded(directory) as url:
        assert asyncio.run(init_db(url)) == []
        assert asyncio.run(run_sql(url, "SELECT name FROM customers")) == "Alice"
        assert asyncio.run(read_setting(url, "fsync")) == "on", "settings of another start must not stay"
    assert not is_running(directory)


def test_a_folder_whose_name_has_a_space_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """The server would fail on it with nothing but "invalid argument" in its log."""
    directory = tmp_path / "My Projects" / "data"
    with pytest.raises(EmbeddedDatabaseError, match="DATA_DIR"), run_embedded(directory):
        pass
    assert not directory.parent.exists()


def test_a_server_that_others_still_use_is_left_to_them_and_its_owner_stops_it(tmp_path: Path) -> None:
    directory = tmp_path / "data"

    async def hold_a_connection_while(leave: Callable[[], None], url: str) -> None:
        conn = await connect(url, application="somebody else")
        leave()
        assert await conn.fetchval("SELECT 1") == 1
        await conn.close()

    with ExitStack() as first:
        url = first.enter_context(run_embedded(directory, extra_settings="fsync = off\n"))
        asyncio.run(hold_a_connection_while(first.close, url))
    assert is_running(directory)
    with run_embedded(directory, is_owner=True):
        pass
    assert not is_running(directory)
