"""A paused desk: it takes everything in, and neither turns nor replies nor test messages are claimed, by whoever."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from agent.knowledge.embedder import Embedders
from agent.knowledge.search import KnowledgeSearch
from channels.base import ChannelKit, Receipt
from channels.mail.write import MailWriter
from database import outbox, queue
from database.pause import resume_desk
from database.pool import Conn, DbConnection, DbPool
from database.queries import desk_state, jobs
from database.types import ConversationId, MailPath, OutboundMessage, ThreadId
from database.types.jobs import TrialMessage
from tests.database.builders import make_message, make_worker_id, open_conversation, queue_reply
from tests.workers.chats import make_chat, write
from tests.workers.outgoing import Desk as Outgoing
from tests.workers.outgoing import open_desk
from tests.workers.stubs import Desk, think_a_handover
from tests.workers.test_delivery import StubSender
from workers.jobs import JobKeeper

PAST = datetime.now(UTC) - timedelta(hours=1)
Claim = Callable[[Conn], Awaitable[int]]


class CarefulSender(StubSender):
    """Says, as every real one does, that the vendor may have the reply from now on."""

    async def send(self, message: OutboundMessage) -> Receipt:
        await message.hand_over()
        return await super().send(message)


async def claim_turns(conn: Conn) -> int:
    return len(await queue.claim(conn, make_worker_id(), max_threads=10, lease_seconds=60))


async def claim_replies(conn: Conn) -> int:
    return len(await outbox.claim(conn, max_replies=10, lease_seconds=60))


async def claim_doubts(conn: Conn) -> int:
    return len(await outbox.claim_doubtful(conn, channels=["gmail"], max_replies=10, lease_seconds=60))


async def claim_tests(conn: Conn) -> int:
    return len(await jobs.claim(conn, "test_message", max_jobs=10, lease_seconds=60, max_attempts=1))


async def claim_one_thread(conn: Conn) -> int:
    thread_id: ThreadId = await conn.fetchval("SELECT id FROM queue_threads WHERE ready_at IS NOT NULL")
    return int(await queue.claim_thread(conn, make_worker_id(), thread_id, lease_seconds=60) is not None)


async def fill(conn: Conn) -> ConversationId:
    """A message, a suspect, a reply, one in doubt and a test message, all of them due."""
    await queue.publish(conn, make_message("TF-2"))
    conversation_id = await open_conversation(conn, "TF-1")
    await queue_reply(conn, conversation_id)
    other = await open_conversation(conn, "TF-3", channel="gmail")
    doubtful = await queue_reply(conn, other, channel="gmail")
    await conn.execute("UPDATE outbox SET state = 'unknown', tried_at = now() WHERE id = $1", doubtful)
    await queue_test(conn)
    return conversation_id


async def queue_test(conn: Conn) -> None:
    """A test message."""
    path = MailPath(to="ann@example.com", subject="A test")
    trial = TrialMessage(channel="gmail", inbox="support@example.com", to=path.to, path=path, text="Does this arrive?")
    await jobs.add_test_message(conn, trial)


@pytest.mark.parametrize("claim", [claim_turns, claim_one_thread, claim_replies, claim_doubts, claim_tests])
async def test_what_would_leave_a_paused_desk_is_not_claimed_until_it_is_resumed(
    claim: Claim, conn: DbConnection
) -> None:
    await fill(conn)
    await desk_state.pause(conn, "moving")
    assert await claim(conn) == 0
    await resume_desk(conn, repeatable_channels=["web"])
    assert await claim(conn) == 1


async def test_a_thread_that_has_killed_its_workers_waits_as_well(conn: DbConnection) -> None:
    await queue.publish(conn, make_message("TF-2"))
    await conn.execute("UPDATE queue_threads SET attempts = 3, lease_token = id, leased_by = id, ready_at = now()")
    await desk_state.pause(conn, "moving")
    assert await claim_turns(conn) == 0
    await resume_desk(conn, repeatable_channels=[])
    assert await claim_turns(conn) == 1


async def test_a_desk_without_its_row_counts_as_paused_and_restored(conn: DbConnection) -> None:
    await fill(conn)
    await conn.execute("DELETE FROM desk_state")
    assert await desk_state.find_pause(conn) == desk_state.Pause(None, None, None, None)
    assert [await claim(conn) for claim in (claim_turns, claim_replies, claim_tests)] == [0, 0, 0]
    resumed = await resume_desk(conn, repeatable_channels=["web"])
    assert resumed is not None
    assert resumed.was_restored
    assert await desk_state.find_pause(conn) is None


async def test_a_reply_that_was_claimed_before_the_pause_is_not_handed_over_any_more(pool: DbPool) -> None:
    sender = CarefulSender([])
    desk = Outgoing(pool, sender)
    await desk.queue(await desk.open_chat())
    (reply,) = await desk.claim()
    async with pool.acquire() as conn:
        await desk_state.pause(conn, "moving")
    await desk.deliverer.deliver(reply)
    assert sender.sent == []
    row = await desk.read()
    assert (row["state"], row["handed_at"]) == ("sending", None)


async def test_a_test_message_that_was_claimed_before_the_pause_fails_and_is_not_handed_over(pool: DbPool) -> None:
    sender = CarefulSender([Receipt("vendor-1"), Receipt("vendor-2")])
    keeper = JobKeeper(
        pool,
        Embedders(),
        KnowledgeSearch(pool, None),
        {"gmail": ChannelKit("gmail", MailWriter(), sender)},
        confidence_threshold=0.75,
        notify=lambda _channel, _payload: None,
        poll_seconds=1.0,
    )
    async with pool.acquire() as conn, conn.transaction():
        await queue_test(conn)
        await queue_test(conn)
        first, second = await jobs.claim(conn, "test_message", max_jobs=2, lease_seconds=60, max_attempts=1)
    await keeper.handle(first)
    async with pool.acquire() as conn:
        await desk_state.pause(conn, "moving")
    await keeper.handle(second)
    assert [message.id for message in sender.sent] == [first.id]
    async with pool.acquire() as conn:
        found = [await jobs.find(conn, "test_message", job.id) for job in (first, second)]
    assert [(job.state, job.problem) for job in found if job is not None] == [
        ("done", None),
        ("failed", "the desk was paused before it was sent"),
    ]


async def test_pausing_twice_keeps_the_first_reason_and_resuming_twice_does_nothing(conn: DbConnection) -> None:
    assert await desk_state.pause(conn, "first")
    assert not await desk_state.pause(conn, "second")
    pause = await desk_state.find_pause(conn)
    assert pause is not None
    assert pause.reason == "first"
    assert await resume_desk(conn, repeatable_channels=[]) is not None
    assert await resume_desk(conn, repeatable_channels=[]) is None


async def test_an_ordinary_pause_doubts_nothing_and_answers_what_came_before(desk: Desk) -> None:
    await desk.submit()
    async with desk.pool.acquire() as conn:
        await desk_state.pause(conn, "moving")
        resumed = await resume_desk(conn, repeatable_channels=[])
    assert resumed is not None
    assert (resumed.was_restored, resumed.doubted) == (False, 0)
    await desk.work()
    assert await desk.read_status() == "auto_resolved"


async def restore(desk: Desk, *, nothing_was_sent: bool = False) -> None:
    """As after a snapshot of the provider."""
    async with desk.pool.acquire() as conn:
        await desk_state.pause_restored(conn, "a snapshot")
        await resume_desk(conn, repeatable_channels=["web"], nothing_was_sent=nothing_was_sent)


async def test_a_message_from_before_a_restore_goes_to_a_person_with_its_draft_and_the_customer_hears_nothing(
    desk: Desk,
) -> None:
    await desk.submit()
    await restore(desk)
    await desk.work()
    (ticket,) = await desk.fetch("SELECT status, handover_reason, handover_draft FROM tickets")
    assert ticket["status"] == "escalated"
    assert ticket["handover_reason"].startswith("it arrived before the desk was restored")
    assert ticket["handover_draft"] == "Open Settings and choose Export [1]."
    assert await desk.count("outbox") == 0


async def test_what_goes_to_a_person_anyway_says_both_reasons(desk: Desk) -> None:
    desk.agent.think = think_a_handover
    await desk.submit()
    await restore(desk)
    await desk.work()
    reason = await desk.fetch_value("SELECT handover_reason FROM tickets")
    assert "before the desk was restored" in reason
    assert "billing goes to a person" in reason
    assert await desk.count("outbox") == 0


async def test_a_message_that_arrives_after_a_restore_is_answered(desk: Desk) -> None:
    await restore(desk)
    await desk.submit()
    await desk.work()
    assert await desk.read_status() == "auto_resolved"


async def test_a_message_that_a_vendor_took_before_the_restore_counts_as_older_however_late_it_comes(
    desk: Desk,
) -> None:
    await restore(desk)
    await write(desk, make_chat(sent_at=PAST))
    await desk.work()
    assert await desk.read_status() == "escalated"


async def test_a_vendor_whose_clock_is_fast_makes_nothing_newer(desk: Desk) -> None:
    await write(desk, make_chat(sent_at=datetime.now(UTC) + timedelta(hours=1)))
    await restore(desk)
    await desk.work()
    assert await desk.read_status() == "escalated"


async def test_only_what_was_unsent_at_the_restore_is_in_doubt_afterwards(pool: DbPool) -> None:
    desk, _sender = await open_desk(pool)
    async with pool.acquire() as conn:
        await desk_state.pause_restored(conn, "a snapshot")
    newer = await desk.queue(await desk.open_chat("+15550123"))
    async with pool.acquire() as conn:
        resumed = await resume_desk(conn, repeatable_channels=["web"])
        assert resumed is not None
        assert resumed.doubted == 1
        rows = await conn.fetch("SELECT id, state, tried_at IS NULL AS is_new FROM outbox ORDER BY created_at")
        assert [(row["state"], row["is_new"]) for row in rows] == [("unknown", False), ("queued", True)]
        assert rows[1]["id"] == newer
        # Nobody can be asked on this channel: a person is told at the next round.
        recovered = await outbox.recover_expired(conn, ["web"], ["gmail"])
    assert [reply_id for reply_id, _reason in recovered.given_up] == [rows[0]["id"]]


async def test_replies_on_the_web_are_on_their_page_already_and_in_no_doubt(conn: DbConnection) -> None:
    await queue_reply(conn, await open_conversation(conn, "TF-1"))
    await desk_state.pause_restored(conn, "a snapshot")
    resumed = await resume_desk(conn, repeatable_channels=["web"])
    assert resumed is not None
    assert resumed.doubted == 0


async def test_a_test_message_from_before_a_restore_is_not_sent_again(conn: DbConnection) -> None:
    await fill(conn)
    await desk_state.pause_restored(conn, "a snapshot")
    await resume_desk(conn, repeatable_channels=["web"])
    assert await claim_tests(conn) == 0
    assert await conn.fetchval("SELECT state FROM jobs") == "failed"
