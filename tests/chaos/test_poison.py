"""A message that kills its worker each time ends with a person and in the dead letters, and its thread goes on."""

import json
import signal
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from core.settings import Settings
from database.pool import DbPool
from database.types import ThreadId
from tests.chaos.crew import Crew, Life
from tests.chaos.orders import POISON, POISONED, Order
from tests.chaos.waiting import wait_for
from tests.database.builders import make_message
from tests.workers.stubs import Desk
from workers.steps import Step

MAX_ATTEMPTS = 3


@pytest.fixture
def desk(pool: DbPool, settings: Settings) -> Desk:
    """A view of the database."""
    return Desk(pool, settings)


@pytest.fixture
def order(order: Order) -> Order:
    """A worker that gives up soon, and whose lease ends only with its death, however slow the machine is."""
    return order.model_copy(update={"lease_seconds": 600.0, "max_attempts": MAX_ATTEMPTS})


async def test_a_message_that_kills_its_worker_is_handed_to_a_person(crew: Crew, order: Order, desk: Desk) -> None:
    thread_id = await write(desk, f"#1.1 {POISON}")
    deadly = order.model_copy(update={"strike_at": (POISONED,)})
    assert await bury_workers(crew, deadly, desk) == MAX_ATTEMPTS
    await assert_is_dead_letter(desk, deaths=MAX_ATTEMPTS)
    assert await desk.read_status() == "escalated"
    (ticket,) = await desk.fetch("SELECT route, team, handover_reason, handover_summary FROM tickets")
    assert all(ticket.values())
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]

    # The same worker, which the next message does not kill: it is stored for the person who has the thread now.
    await write(desk, "#1.2")
    worker = await crew.begin(deadly)
    await wait_for(lambda: is_done(desk, thread_id, 2))
    assert await worker.end() == 0
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system", "customer"]
    assert await desk.fetch_value("SELECT owner FROM conversations") == "person"
    assert await desk.fetch_value("SELECT state FROM outbox") == "sent"
    assert await desk.count("dead_letters") == 1


async def test_a_message_that_kills_while_it_is_stored_is_handed_over_all_the_same(
    crew: Crew, order: Order, desk: Desk
) -> None:
    await write(desk, "#1.1")
    deadly = order.model_copy(update={"strike_at": (Step.RESOLVING,)})
    assert await bury_workers(crew, deadly, desk) == MAX_ATTEMPTS
    await assert_is_dead_letter(desk, deaths=MAX_ATTEMPTS)
    assert await desk.read_status() == "escalated"
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]


async def test_a_message_that_kills_even_while_it_is_handed_over_becomes_a_dead_letter(
    crew: Crew, order: Order, desk: Desk
) -> None:
    thread_id = await write(desk, "#1.1")
    deadly = order.model_copy(update={"strike_at": (Step.RESOLVING, Step.COMMITTING)})
    assert await bury_workers(crew, deadly, desk) == MAX_ATTEMPTS + 1
    await assert_is_dead_letter(desk, deaths=MAX_ATTEMPTS + 1)

    await write(desk, "#1.2")
    worker = await crew.begin(order)
    await wait_for(lambda: is_done(desk, thread_id, 2))
    assert await worker.end() == 0
    assert (await desk.list_messages())[-1][0] == "assistant"
    assert await desk.count("dead_letters") == 1


async def write(desk: Desk, text: str) -> ThreadId:
    """A customer's mail, always in the same thread."""
    return await desk.publish(make_message("thread-1", text=text, channel="gmail", inbox="support@example.com"))


async def bury_workers(crew: Crew, order: Order, desk: Desk) -> int:
    """Put a worker in the place of each that dies, until there is a dead letter. Returns how many have died."""
    deaths = 0
    while True:
        worker = await crew.begin(order)

        await wait_for(partial(has_ended_or, worker, partial(desk.count, "dead_letters")))
        if not worker.ended.done():
            assert await worker.end() == 0
            return deaths
        assert worker.ended.result() == -signal.SIGKILL
        deaths += 1
        async with desk.pool.acquire() as conn:
            await conn.execute("UPDATE queue_threads SET ready_at = now() WHERE lease_token IS NOT NULL")


async def has_ended_or(worker: Life, has_come: Callable[[], Awaitable[object]]) -> bool:
    """Whether the worker is dead, or what it was to bring about is there."""
    return worker.ended.done() or bool(await has_come())


async def is_done(desk: Desk, thread_id: ThreadId, seq: int) -> bool:
    """Whether the thread has nothing waiting, its replies included, up to this message."""
    row = await desk.read_thread(thread_id)
    waiting = await desk.fetch_value("SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')")
    return bool(row["done_seq"] == seq and row["ready_at"] is None and waiting == 0)


async def assert_is_dead_letter(desk: Desk, *, deaths: int) -> None:
    """One letter, which tells of every death and why it was given up, while the thread is free."""
    (letter,) = await desk.fetch("SELECT first_seq, through_seq, attempts, errors::text, state FROM dead_letters")
    assert (letter["first_seq"], letter["through_seq"], letter["attempts"]) == (1, 1, deaths + 1)
    assert letter["state"] == "open"
    told = [error["error_class"] for error in json.loads(letter["errors"])]
    assert told == ["LeaseExpired"] * deaths + ["WorkerDied"]
    assert await desk.count("queue_failures") == 0
    (thread,) = await desk.fetch("SELECT done_seq, ready_at, lease_token, attempts FROM queue_threads")
    assert tuple(thread.values()) == (1, None, None, 0)
