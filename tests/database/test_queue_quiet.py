"""Quiet periods: on chat a turn waits until the customer has stopped typing, but not for long."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

import pytest

from database import queue
from database.pool import Conn, DbConnection
from database.types import Lease, ThreadId
from tests.database.builders import claim_one, make_failure, make_message, make_worker_id, read_thread


async def write(conn: DbConnection, channel: Literal["whatsapp", "gmail", "web"] = "whatsapp") -> ThreadId:
    """The customer writes one more message."""
    return (await queue.publish(conn, make_message("alice", channel=channel))).thread_id


async def pass_time(conn: DbConnection, seconds: float) -> None:
    await conn.execute(
        "UPDATE queue_threads SET ready_at = ready_at - $1::interval, quiet_until = quiet_until - $1::interval, "
        "quiet_limit = quiet_limit - $1::interval",
        timedelta(seconds=seconds),
    )


async def read_delay(conn: DbConnection, thread_id: ThreadId) -> float:
    delay: float = (await read_thread(conn, thread_id))["delay"]
    return delay


async def claim(conn: DbConnection) -> list[Lease]:
    return await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)


@pytest.mark.parametrize(("channel", "seconds"), [("whatsapp", 1.5), ("gmail", 0.0), ("web", 0.0)])
async def test_chat_has_a_quiet_period_and_mail_and_form_have_none(
    channel: Literal["whatsapp", "gmail", "web"], seconds: float, conn: DbConnection
) -> None:
    assert await read_delay(conn, await write(conn, channel)) == pytest.approx(seconds, abs=0.5)


async def test_a_quiet_thread_is_left_alone_and_its_burst_is_one_turn(conn: DbConnection) -> None:
    await write(conn)
    await write(conn)
    assert await claim(conn) == []
    await pass_time(conn, 1.6)
    (lease,) = await claim(conn)
    assert len(lease.messages) == 2


async def test_each_message_extends_the_quiet_period(conn: DbConnection) -> None:
    thread_id = await write(conn)
    await pass_time(conn, 1.0)
    await write(conn)
    assert await read_delay(conn, thread_id) == pytest.approx(1.5, abs=0.4)


async def test_whoever_keeps_typing_is_answered_after_eight_seconds_all_the_same(conn: DbConnection) -> None:
    thread_id = await write(conn)
    for _ in range(7):
        await pass_time(conn, 1.0)
        await write(conn)
    assert await read_delay(conn, thread_id) <= 1.0
    await pass_time(conn, 1.0)
    await write(conn)
    assert len(await claim(conn)) == 1


async def test_an_inbox_may_have_a_quiet_period_of_its_own(conn: DbConnection) -> None:
    await conn.execute("INSERT INTO channel_configs (channel, inbox, quiet_seconds) VALUES ('gmail', 'form', 5)")
    assert await read_delay(conn, await write(conn, "gmail")) == pytest.approx(5, abs=0.5)


async def test_a_batch_is_as_quiet_as_its_messages_one_by_one(conn: DbConnection) -> None:
    chat, form = make_message("alice", channel="whatsapp"), make_message("bob")
    for published in await queue.publish_many(conn, [chat, form]):
        expected = 1.5 if published.message is chat else 0.0
        assert await read_delay(conn, published.thread_id) == pytest.approx(expected, abs=0.5)


async def complete_as_batch(conn: Conn, lease: Lease) -> None:
    await queue.complete_many(conn, [lease])


async def bury(conn: Conn, lease: Lease) -> None:
    await queue.fail(conn, lease, make_failure())


@pytest.mark.parametrize("settlement", [queue.release, queue.complete, complete_as_batch, bury])
async def test_a_message_during_the_turn_lets_the_next_turn_wait_for_silence(
    settlement: Callable[[Conn, Lease], Awaitable[object]], conn: DbConnection
) -> None:
    thread_id = await write(conn)
    await pass_time(conn, 1.6)
    lease = await claim_one(conn)
    await write(conn)
    await settlement(conn, lease)
    assert await read_delay(conn, thread_id) == pytest.approx(1.5, abs=0.5)


async def test_a_message_does_not_end_a_backoff(conn: DbConnection) -> None:
    thread_id = await write(conn)
    await pass_time(conn, 1.6)
    await queue.retry(conn, await claim_one(conn), make_failure(), delay_seconds=60)
    await write(conn)
    await write(conn)
    assert await read_delay(conn, thread_id) == pytest.approx(60, abs=1)


async def test_a_message_does_not_put_off_a_thread_that_is_about_to_be_tried_again(conn: DbConnection) -> None:
    await conn.execute("INSERT INTO channel_configs (channel, inbox, quiet_seconds) VALUES ('whatsapp', 'form', 8)")
    thread_id = await write(conn)
    await pass_time(conn, 8.1)
    await queue.retry(conn, await claim_one(conn), make_failure(), delay_seconds=1)
    await write(conn)
    assert await read_delay(conn, thread_id) <= 1
