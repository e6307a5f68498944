"""The queue against a model of it in plain Python: whatever is done in whatever order, both say the same."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from database import queue
from database.pool import DbConnection, connect
from database.types import Lease
from tests.database.builders import make_message, make_worker_id, settle

T = TypeVar("T")

CONTACTS = ["alice", "bob", "carol"]
HOUR = 3600.0  # longer than any example runs, so that only the rules let time pass


@dataclass
class ModelThread:
    """What a thread must look like. `waiting_since` is a tick; None while idle, leased or delayed."""

    messages: list[str] = field(default_factory=list)
    done: int = 0
    waiting_since: int | None = None
    is_asleep: bool = True
    lease: Lease | None = None
    attempts: int = 0

    @property
    def pending(self) -> list[str]:
        return self.messages[self.done :]


class QueueMachine(RuleBasedStateMachine):
    """Three threads, any number of workers, and time that passes by rule."""

    leases = Bundle("leases")

    def __init__(self, loop: asyncio.AbstractEventLoop, conn: DbConnection) -> None:
        super().__init__()
        self.loop, self.conn = loop, conn
        self.threads = {contact: ModelThread() for contact in CONTACTS}
        self.tick = 0
        self.worker_id = make_worker_id()
        self.run(conn.execute("DELETE FROM message_queue; DELETE FROM queue_threads"))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def wait_from_now(self, thread: ModelThread) -> None:
        self.tick += 1
        thread.waiting_since, thread.is_asleep, thread.lease = self.tick, False, None

    @rule(contact=st.sampled_from(CONTACTS), external_id=st.integers(0, 9))
    def publish(self, contact: str, external_id: int) -> None:
        thread, name = self.threads[contact], f"{contact}-{external_id}"
        published = self.run(queue.publish(self.conn, make_message(contact, name, text=name)))
        assert published.is_new == (name not in thread.messages)
        if published.is_new:
            thread.messages.append(name)
            if thread.is_asleep:
                self.wait_from_now(thread)

    @rule(target=leases, max_threads=st.integers(1, 3))
    def claim(self, max_threads: int) -> Any:  # Hypothesis has no type for several results
        claimed = self.run(queue.claim(self.conn, self.worker_id, max_threads=max_threads, lease_seconds=HOUR))
        waiting = sorted(
            (thread.waiting_since, contact)
            for contact, thread in self.threads.items()
            if thread.waiting_since is not None
        )
        assert {lease.contact for lease in claimed} == {contact for _, contact in waiting[:max_threads]}
        for lease in claimed:
            thread = self.threads[lease.contact]
            thread.lease, thread.waiting_since = lease, None
            thread.attempts += 1
            assert lease.attempt == thread.attempts
            assert [queued.message.text for queued in lease.messages] == thread.pending
        return multiple(*claimed)

    def find_holder(self, lease: Lease) -> ModelThread | None:
        """The thread that this lease still holds, unless its time is over."""
        thread = self.threads[lease.contact]
        is_held = thread.lease is not None and thread.lease.token == lease.token
        return thread if is_held and thread.waiting_since is None else None

    @rule(lease=leases)
    def complete(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is None:
            with pytest.raises(queue.LeaseLost):
                self.run(settle(self.conn, lease))
            return
        waiting = self.run(settle(self.conn, lease))
        thread.done += len(lease.messages)
        thread.attempts = 0
        assert waiting == bool(thread.pending)
        if waiting:
            self.wait_from_now(thread)
        else:
            thread.is_asleep, thread.lease = True, None

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        renewed = self.run(queue.renew(self.conn, self.worker_id, [lease.token], lease_seconds=HOUR))
        assert renewed == ({lease.token} if self.find_holder(lease) else set())

    @rule(lease=leases)
    def look_for_newer(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is not None:
            assert self.run(queue.has_newer(self.conn, lease)) == (len(thread.pending) > len(lease.messages))

    @rule(lease=consumes(leases))
    def release(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is not None:
            self.run(queue.release(self.conn, lease))
            thread.attempts -= 1
            self.wait_from_now(thread)

    @rule(lease=consumes(leases))
    def retry(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is not None:
            self.run(queue.retry(self.conn, lease, delay_seconds=HOUR))
            thread.lease = None

    @rule(contact=st.sampled_from(CONTACTS))
    def let_time_pass(self, contact: str) -> None:
        """A lease or a delay runs out. The holder of the lease does not know yet."""
        thread = self.threads[contact]
        if not thread.is_asleep and thread.waiting_since is None:
            self.run(self.conn.execute("UPDATE queue_threads SET ready_at = now() WHERE contact = $1", contact))
            self.tick += 1
            thread.waiting_since = self.tick

    @invariant()
    def both_agree(self) -> None:
        rows = {row["contact"]: row for row in self.run(self.conn.fetch("SELECT * FROM queue_threads"))}
        for contact, thread in self.threads.items():
            if not thread.messages:
                assert contact not in rows
                continue
            row = rows[contact]
            assert (row["ready_at"] is None) == thread.is_asleep
            assert row["attempts"] == thread.attempts
            assert row["done_seq"] == thread.done  # no gaps without races, so seq is the position
            assert row["lease_token"] == (thread.lease.token if thread.lease else None)
            assert not (thread.is_asleep and thread.pending), "a message that nobody will claim"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls the rules synchronously, so they bring a loop of their own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_the_queue_behaves_like_its_model(loop: asyncio.AbstractEventLoop, database_url: str) -> None:
    conn = loop.run_until_complete(connect(database_url, application="test"))

    class ConnectedMachine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(loop, conn)

    try:
        run_state_machine_as_test(
            ConnectedMachine,
            settings=settings(
                max_examples=60,
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(conn.close())
