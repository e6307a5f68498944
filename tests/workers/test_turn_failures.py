"""Turns that fail: nothing half-written, tried again, and in the end with a person and never in silence."""

import asyncio
import json
import os
import socket
from typing import Any
from unittest.mock import ANY

import asyncpg
import pytest

from agent.context import Turn
from agent.run import TurnResult
from core.errors import RetryLater
from database import queue
from database.queries import runs
from tests.database.builders import make_message, make_worker_id
from tests.workers.stubs import REF, Desk, Thinking, fail_to_think, think_an_answer
from workers.resolve import UNREADABLE_TEXT


async def fail_to_write(*_arguments: Any, **_values: Any) -> None:  # stands in for any query
    raise asyncpg.CheckViolationError("the row is not to the table's liking")


async def test_a_commit_that_fails_half_way_leaves_nothing_behind_and_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await desk.submit()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "add_run", fail_to_write)  # after the reply, the outbox row and the ticket were written
        await desk.work()
    assert await desk.list_messages() == [("customer", "How do I export my data?")]
    assert await desk.read_status() == "open"
    assert await desk.fetch_value("SELECT subject FROM tickets") == "Exporting my data"
    for table in ("outbox", "agent_runs", "tool_calls", "agent_metrics", "dead_letters"):
        assert await desk.count(table) == 0
    thread = await desk.read_thread(thread_id)
    assert (thread["done_seq"], thread["attempts"], thread["lease_token"]) == (0, 1, None)
    assert desk.replies == 0

    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    await desk.work()
    assert [author for author, _ in await desk.list_messages()] == ["customer", "assistant"]
    assert await desk.fetch_value("SELECT attempt FROM agent_runs") == 2


async def test_an_agent_that_fails_is_tried_again_after_a_delay(desk: Desk) -> None:
    desk.agent.think = fail_to_think
    thread_id = await desk.submit()
    await desk.work()
    thread = await desk.read_thread(thread_id)
    assert (thread["attempts"], thread["lease_token"], thread["done_seq"]) == (1, None, 0)
    assert 0.3 < thread["delay"] <= 2
    assert await desk.list_messages() == [("customer", "How do I export my data?")]
    assert await desk.count("outbox") == 0


async def test_a_message_redelivered_to_the_worker_is_stored_once(desk: Desk) -> None:
    desk.agent.think = fail_to_think
    await desk.submit()
    await desk.work()
    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    desk.agent.think = think_an_answer
    await desk.work()
    assert [author for author, _ in await desk.list_messages()] == ["customer", "assistant"]
    assert await desk.count("customers") == await desk.count("conversations") == await desk.count("tickets") == 1


async def test_a_failure_at_the_last_attempt_hands_over_buries_and_tells_the_customer(desk: Desk) -> None:
    desk.agent.think = fail_to_think
    thread_id = await desk.submit("My data is gone")
    await desk.set_attempts(desk.settings.worker.max_attempts - 1)
    await desk.work()
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert ticket["status"] == "escalated"
    assert "ConnectionError" in ticket["handover_reason"]
    assert "My data is gone" in ticket["handover_summary"]
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]
    assert await desk.fetch_value("SELECT array_agg(state) FROM outbox") == ["queued"]
    (dead,) = await desk.fetch("SELECT * FROM dead_letters")
    assert (dead["thread_id"], dead["first_seq"], dead["through_seq"], dead["attempts"]) == (thread_id, 1, 1, 5)
    assert dead["reason"] == "the model is down"
    assert [error["error_class"] for error in json.loads(dead["errors"])] == ["ConnectionError"]
    thread = await desk.read_thread(thread_id)
    assert (thread["ready_at"], thread["done_seq"], thread["attempts"]) == (None, 1, 0)
    assert desk.replies == 1


async def test_a_message_that_killed_its_worker_at_every_attempt_is_handed_over_without_another_try(desk: Desk) -> None:
    await desk.submit()
    await desk.set_attempts(desk.settings.worker.max_attempts)
    await desk.work()
    assert desk.agent.turns == []
    assert await desk.read_status() == "escalated"
    assert await desk.fetch_value("SELECT reason FROM dead_letters") == "its worker died or stalled at every attempt"
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]


async def test_a_commit_that_fails_at_the_last_attempt_still_ends_with_a_person_and_not_in_silence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.submit()
    await desk.set_attempts(desk.settings.worker.max_attempts - 1)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "add_run", fail_to_write)
        await desk.work()
    await desk.execute("UPDATE queue_threads SET ready_at = now() WHERE done_seq < last_seq")
    async with desk.pool.acquire() as conn:
        for lease in await queue.claim(conn, make_worker_id(), max_threads=1, lease_seconds=60):
            await desk.processor.process(lease)
    assert await desk.read_status() == "escalated"
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]


