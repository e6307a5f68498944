"""Buckets of requests: they hold so many, fill again by and by, and are one and the same for everybody who asks."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.pool import DbConnection, DbPool
from database.queries.limits import BATCH_ROWS, Bucket, delete_full, spend

HOUR = timedelta(hours=1)


def make_bucket(burst: int, interval: timedelta = HOUR) -> Bucket:
    return Bucket(uuid4(), interval, burst * interval)


async def pass_time(conn: DbConnection, time: timedelta) -> None:
    """As if so much time had passed for all buckets."""
    await conn.execute("UPDATE rate_limits SET full_at = full_at - $1::interval", time)


async def test_a_bucket_gives_what_it_holds_and_no_more(conn: DbConnection) -> None:
    bucket = make_bucket(3)
    assert [await spend(conn, [bucket]) for _ in range(3)] == [None] * 3
    assert await spend(conn, [bucket]) == HOUR
    assert await spend(conn, [make_bucket(1)]) is None, "another bucket is full"


async def test_whoever_is_refused_is_told_when_to_come_and_then_let_in(conn: DbConnection) -> None:
    bucket = make_bucket(2)
    for _ in range(2):
        await spend(conn, [bucket])
    await pass_time(conn, HOUR * 0.75)
    assert await spend(conn, [bucket]) == HOUR * 0.25
    await pass_time(conn, HOUR * 0.25)
    assert await spend(conn, [bucket]) is None
    assert await spend(conn, [bucket]) == HOUR


async def test_a_bucket_that_has_rested_for_long_holds_no_more_than_it_can(conn: DbConnection) -> None:
    bucket = make_bucket(2)
    await spend(conn, [bucket])
    await pass_time(conn, 1_000 * HOUR)
    assert [await spend(conn, [bucket]) is None for _ in range(3)] == [True, True, False]


async def test_of_several_buckets_the_emptiest_decides(conn: DbConnection) -> None:
    wide, narrow = make_bucket(10), make_bucket(1, 2 * HOUR)
    assert await spend(conn, [wide, narrow]) is None
    assert await spend(conn, [wide, narrow]) == 2 * HOUR
    assert await spend(conn, [wide]) is None


@settings(
    deadline=None,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    burst=st.integers(1, 8),
    seconds=st.floats(60, 1e6),
    pauses=st.lists(st.floats(0, 12), min_size=1, max_size=25),
)
async def test_over_any_pattern_of_requests_no_more_pass_than_have_come_back(
    conn: DbConnection, burst: int, seconds: float, pauses: list[float]
) -> None:
    bucket = make_bucket(burst, timedelta(seconds=seconds))
    level = float(burst)  # what a bucket that is counted in real numbers would hold; the clock stands in a transaction
    for pause in pauses:
        await pass_time(conn, bucket.interval * pause)
        level = min(burst, level + pause)
        passed = await spend(conn, [bucket]) is None
        if abs(level - 1) > 1e-6:  # microseconds are rounded
            assert passed == (level > 1)
        level -= passed


async def test_of_many_at_once_exactly_as_many_pass_as_there_are(pool: DbPool) -> None:
    shared, own = make_bucket(30), [make_bucket(1) for _ in range(200)]

    async def ask(bucket: Bucket) -> timedelta | None:
        async with pool.acquire() as conn:
            return await spend(conn, [bucket, shared])

    waits = await asyncio.gather(*map(ask, own))
    assert sum(wait is None for wait in waits) == 30
    assert all(wait is None or timedelta(0) < wait <= HOUR for wait in waits)


async def test_only_full_buckets_are_forgotten_however_many_there_are(conn: DbConnection) -> None:
    await conn.execute(
        """INSERT INTO rate_limits SELECT gen_random_uuid(), now() - interval '1 second' FROM generate_series(1, $1)""",
        2 * BATCH_ROWS + 10,
    )
    kept = make_bucket(1)
    await spend(conn, [kept])
    after: UUID | None = None
    rounds = 0
    while rounds == 0 or after is not None:
        after = await delete_full(conn, after)
        rounds += 1
    assert rounds == 3
    assert [row["key"] for row in await conn.fetch("SELECT key FROM rate_limits")] == [kept.key]
