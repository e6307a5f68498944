"""What may happen while the agent thinks: a lost lease, a person, more messages. It looks again before speaking."""

from agent.context import Turn
from agent.run import TurnResult
from database.types import Lease
from tests.workers.stubs import Desk, build_answer, build_handover, fail_to_think, make_lease_of_nobody, think_an_answer
from workers.commit import MAX_SUPERSEDED


async def test_a_lease_lost_before_the_commit_writes_nothing(desk: Desk) -> None:
    thread_id = await desk.submit()
    heirs: list[Lease] = []

    async def be_overtaken(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE queue_threads SET ready_at = now()")
        heirs.append(await desk.claim())
        return build_answer(turn)

    desk.agent.think = be_overtaken
    await desk.work()
    assert await desk.list_messages() == [("customer", "How do I export my data?")]
    for table in ("outbox", "agent_runs", "agent_metrics"):
        assert await desk.count(table) == 0
    assert await desk.read_status() == "open"
    thread = await desk.read_thread(thread_id)
    assert (thread["lease_token"], thread["attempts"]) == (heirs[0].token, 2)

    desk.agent.think = think_an_answer
    await desk.processor.process(heirs[0])
    assert [author for author, _ in await desk.list_messages()] == ["customer", "assistant"]


async def test_a_lease_that_expired_unnoticed_writes_nothing(desk: Desk) -> None:
    async def sleep_too_long(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE queue_threads SET ready_at = now()")
        return build_answer(turn)

    desk.agent.think = sleep_too_long
    await desk.submit()
    await desk.work()
    assert await desk.count("outbox") == await desk.count("agent_runs") == 0


async def test_a_lease_lost_before_anything_was_stored_stores_nothing(desk: Desk) -> None:
    thread_id = await desk.submit()
    lease = await desk.claim()
    await desk.processor.process(make_lease_of_nobody(lease))
    assert desk.agent.turns == []
    assert await desk.count("conversations") == await desk.count("customers") == await desk.count("messages") == 0
    assert (await desk.read_thread(thread_id))["lease_token"] == lease.token


async def test_a_failed_turn_whose_lease_was_lost_does_not_disturb_the_heir(desk: Desk) -> None:
    heirs: list[Lease] = []

    async def be_overtaken_and_fail(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE queue_threads SET ready_at = now()")
        heirs.append(await desk.claim())
        return await fail_to_think(turn)

    desk.agent.think = be_overtaken_and_fail
    thread_id = await desk.submit()
    await desk.work()
    thread = await desk.read_thread(thread_id)
    assert (thread["lease_token"], thread["ready_at"]) == (heirs[0].token, heirs[0].expires_at)


async def test_a_draft_is_not_sent_when_a_person_took_the_conversation_meanwhile(desk: Desk) -> None:
    async def be_relieved(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE conversations SET owner = 'person'")
        return build_answer(turn)

    desk.agent.think = be_relieved
    thread_id = await desk.submit()
    await desk.work()
    assert await desk.list_messages() == [("customer", "How do I export my data?")]
    assert await desk.count("outbox") == 0
    assert await desk.fetch_value("SELECT outcome FROM agent_runs") == "person_owns"
    assert await desk.count("tool_calls") == 2
    assert await desk.read_status() == "open"
    assert await desk.fetch_value("SELECT subject FROM tickets") == "Exporting my data"
    thread = await desk.read_thread(thread_id)
    assert (thread["ready_at"], thread["done_seq"]) == (None, 1)
    assert desk.replies == 0


async def test_a_handover_is_not_announced_when_a_person_is_there_already(desk: Desk) -> None:
    async def be_relieved(turn: Turn) -> TurnResult:
        await desk.execute("UPDATE conversations SET owner = 'person'")
        return build_handover(turn)

    desk.agent.think = be_relieved
    await desk.submit()
    await desk.work()
    assert await desk.count("outbox") == 0
    assert await desk.read_status() == "open"


async def test_a_message_during_the_run_supersedes_the_draft_and_the_next_turn_has_both(desk: Desk) -> None:
    async def be_interrupted(turn: Turn) -> TurnResult:
        await desk.reply("Never mind, how do I delete it?")
        return build_answer(turn)

    desk.agent.think = be_interrupted
    thread_id = await desk.submit("How do I export it?")
    await desk.work()
    assert await desk.list_messages() == [("customer", "How do I export it?")]
    assert await desk.count("outbox") == 0
    assert await desk.fetch_value("SELECT array_agg(outcome) FROM agent_runs") == ["superseded"]
    thread = await desk.read_thread(thread_id)
    assert (thread["attempts"], thread["lease_token"], thread["done_seq"]) == (0, None, 0)
    assert thread["delay"] <= 0
    assert desk.replies == 0

    desk.agent.think = think_an_answer
    await desk.work()
    assert desk.agent.turns[1].messages == ("How do I export it?", "Never mind, how do I delete it?")
    assert [author for author, _ in await desk.list_messages()] == ["customer", "customer", "assistant"]
    assert await desk.count("outbox") == await desk.count("agent_metrics") == 1
    assert (await desk.read_thread(thread_id))["ready_at"] is None


async def test_a_customer_who_never_stops_writing_gets_a_person_and_not_silence(desk: Desk) -> None:
    async def be_interrupted(turn: Turn) -> TurnResult:
        await desk.reply("one more thing")
        return build_answer(turn)

    desk.agent.think = be_interrupted
    await desk.submit()
    for _ in range(MAX_SUPERSEDED):
        await desk.work()
    assert await desk.read_status() == "open"
    await desk.work()
    assert await desk.fetch_value("SELECT array_agg(outcome ORDER BY created_at) FROM agent_runs") == [
        *["superseded"] * MAX_SUPERSEDED,
        "escalated",
    ]
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert ticket["status"] == "escalated"
    assert "kept writing" in ticket["handover_reason"]
    assert ticket["handover_draft"] is not None
    assert [author for author, _ in await desk.list_messages()].count("system") == 1
    assert await desk.count("outbox") == 1


async def test_superseded_turns_of_an_earlier_question_do_not_count(desk: Desk) -> None:
    async def be_interrupted(turn: Turn) -> TurnResult:
        await desk.reply("one more thing")
        return build_answer(turn)

    await desk.submit()
    for _ in range(MAX_SUPERSEDED + 2):
        desk.agent.think = be_interrupted
        await desk.work()
        desk.agent.think = think_an_answer
        await desk.work()
        await desk.reply("another question")
    assert await desk.read_status() == "auto_resolved"
