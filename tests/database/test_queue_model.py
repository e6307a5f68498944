"""The queue against a model of it in plain Python: whatever is done in whatever order, both say the same."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from database import queue
from database.pool import DbConnection, connect
from database.queue.dead_letters import discard_dead_letter, retry_dead_letter
from database.types import InboundMessage, Lease
from tests.database.builders import make_failure, make_message, make_worker_id, settle

T = TypeVar("T")

CONTACTS = ["alice", "bob", "carol"]
CHATS = {"carol"}
HOUR = 3600.0  # longer than any example runs, so that only the rules let time pass


class State(Enum):
    """Where a thread is. docs/queue.md draws the ways between them."""

    IDLE = "idle"
    QUIET = "quiet"
    CLAIMABLE = "claimable"
    LEASED = "leased"
    DELAYED = "delayed"


@dataclass
class ModelThread:
    """What a thread must look like.

    `since` is the tick at which it became claimable. A chat's customer is typing until a quiet period has gone by, at
    most until the limit, which stands from the first message after a claim to the next claim.
    """

    state: State = State.IDLE
    known: set[str] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    since: int = 0
    lease: Lease | None = None
    attempts: int = 0
    failures: int = 0
    is_typing: bool = False
    limit: Literal["none", "ahead", "over"] = "none"


def build_message(contact: str, name: str) -> InboundMessage:
    return make_message(contact, name, text=name, channel="whatsapp" if contact in CHATS else "web")


class QueueMachine(RuleBasedStateMachine):
    """Three threads, one of them a chat, any number of workers, and time that passes by rule."""

    leases = Bundle("leases")

    def __init__(self, loop: asyncio.AbstractEventLoop, conn: DbConnection) -> None:
        super().__init__()
        self.loop, self.conn = loop, conn
        self.threads = {contact: ModelThread() for contact in CONTACTS}
        self.letters: list[tuple[UUID, str, list[str]]] = []
        self.tick = 0
        for table in ("message_queue", "queue_failures", "dead_letters", "queue_threads"):
            self.run(conn.execute(f"DELETE FROM {table}"))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def wake(self, thread: ModelThread) -> None:
        """Claimable at the end of the queue, or as soon as its customer has stopped typing."""
        thread.state = State.QUIET if thread.is_typing else State.CLAIMABLE
        thread.lease = None
        self.tick += 1
        thread.since = self.tick

    def arrive(self, contact: str, name: str) -> bool:
        """What a message does to its thread. Whether it is new."""
        thread = self.threads[contact]
        if name in thread.known:
            return False
        thread.known.add(name)
        thread.pending.append(name)
        if contact in CHATS:
            thread.limit = "ahead" if thread.limit == "none" else thread.limit
            thread.is_typing = thread.limit == "ahead"
        if thread.state is State.IDLE:
            self.wake(thread)
        elif thread.state is State.CLAIMABLE and not thread.lease and not thread.attempts and thread.is_typing:
            thread.state = State.QUIET
        return True

    def settle_in_model(self, thread: ModelThread, lease: Lease) -> list[str]:
        """The thread goes on without the messages of this lease, which are returned."""
        settled, thread.pending = thread.pending[: len(lease.messages)], thread.pending[len(lease.messages) :]
        thread.attempts = thread.failures = 0
        if thread.pending:
            self.wake(thread)
        else:
            thread.state, thread.lease = State.IDLE, None
        return settled

    def find_holder(self, lease: Lease) -> ModelThread | None:
        """The thread that this lease still holds, unless its time is over."""
        thread = self.threads[lease.contact]
        is_held = thread.lease is not None and thread.lease.key == lease.key
        return thread if is_held and thread.state is State.LEASED else None

    @rule(contact=st.sampled_from(CONTACTS), number=st.integers(0, 9))
    def publish(self, contact: str, number: int) -> None:
        name = f"{contact}-{number}"
        published = self.run(queue.publish(self.conn, build_message(contact, name)))
        assert published.is_new == self.arrive(contact, name)

    @rule(chosen=st.lists(st.tuples(st.sampled_from(CONTACTS), st.integers(0, 14)), max_size=6))
    def publish_many(self, chosen: list[tuple[str, int]]) -> None:
        named = [(contact, f"{contact}-{number}") for contact, number in chosen]
        published = self.run(queue.publish_many(self.conn, [build_message(*message) for message in named]))
        # One statement wakes the threads in the order of their ids, whatever the order of the messages.
        expected = {}
        for message in sorted(dict.fromkeys(named), key=lambda message: build_message(*message).thread_id):
            expected[message] = self.arrive(*message)
        assert [one.is_new for one in published] == [expected.pop(message, False) for message in named]

    @rule(target=leases, max_threads=st.integers(1, 3))
    def claim(self, max_threads: int) -> Any:  # Hypothesis has no type for several results
        claimed = self.run(queue.claim(self.conn, make_worker_id(), max_threads=max_threads, lease_seconds=HOUR))
        waiting = sorted(
            # Suspects first; without shares, the channels come one after the other.
            ((0, 0) if thread.lease and thread.attempts > 2 else (1, contact in CHATS), thread.since, contact)
            for contact, thread in self.threads.items()
            if thread.state is State.CLAIMABLE
        )
        assert {lease.contact for lease in claimed} == {contact for *_, contact in waiting[:max_threads]}
        for lease in claimed:
            thread = self.threads[lease.contact]
            thread.failures += thread.lease is not None  # a lease that ran out
            thread.state, thread.lease, thread.limit = State.LEASED, lease, "none"
            thread.attempts += 1
            assert lease.attempt == thread.attempts
            assert [queued.message.text for queued in lease.messages] == thread.pending
        return multiple(*claimed)

    @rule(lease=leases, is_batch=st.booleans())
    def complete(self, lease: Lease, is_batch: bool) -> None:
        thread = self.find_holder(lease)
        if is_batch:
            assert self.run(queue.complete_many(self.conn, [lease])) == ([] if thread else [lease])
        elif thread is None:
            with pytest.raises(queue.LeaseLost):
                self.run(settle(self.conn, lease))
        else:
            assert self.run(settle(self.conn, lease)) == (len(thread.pending) > len(lease.messages))
        if thread is not None:
            self.settle_in_model(thread, lease)

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        lost = self.run(queue.renew(self.conn, [lease], lease_seconds=HOUR))
        assert lost == ([] if self.find_holder(lease) else [lease])

    @rule(lease=leases)
    def look_for_newer(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is None:
            with pytest.raises(queue.LeaseLost):
                self.run(queue.fence(self.conn, lease))
        else:
            assert self.run(queue.fence(self.conn, lease)) == (len(thread.pending) > len(lease.messages))

    @rule(lease=consumes(leases))
    def release(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is not None:
            self.run(queue.release(self.conn, lease))
            thread.attempts -= 1
            self.wake(thread)

    @rule(lease=consumes(leases), counts=st.booleans())
    def put_off(self, lease: Lease, counts: bool) -> None:
        """Retried later, or snoozed."""
        thread = self.find_holder(lease)
        if thread is None:
            return
        if counts:
            self.run(queue.retry(self.conn, lease, make_failure(), delay_seconds=HOUR))
            thread.failures += 1
        else:
            self.run(queue.snooze(self.conn, lease, delay_seconds=HOUR))
            thread.attempts -= 1
        thread.state, thread.lease = State.DELAYED, None

    @rule(lease=consumes(leases))
    def fail(self, lease: Lease) -> None:
        thread = self.find_holder(lease)
        if thread is None:
            return
        letter_id = self.run(queue.fail(self.conn, lease, make_failure()))
        sql = "SELECT jsonb_array_length(errors) FROM dead_letters WHERE id = $1"
        assert self.run(self.conn.fetchval(sql, letter_id)) == thread.failures + 1
        self.letters.append((letter_id, lease.contact, self.settle_in_model(thread, lease)))

    @precondition(lambda self: self.letters)
    @rule(is_retry=st.booleans())
    def settle_letter(self, is_retry: bool) -> None:
        letter_id, contact, texts = self.letters.pop()
        if not is_retry:
            self.run(discard_dead_letter(self.conn, letter_id))
            return
        assert len(self.run(retry_dead_letter(self.conn, letter_id))) == len(texts)
        thread = self.threads[contact]
        thread.pending += texts
        if thread.state is State.IDLE:
            self.wake(thread)

    @rule(contact=st.sampled_from(CONTACTS))
    def let_time_pass(self, contact: str) -> None:
        """A lease, a delay or a quiet period runs out. The holder of the lease does not know yet."""
        thread = self.threads[contact]
        thread.is_typing = False
        thread.limit = "over" if thread.limit == "ahead" else thread.limit
        if thread.state in {State.QUIET, State.LEASED, State.DELAYED}:
            thread.state = State.CLAIMABLE
            self.tick += 1
            thread.since = self.tick
            self.run(self.conn.execute("UPDATE queue_threads SET ready_at = now() WHERE contact = $1", contact))
        shift = (
            "UPDATE queue_threads SET quiet_until = quiet_until - interval '10 s', "
            "quiet_limit = quiet_limit - interval '10 s' WHERE contact = $1"
        )
        self.run(self.conn.execute(shift, contact))

    @invariant()
    def both_agree(self) -> None:
        sql = "SELECT *, ready_at > clock_timestamp() AS is_delayed FROM queue_threads"
        rows = {row["contact"]: row for row in self.run(self.conn.fetch(sql))}
        for contact, thread in self.threads.items():
            if contact not in rows:
                assert not thread.known
                continue
            row = rows[contact]
            assert (row["ready_at"] is None) == (thread.state is State.IDLE)
            assert bool(row["is_delayed"]) == (thread.state in {State.QUIET, State.LEASED, State.DELAYED})
            assert row["attempts"] == thread.attempts
            assert row["lease_token"] == (thread.lease.token if thread.lease else None)
            assert (row["quiet_limit"] is None) == (thread.limit == "none")
            assert not (thread.state is State.IDLE and thread.pending), "a message that nobody will claim"


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls the rules synchronously, so they bring a loop of their own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_the_queue_behaves_like_its_model(loop: asyncio.AbstractEventLoop, database_url: str) -> None:
    conn = loop.run_until_complete(connect(database_url, application="test"))
    # As long as it may be, so that no example lasts longer.
    quiet = "INSERT INTO channel_configs (channel, inbox, quiet_seconds) VALUES ('whatsapp', 'form', 8)"
    loop.run_until_complete(conn.execute(quiet))

    class ConnectedMachine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(loop, conn)

    try:
        run_state_machine_as_test(
            ConnectedMachine,
            settings=settings(
                max_examples=80,
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(conn.close())
