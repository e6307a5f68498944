"""A worker that is paused past its lease and wakes up again can do no harm."""

import signal

import pytest

from core.settings import Settings
from database import queue
from database.pool import DbPool
from database.types import Lease, ThreadId
from tests.chaos.crew import Crew, Life
from tests.chaos.lives import CANCELLED, HANDED_OVER
from tests.chaos.orders import THINKING, Order, read_journal
from tests.chaos.waiting import wait_for
from tests.database.builders import make_message, make_worker_id
from tests.workers.stubs import Desk
from workers.steps import Step

LEASE_SECONDS = 1.0
IDLE_TRANSACTION_SECONDS = 2.0


@pytest.fixture
def desk(pool: DbPool, settings: Settings) -> Desk:
    """The other worker."""
    return Desk(pool, settings)


@pytest.fixture
def paused(order: Order) -> Order:
    """A worker that stops itself at the place that a test adds."""
    return order.model_copy(update={"lease_seconds": LEASE_SECONDS, "strike_with": signal.SIGSTOP})


async def test_a_worker_that_wakes_while_another_works_changes_nothing(crew: Crew, paused: Order, desk: Desk) -> None:
    thread_id = await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (THINKING,), "has_heartbeat": False}))
    await zombie.stopped.wait()
    lease = await claim_when_expired(desk)
    before = await read_row(desk, thread_id)
    assert await wake_and_end(zombie) == 0
    # It has thought and gone to its commit, where it was refused.
    steps = [line["event"] for line in read_journal(paused.journal) if line["pid"] == zombie.pid]
    assert Step.THOUGHT in steps
    assert Step.COMMITTING not in steps
    assert await read_row(desk, thread_id) == before
    assert await desk.count("agent_runs") == await desk.count("outbox") == 0
    await desk.processor.process(lease)
    await assert_answered_once(desk)


async def test_a_worker_that_wakes_after_another_has_finished_changes_nothing(
    crew: Crew, paused: Order, desk: Desk
) -> None:
    thread_id = await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (THINKING,), "has_heartbeat": False}))
    await zombie.stopped.wait()
    await desk.processor.process(await claim_when_expired(desk))
    before = await read_row(desk, thread_id)
    assert await wake_and_end(zombie) == 0
    assert Step.COMMITTING not in [line["event"] for line in read_journal(paused.journal)]
    assert await read_row(desk, thread_id) == before
    await assert_answered_once(desk)


async def test_a_worker_that_wakes_cannot_renew_and_stops_thinking(crew: Crew, paused: Order, desk: Desk) -> None:
    thread_id = await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (THINKING,), "think_seconds": 3600.0}))
    await zombie.stopped.wait()
    lease = await claim_when_expired(desk)
    before = await read_row(desk, thread_id)
    zombie.send(signal.SIGCONT)

    async def is_cancelled() -> bool:
        return bool(read_journal(paused.journal, CANCELLED))

    await wait_for(is_cancelled)
    assert await read_row(desk, thread_id) == before
    assert await zombie.end() == 0
    assert await read_row(desk, thread_id) == before
    await desk.processor.process(lease)
    await assert_answered_once(desk)


async def test_a_commit_that_was_paused_is_undone_by_the_database_and_not_repeated(
    crew: Crew, paused: Order, desk: Desk
) -> None:
    thread_id = await write(desk)
    zombie = await crew.begin(
        paused.model_copy(
            update={"strike_at": (Step.COMMITTING,), "idle_transaction_seconds": IDLE_TRANSACTION_SECONDS}
        )
    )
    await zombie.stopped.wait()
    # Its transaction holds the thread's row beyond the lease, until the database ends what idles in a transaction.
    lease = await claim_when_expired(desk)
    assert lease.attempt == 2
    before = await read_row(desk, thread_id)
    assert await wake_and_end(zombie) == 0
    assert await read_row(desk, thread_id) == before
    assert await desk.count("agent_runs") == await desk.count("outbox") == 0
    await desk.processor.process(lease)
    await assert_answered_once(desk)


