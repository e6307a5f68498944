"""A URL with several hosts leads to the one that takes writes, whichever of the others is silent, gone or a standby."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from core.background import run_in_background
from database import connection
from database.notify import Notifier, listen
from database.pool import DATABASE_ERRORS, connect, open_pool
from tests.outages.server import OwnServer, Proxy, point, proxied

NEVER_SECONDS = 600.0


def list_both(*proxies: Proxy) -> str:
    """Loopback addresses with ports, as they are written for hosts of a network."""
    hosts = ",".join(urlsplit(proxy.url).netloc.rpartition("@")[2] for proxy in proxies)
    return proxies[0].url.replace(urlsplit(proxies[0].url).netloc, f"postgres@{hosts}")


async def test_a_silent_host_keeps_nobody_from_the_others(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", NEVER_SECONDS)
    async with proxied(url) as silent, proxied(url) as primary:
        silent.hold()
        conn = await connect(list_both(silent, primary), application="test")
        assert await conn.fetchval("SELECT NOT pg_is_in_recovery()")
        await conn.close()
        assert silent.accepted == primary.accepted == 1


@pytest.mark.parametrize("order", ["{there},127.0.0.1:1", "127.0.0.1:1,{there}"])
async def test_a_server_that_refuses_says_more_than_one_that_is_not_there(proxy: Proxy, order: str) -> None:
    proxy.refusal = "28P01", "password authentication failed"
    there = urlsplit(proxy.url).netloc.rpartition("@")[2]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(proxy.url.replace(there, order.format(there=there)), application="test")


async def test_everything_that_connects_passes_by_a_standby(
    failing_server: OwnServer, standby: OwnServer, url: str
) -> None:
    both = point(url, standby, failing_server)
    heard = asyncio.Event()
    notifier = Notifier(both)
    async with (
        open_pool(both, application="test", max_size=1) as pool,
        run_in_background(listen(both, {"test_channel": lambda _payload: heard.set()}, heard.clear), notifier.run()),
    ):
        assert not await pool.fetchval("SELECT pg_is_in_recovery()")
        async with asyncio.timeout(60):
            while not heard.is_set():
                notifier.notify("test_channel")
                await asyncio.sleep(0.01)  # what is told before anybody listens is lost
    conn = await connect(f"{both}&target_session_attrs=any", application="test")
    assert await conn.fetchval("SELECT pg_is_in_recovery()"), "whoever says what is meant is taken at their word"
    await conn.close()


async def test_while_no_host_takes_writes_there_is_no_connection(standby: OwnServer, url: str) -> None:
    with pytest.raises(DATABASE_ERRORS):
        await connect(point(url, standby, standby), application="test")
