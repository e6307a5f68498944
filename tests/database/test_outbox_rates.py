"""The pace of an inbox: kept over all workers, with a small burst after a silence, and held when a vendor asks."""

import asyncio
import time

import pytest

from database import outbox
from database.pool import Conn, DbConnection, DbPool

BURST_SECONDS = 5


async def take(conn: Conn, *, per_minute: float = 60, inbox: str = "support") -> float:
    return await outbox.take_slot(conn, "gmail", inbox, per_minute=per_minute)


async def let_pass(conn: Conn, seconds: float) -> None:
    """So much later."""
    await conn.execute("UPDATE send_rates SET next_at = next_at - make_interval(secs => $1::float8)", seconds)


async def take_all(conn: Conn, *, per_minute: float = 60, at_most: int = 200) -> int:
    """How many sends may go at once now."""
    for taken in range(at_most):
        if await take(conn, per_minute=per_minute) > 0:
            return taken
    raise AssertionError("nothing holds this inbox back")


async def test_many_workers_together_are_never_faster_than_the_pace_and_the_burst(pool: DbPool) -> None:
    per_second, workers, each = 100, 8, 75
    started = time.monotonic()

    async def send() -> None:
        taken = 0
        async with pool.acquire() as conn:
            while taken < each:
                taken += await take(conn, per_minute=60 * per_second) == 0

    await asyncio.gather(*(send() for _ in range(workers)))
    elapsed = time.monotonic() - started
    assert workers * each > BURST_SECONDS * per_second, "the burst alone would be enough"
    assert workers * each <= 1 + (BURST_SECONDS + elapsed) * per_second


async def test_after_the_burst_one_goes_at_each_interval(conn: DbConnection) -> None:
    assert 5 <= await take_all(conn) <= 6
    for _ in range(5):
        wait = await take(conn)
        assert 0 < wait <= 1
        await let_pass(conn, wait)
        assert await take(conn) == 0
        assert await take(conn) > 0.5


async def test_a_long_silence_saves_up_no_more_than_a_burst(conn: DbConnection) -> None:
    await take_all(conn)
    await let_pass(conn, 86_400)
    assert 5 <= await take_all(conn) <= 6


@pytest.mark.parametrize("per_minute", [0.5, 6, 60, 150, 4800])
async def test_any_pace_lets_a_first_reply_go_at_once_and_keeps_its_distance_later(
    per_minute: float, conn: DbConnection
) -> None:
    assert await take(conn, per_minute=per_minute) == 0
    await conn.execute("UPDATE send_rates SET next_at = clock_timestamp()")
    assert await take(conn, per_minute=per_minute) == 0
    distance = await conn.fetchval("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM send_rates")
    assert distance == pytest.approx(60 / per_minute, abs=0.1)


async def test_inboxes_do_not_wait_for_each_other(conn: DbConnection) -> None:
    await take_all(conn)
    assert await take(conn) > 0
    assert await take(conn, inbox="sales") == 0
    assert await outbox.take_slot(conn, "mailbox", "support", per_minute=60) == 0


async def test_a_pause_holds_everybody_back_and_a_shorter_one_does_not_end_it(conn: DbConnection) -> None:
    await outbox.pause(conn, "gmail", "support", seconds=300)  # before anything was ever sent
    await outbox.pause(conn, "gmail", "support", seconds=3)
    assert 290 < await take(conn) <= 300
    assert await take(conn, inbox="sales") == 0
    await let_pass(conn, 301)
    assert await take(conn) == 0


async def test_a_pause_in_the_middle_of_a_burst_ends_it(conn: DbConnection) -> None:
    assert await take(conn) == 0
    await outbox.pause(conn, "gmail", "support", seconds=30)
    assert 29 < await take(conn) <= 30
    await conn.execute("UPDATE send_rates SET next_at = clock_timestamp()")
    assert await take(conn) == 0
    assert await take(conn) > 0


async def test_whoever_must_wait_is_never_told_to_come_back_at_once(conn: DbConnection) -> None:
    await take_all(conn, per_minute=600)
    assert await take(conn, per_minute=600) >= 0.01
