"""What a worker claims: fair between channels, the oldest first, and nothing forgotten behind its floor."""

from collections import Counter
from typing import Any, Literal

import pytest

from database import queue
from database.pool import DbConnection
from database.types import Lease
from tests.database.builders import make_message, make_worker_id
from workers.claims import FULL_SCAN_SECONDS, IDLE_FULL_SCAN_SECONDS, Claims

Channel = Literal["web", "gmail", "whatsapp"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claims(clock: Clock) -> Claims:
    return Claims(make_worker_id(), channels=["gmail", "web", "whatsapp"], lease_seconds=60, monotonic=clock)


async def fill(conn: DbConnection, channel: Channel, threads: int, *, seconds_ago: float = 60.0) -> None:
    """So many threads of a channel, waiting since then and each a little later."""
    messages = [make_message(f"{channel} {number:03}", channel=channel) for number in range(threads)]
    await queue.publish_many(conn, messages)
    await conn.execute(
        "UPDATE queue_threads SET ready_at = now() - make_interval(secs => $2) "
        "+ substr(contact, length(contact) - 2)::integer * interval '1 ms' "
        "WHERE channel = $1 AND lease_token IS NULL",
        channel,
        seconds_ago,
    )


def count(leases: list[Lease]) -> Counter[str]:
    return Counter(lease.channel for lease in leases)


async def test_a_lone_channel_gets_every_slot_and_comes_in_order(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 30)
    leases = [*await claims.claim(conn, 10), *await claims.claim(conn, 10)]
    assert [lease.contact for lease in leases] == [f"web {number:03}" for number in range(20)]


async def test_a_flood_on_one_channel_does_not_delay_another(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 100, seconds_ago=3600)
    await claims.claim(conn, 10)
    await fill(conn, "whatsapp", 3, seconds_ago=1)
    assert count(await claims.claim(conn, 4)) == {"whatsapp": 3, "web": 1}


async def test_two_floods_share_the_slots_evenly(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 100, seconds_ago=3600)
    await fill(conn, "whatsapp", 100, seconds_ago=10)
    total: Counter[str] = Counter()
    for _ in range(4):
        total += count(await claims.claim(conn, 8))
    assert abs(total["web"] - total["whatsapp"]) <= 8
    assert total.total() == 32


async def test_single_slots_go_to_the_channel_with_fewest_turns_in_flight(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 50)
    await fill(conn, "gmail", 50)
    held = await claims.claim(conn, 8) + await claims.claim(conn, 8)
    of_web = [lease for lease in held if lease.channel == "web"]
    for lease in of_web:
        claims.settled(lease)
    taken = [lease for _ in range(len(of_web)) for lease in await claims.claim(conn, 1)]
    assert count(taken) == {"web": len(of_web)}


async def test_slots_that_one_channel_cannot_use_go_to_the_others_at_once(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 50)
    await fill(conn, "gmail", 50)
    await claims.claim(conn, 20)
    await conn.execute(
        "UPDATE queue_threads SET ready_at = NULL, done_seq = last_seq WHERE channel = 'gmail' AND lease_token IS NULL"
    )
    assert count(await claims.claim(conn, 20)) == {"web": 20}


async def test_no_more_is_claimed_than_there_are_free_slots(claims: Claims, conn: DbConnection) -> None:
    for channel in ("web", "gmail", "whatsapp"):
        await fill(conn, channel, 20)
    for free in (1, 2, 3, 7):
        assert len(await claims.claim(conn, free)) == free


async def put_behind_the_floor(conn: DbConnection) -> None:
    """A publisher that began long ago commits only now."""
    await queue.publish(conn, make_message("late"))
    await conn.execute("UPDATE queue_threads SET ready_at = now() - interval '1 hour' WHERE contact = 'late'")


async def test_what_is_behind_the_floor_waits_for_the_next_full_scan_and_no_longer(
    claims: Claims, clock: Clock, conn: DbConnection
) -> None:
    await fill(conn, "web", 100)
    assert len(await claims.claim(conn, 5)) == 5
    await put_behind_the_floor(conn)
    assert "late" not in {lease.contact for lease in await claims.claim(conn, 5)}
    clock.now += FULL_SCAN_SECONDS
    assert "late" in {lease.contact for lease in await claims.claim(conn, 5)}


async def test_a_worker_with_free_slots_looks_everywhere(claims: Claims, clock: Clock, conn: DbConnection) -> None:
    await fill(conn, "web", 3)
    assert len(await claims.claim(conn, 5)) == 3
    await put_behind_the_floor(conn)
    clock.now += IDLE_FULL_SCAN_SECONDS
    assert [lease.contact for lease in await claims.claim(conn, 5)] == ["late"]


async def test_a_message_committed_a_moment_late_is_within_the_slack_of_the_floor(
    claims: Claims, conn: DbConnection
) -> None:
    await fill(conn, "web", 1, seconds_ago=1.0)
    assert len(await claims.claim(conn, 5)) == 1
    await fill(conn, "web", 2, seconds_ago=1.1)
    assert len(await claims.claim(conn, 5)) == 1


async def die_with(conn: DbConnection, contact: str, times: int) -> None:
    """As if so many workers had died while they held the thread."""
    await conn.execute(
        "UPDATE queue_threads SET lease_token = gen_random_uuid(), leased_by = gen_random_uuid(), attempts = $2, "
        "ready_at = now() - interval '1 minute' WHERE contact = $1",
        contact,
        times,
    )


async def test_suspect_threads_are_taken_one_at_a_time_and_the_others_meanwhile(
    claims: Claims, clock: Clock, conn: DbConnection
) -> None:
    await fill(conn, "web", 6)
    for number in range(3):
        await die_with(conn, f"web {number:03}", 3)
    leases = await claims.claim(conn, 10)
    (suspect,) = [lease for lease in leases if lease.is_suspect]
    assert [lease.contact for lease in leases if not lease.is_suspect] == ["web 003", "web 004", "web 005"]
    assert suspect.attempt == 4
    clock.now += FULL_SCAN_SECONDS
    assert await claims.claim(conn, 10) == []
    claims.settled(suspect)
    clock.now += FULL_SCAN_SECONDS
    (following,) = await claims.claim(conn, 10)
    assert following.is_suspect


async def test_a_suspect_of_a_channel_that_this_worker_does_not_serve_is_left_to_others(conn: DbConnection) -> None:
    await fill(conn, "whatsapp", 1)
    await die_with(conn, "whatsapp 000", 3)
    assert await Claims(make_worker_id(), channels=["web"], lease_seconds=60).claim(conn, 10) == []


async def test_a_thread_whose_worker_died_twice_is_not_suspect(claims: Claims, conn: DbConnection) -> None:
    await fill(conn, "web", 3)
    for number in range(3):
        await die_with(conn, f"web {number:03}", 2)
    assert [lease.is_suspect for lease in await claims.claim(conn, 10)] == [False] * 3


async def test_what_was_claimed_before_an_error_is_not_stranded(
    claims: Claims, conn: DbConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(conn, "web", 50)
    await fill(conn, "gmail", 2)
    real_claim, calls = queue.claim, 0

    async def fail_at_the_second(*arguments: Any, **values: Any) -> list[Lease]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("connection lost")
        return await real_claim(*arguments, **values)

    monkeypatch.setattr(queue, "claim", fail_at_the_second)
    leases = await claims.claim(conn, 30)
    assert calls == 2
    assert len(leases) == await conn.fetchval("SELECT count(*) FROM queue_threads WHERE lease_token IS NOT NULL")
    assert len(leases) > 0


async def test_the_first_claim_of_a_new_worker_favours_no_channel(claims: Claims, conn: DbConnection) -> None:
    for channel in ("web", "gmail", "whatsapp"):
        await fill(conn, channel, 20)
    assert count(await claims.claim(conn, 9)) == {"web": 3, "gmail": 3, "whatsapp": 3}