async def test_a_thread_that_is_given_up_is_buried_even_while_its_customer_keeps_writing(desk: Desk) -> None:
    thread_id = await desk.submit("one")

    async def customer_writes_and_model_fails(turn: Turn) -> TurnResult:
        await desk.reply("two")
        return await fail_to_think(turn)

    desk.agent.think = customer_writes_and_model_fails
    await desk.set_attempts(desk.settings.worker.max_attempts - 1)
    await desk.work()
    assert await desk.read_status() == "escalated"
    await desk.work()  # the second message, stored for the person
    assert [text for author, text in await desk.list_messages() if author == "customer"] == ["one", "two"]
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_a_message_without_a_sender_goes_to_a_person_at_once(desk: Desk) -> None:
    """A reply to a ticket that was never opened: trying again cannot tell who wrote it."""
    thread_id = await desk.publish(make_message("TF-unknown", text="Where is my order?", sender=None))
    await desk.work()
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert (ticket["ref"], ticket["status"]) == ("TF-unknown", "escalated")
    assert "UnknownSender" in ticket["handover_reason"]
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system"]
    assert (await desk.list_messages())[0][1] == "Where is my order?"
    assert await desk.count("customer_identifiers") == 0
    assert await desk.count("dead_letters") == 1
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_a_message_that_nobody_can_read_goes_to_a_person_at_once_and_what_arrived_is_kept(desk: Desk) -> None:
    thread_id = await desk.submit()
    await desk.execute("""UPDATE message_queue SET payload = '{"from": "another version"}'""")
    await desk.work()
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert (ticket["ref"], ticket["status"]) == (REF, "escalated")  # the reference its customer was given
    assert await desk.list_messages() == [("customer", UNREADABLE_TEXT), ("system", ANY)]
    (dead,) = await desk.fetch("SELECT * FROM dead_letters")
    assert "another version" not in dead["reason"] + dead["errors"]
    assert await desk.fetch_value("SELECT payload FROM message_queue") == '{"from": "another version"}'
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_an_unreadable_message_in_a_known_conversation_escalates_its_ticket_and_the_thread_goes_on(
    desk: Desk,
) -> None:
    await desk.submit("first")
    await desk.work()
    thread_id = await desk.reply("second")
    await desk.execute("""UPDATE message_queue SET payload = '{"from": "another version"}' WHERE seq = 2""")
    await desk.work()
    assert await desk.read_status() == "escalated"
    await desk.reply("third")
    await desk.work()
    assert [text for author, text in await desk.list_messages() if author == "customer"] == [
        "first",
        UNREADABLE_TEXT,
        "third",
    ]
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_a_message_that_not_even_survives_its_handing_over_is_buried_without_a_ticket(desk: Desk) -> None:
    thread_id = await desk.submit()
    await desk.set_attempts(desk.settings.worker.max_attempts + 1)
    await desk.work()
    assert await desk.count("dead_letters") == 1
    assert await desk.count("tickets") == 0
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_an_error_that_asks_for_patience_gets_it(desk: Desk) -> None:
    async def ask_for_patience(_turn: Turn) -> TurnResult:
        raise RetryLater("too many requests", seconds=100)

    desk.agent.think = ask_for_patience
    thread_id = await desk.submit()
    await desk.work()
    assert 95 < (await desk.read_thread(thread_id))["delay"] <= 100


async def test_every_failed_attempt_is_written_down_without_secrets(desk: Desk) -> None:
    async def quote_a_key(_turn: Turn) -> TurnResult:
        raise ValueError("wrong key sk-proj-1234567890abcdef for postgresql://desk:hunter2@db/nightdesk")

    desk.agent.think = quote_a_key
    await desk.submit()
    await desk.work()
    (failure,) = await desk.fetch("SELECT * FROM queue_failures")
    assert (failure["attempt"], failure["error_class"]) == (1, "ValueError")
    assert failure["message"] == "wrong key [secret] for postgresql://[secret]@db/nightdesk"
    assert failure["worker"] == f"{socket.gethostname()}:{os.getpid()}"


async def test_a_turn_that_never_ends_is_ended_and_counts_as_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.turn.TURN_DEADLINE_SECONDS", 0.2)
    desk.agent.think = Thinking()
    await desk.submit()
    await desk.work()
    assert await desk.fetch_value("SELECT error_class FROM queue_failures") == "TurnTimeout"


async def test_a_turn_cancelled_at_shutdown_gives_the_thread_back_without_counting_the_attempt(desk: Desk) -> None:
    thread_id = await desk.submit()
    desk.agent.think = thinking = Thinking()
    turn = asyncio.ensure_future(desk.work())
    await thinking.begun.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    thread = await desk.read_thread(thread_id)
    assert (thread["attempts"], thread["lease_token"]) == (0, None)
    assert thread["delay"] <= 0
    assert await desk.count("agent_runs") == 0


async def test_no_transaction_is_open_while_the_agent_thinks(desk: Desk) -> None:
    desk.agent.think = thinking = Thinking()
    await desk.submit()
    turn = asyncio.ensure_future(desk.work())
    await thinking.begun.wait()
    in_transaction = await desk.fetch_value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )
    thinking.may_end.set()
    await turn
    assert in_transaction == 0


async def test_a_database_that_is_away_while_settling_does_not_raise(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_away(*_arguments: Any, **_values: Any) -> None:  # stands in for any query
        raise OSError("connection refused")

    desk.agent.think = fail_to_think
    thread_id = await desk.submit()
    lease = await desk.claim()
    monkeypatch.setattr("workers.turn._SETTLING_SECONDS", 0.1)
    monkeypatch.setattr("workers.turn.queue.retry", be_away)
    await desk.processor.process(lease)
    assert (await desk.read_thread(thread_id))["lease_token"] == lease.token  # until it expires
