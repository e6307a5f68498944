"""Turns that end well: answered, handed over, stored for a person; each written in one commit."""

import json

import pytest

from agent.context import Turn
from agent.run import TurnResult
from database.queue import MAX_MESSAGES_PER_TURN
from tests.workers.stubs import REF, Desk, build_answer, think_a_handover, think_an_answer


async def test_an_answer_is_stored_queued_recorded_and_settled_in_one_commit(desk: Desk) -> None:
    thread_id = await desk.submit()
    await desk.work()

    (question, answer) = await desk.list_messages()
    assert question == ("customer", "How do I export my data?")
    assert answer[0] == "assistant"
    assert "Open Settings and choose Export [1]." in answer[1]
    assert REF in answer[1]
    (reply,) = await desk.fetch(
        "SELECT m.citations, o.state, o.channel, o.inbox FROM outbox o JOIN messages m USING (id)"
    )
    assert (reply["state"], reply["channel"], reply["inbox"]) == ("queued", "web", "form")
    assert [citation["title"] for citation in json.loads(reply["citations"])] == ["Exporting your data"]
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert (ticket["status"], ticket["subject"], ticket["category"], ticket["priority"]) == (
        "auto_resolved",
        "Exporting data",
        "technical",
        "high",
    )
    (run,) = await desk.fetch("SELECT * FROM agent_runs")
    assert (run["outcome"], run["attempt"], run["through_seq"], run["brain"]) == ("answered", 1, 1, "offline")
    assert (run["input_tokens"], run["output_tokens"]) == (11, 22)
    assert set(json.loads(run["stages"])) == {"queue", "resolve", "agent"}
    calls = await desk.fetch("SELECT tool, position FROM tool_calls ORDER BY position")
    assert [tuple(call) for call in calls] == [("search_knowledge_base", 0), ("send_response", 1)]
    (metric,) = await desk.fetch("SELECT * FROM agent_metrics")
    assert (metric["run_id"], metric["channel"], metric["outcome"]) == (run["id"], "web", "answered")
    assert metric["confidence"] == pytest.approx(0.9)
    assert metric["reply_ms"] >= metric["agent_ms"] >= 0
    thread = await desk.read_thread(thread_id)
    assert (thread["done_seq"], thread["ready_at"], thread["attempts"], thread["lease_token"]) == (1, None, 0, None)
    assert (desk.replies, desk.stored) == (1, [REF])

    commits = await desk.fetch_value(
        """SELECT array_agg(DISTINCT xmin::text) FROM (
               SELECT xmin FROM messages WHERE author = 'assistant' UNION ALL SELECT xmin FROM outbox
               UNION ALL SELECT xmin FROM tickets UNION ALL SELECT xmin FROM conversations
               UNION ALL SELECT xmin FROM agent_runs UNION ALL SELECT xmin FROM tool_calls
               UNION ALL SELECT xmin FROM agent_metrics UNION ALL SELECT xmin FROM queue_threads) writes"""
    )
    assert len(commits) == 1


async def test_a_handover_gives_a_person_the_ticket_with_reason_summary_and_draft_and_tells_the_customer(
    desk: Desk,
) -> None:
    desk.agent.think = think_a_handover
    thread_id = await desk.submit("I want my money back")
    await desk.work()
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert (ticket["status"], ticket["route"], ticket["team"]) == ("escalated", "billing", "Billing team")
    assert ticket["handover_reason"] == "billing goes to a person"
    assert "I want my money back" in ticket["handover_summary"]
    assert ticket["handover_draft"] == "A draft."
    (_, (author, text)) = await desk.list_messages()
    assert author == "system"
    assert "Billing team" in text
    assert "A draft." not in text
    assert await desk.fetch_value("SELECT array_agg(state) FROM outbox") == ["queued"]
    assert await desk.fetch_value("SELECT owner FROM conversations") == "person"
    assert await desk.fetch_value("SELECT outcome FROM agent_runs") == "escalated"
    assert await desk.fetch_value("SELECT outcome FROM agent_metrics") == "escalated"
    assert (await desk.read_thread(thread_id))["ready_at"] is None
    assert desk.replies == 1
    assert await desk.count("dead_letters") == 0