async def test_a_commit_that_was_paused_past_its_lease_still_holds_if_it_wakes_in_time(
    crew: Crew, paused: Order, desk: Desk
) -> None:
    thread_id = await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (Step.COMMITTING,)}))
    await zombie.stopped.wait()
    await wait_for(lambda: desk.fetch_value("SELECT ready_at < now() FROM queue_threads WHERE id = $1", thread_id))
    # Nobody may take the thread from under the commit, and nobody waits for it.
    assert await claim_all(desk) == []
    assert await wake_and_end(zombie) == 0
    assert await claim_all(desk) == []
    await assert_answered_once(desk)


async def test_a_send_that_was_paused_before_it_was_handed_over_is_another_workers(
    crew: Crew, paused: Order, desk: Desk
) -> None:
    await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (Step.SENDING,)}))
    await zombie.stopped.wait()
    other = await crew.begin(paused)
    await wait_for(lambda: desk.fetch_value("SELECT state = 'sent' FROM outbox"))
    delivery = await desk.fetch("SELECT * FROM outbox")
    assert await wake_and_end(zombie) == 0
    assert await desk.fetch("SELECT * FROM outbox") == delivery
    assert await other.end() == 0
    sent = [(line["reply"], line["pid"]) for line in read_journal(paused.journal, HANDED_OVER)]
    assert sent == [(str(delivery[0]["id"]), other.pid)]
    await assert_answered_once(desk)


@pytest.mark.parametrize("step", [Step.HANDED, Step.SENT])
async def test_a_send_that_was_paused_is_in_doubt_and_its_late_record_is_refused(
    crew: Crew, paused: Order, desk: Desk, step: Step
) -> None:
    await write(desk)
    zombie = await crew.begin(paused.model_copy(update={"strike_at": (step,)}))
    await zombie.stopped.wait()
    other = await crew.begin(paused)
    await wait_for(lambda: desk.fetch_value("SELECT state <> 'sending' FROM outbox"))
    delivery = await desk.fetch("SELECT * FROM outbox")
    assert delivery[0]["state"] == "unknown"
    assert await wake_and_end(zombie) == 0
    assert await desk.fetch("SELECT * FROM outbox") == delivery
    assert await other.end() == 0
    # Paused between the two, it hands over what nobody else has touched since.
    sent = [line["reply"] for line in read_journal(paused.journal, HANDED_OVER)]
    assert sent == [str(delivery[0]["id"])]
    await assert_answered_once(desk)


async def write(desk: Desk) -> ThreadId:
    """A customer's mail, on a channel whose sender must not be repeated."""
    message = make_message("thread-1", text="#1.1", channel="gmail", inbox="support@example.com")
    return await desk.publish(message)


async def claim_all(desk: Desk) -> list[Lease]:
    """Whatever is claimable."""
    async with desk.pool.acquire() as conn:
        return await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60)


async def claim_when_expired(desk: Desk) -> Lease:
    """The thread of the paused worker, for a minute, as soon as it is to be had."""
    (lease,) = await wait_for(lambda: claim_all(desk))
    return lease


async def wake_and_end(zombie: Life) -> int:
    """Let it go on, finish what it was doing, and drain."""
    zombie.send(signal.SIGCONT)
    return await zombie.end()


async def read_row(desk: Desk, thread_id: ThreadId) -> dict[str, object]:
    """All of the thread's row, token and time of expiry included."""
    (row,) = await desk.fetch("SELECT * FROM queue_threads WHERE id = $1", thread_id)
    return dict(row)


async def assert_answered_once(desk: Desk) -> None:
    """One message, one reply to it, one run, one delivery, and nothing left to do."""
    authors = [author for author, _ in await desk.list_messages()]
    assert authors == ["customer", "assistant"]
    assert await desk.count("agent_runs") == await desk.count("outbox") == 1
    assert await desk.fetch_value("SELECT count(*) FROM queue_threads WHERE done_seq = 1 AND ready_at IS NULL") == 1