async def test_a_burst_is_one_turn_with_one_reply(desk: Desk) -> None:
    await desk.submit("one")
    await desk.reply("two")
    await desk.reply("three")
    await desk.work()
    (turn,) = desk.agent.turns
    assert turn.messages == ("one", "two", "three")
    assert [author for author, _ in await desk.list_messages()] == ["customer", "customer", "customer", "assistant"]
    assert await desk.count("outbox") == 1


async def test_a_burst_larger_than_one_turn_is_answered_all_the_same(desk: Desk) -> None:
    """Messages that were waiting at the claim and did not fit are not newer than the claim."""
    thread_id = await desk.submit("message 0")
    for number in range(1, MAX_MESSAGES_PER_TURN + 3):
        await desk.reply(f"message {number}")
    await desk.work()
    await desk.work()
    assert [len(turn.messages) for turn in desk.agent.turns] == [MAX_MESSAGES_PER_TURN, 3]
    earlier = desk.agent.turns[1].conversation.history
    assert earlier[-1][0] == "assistant"  # the reply to the first part; what arrived before it and waits is left out
    assert not {text for _, text in earlier} & set(desk.agent.turns[1].messages)
    assert (await desk.read_thread(thread_id))["ready_at"] is None
    assert await desk.count("outbox") >= 1


async def test_a_second_message_on_an_escalated_conversation_is_stored_and_left_to_its_person(desk: Desk) -> None:
    desk.agent.think = think_a_handover
    thread_id = await desk.submit("I want my money back")
    await desk.work()
    await desk.reply("Hello? Anybody?")
    await desk.work()
    assert len(desk.agent.turns) == 1
    assert [author for author, _ in await desk.list_messages()] == ["customer", "system", "customer"]
    assert await desk.count("outbox") == 1
    assert await desk.read_status() == "escalated"
    thread = await desk.read_thread(thread_id)
    assert (thread["ready_at"], thread["done_seq"]) == (None, 2)
    assert desk.stored == [REF, REF]


async def test_a_reply_to_an_answered_ticket_reopens_it_and_is_answered(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    assert await desk.read_status() == "auto_resolved"
    status_during: list[str] = []

    async def look_and_answer(turn: Turn) -> TurnResult:
        status_during.append(await desk.read_status())
        return build_answer(turn, "Then try the API [1].")

    desk.agent.think = look_and_answer
    await desk.reply("That did not work")
    await desk.work()
    assert status_during == ["open"]
    assert await desk.read_status() == "auto_resolved"
    assert [author for author, _ in await desk.list_messages()] == ["customer", "assistant", "customer", "assistant"]
    assert await desk.fetch_value("SELECT automatic_replies FROM conversations") == 2
    second = desk.agent.turns[1]
    assert second.messages == ("That did not work",)
    assert [author for author, _ in second.conversation.history] == ["customer", "assistant"]


async def test_a_conversation_that_a_person_gave_back_is_answered_again(desk: Desk) -> None:
    desk.agent.think = think_a_handover
    await desk.submit()
    await desk.work()
    await desk.execute("UPDATE conversations SET owner = 'agent'")
    desk.agent.think = think_an_answer
    await desk.reply("One more question")
    await desk.work()
    assert [author for author, _ in await desk.list_messages()][-1] == "assistant"
    assert await desk.read_status() == "escalated"  # only its person closes an escalated ticket


async def test_an_empty_lease_is_settled_without_a_turn(desk: Desk) -> None:
    thread_id = await desk.submit()
    await desk.work()
    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    await desk.work()
    assert len(desk.agent.turns) == 1
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_the_signature_of_an_inbox_is_used_where_it_has_one(desk: Desk) -> None:
    await desk.execute("UPDATE channel_configs SET signature = 'Your friends at the harbour'")
    await desk.submit()
    await desk.work()
    assert "Your friends at the harbour" in (await desk.list_messages())[-1][1]
