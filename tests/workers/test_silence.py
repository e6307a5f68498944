"""Thanks after an automatic answer: the turn is settled and on record, and nobody hears anything."""

import pytest

from agent.context import Turn
from agent.decision.policy import PolicyMatch
from agent.run import TurnResult
from core.settings import AgentSettings
from tests.agent.builders import make_agent
from tests.workers.chats import write
from tests.workers.stubs import REF, Desk, think_an_answer
from tests.workers.test_resolve_channels import make_mail


async def thank(desk: Desk, text: str = "Thanks, that worked!") -> None:
    """The customer writes once more, and the real agent with the offline brain thinks."""
    desk.agent.think = make_agent().run_turn
    await desk.reply(text)
    await desk.work()


async def test_nothing_is_sent_the_ticket_stays_as_it_was_and_the_turn_is_on_record(desk: Desk) -> None:
    thread_id = await desk.submit()
    await desk.work()
    desk.stored.clear()
    (before,) = await desk.fetch("SELECT status, confidence, subject, category, priority FROM tickets")
    await thank(desk)
    assert [author for author, _ in await desk.list_messages()] == ["customer", "assistant", "customer"]
    assert await desk.count("outbox") == desk.replies == 1
    assert await desk.fetch("SELECT status, confidence, subject, category, priority FROM tickets") == [before]
    assert before["status"] == "auto_resolved"
    assert await desk.fetch_value("SELECT array_agg(outcome ORDER BY created_at) FROM agent_runs") == [
        "answered",
        "silent",
    ]
    assert await desk.fetch_value("SELECT count(*) FROM agent_metrics WHERE outcome = 'silent'") == 1
    assert tuple((await desk.fetch("SELECT owner, automatic_replies FROM conversations"))[0]) == ("agent", 1)
    thread = await desk.read_thread(thread_id)
    assert (thread["ready_at"], thread["done_seq"], thread["lease_token"]) == (None, 2, None)
    assert desk.stored == [REF, REF]  # its page shows the message, and then the ticket as it was


async def test_a_ticket_that_a_person_had_closed_is_closed_again(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await desk.execute("UPDATE tickets SET status = 'closed'")
    await thank(desk)
    assert await desk.read_status() == "closed"


async def test_what_is_asked_after_the_thanks_is_answered(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await thank(desk)
    desk.agent.think = think_an_answer
    await desk.reply("And how do I import?")
    await desk.work()
    assert [author for author, _ in await desk.list_messages()][-2:] == ["customer", "assistant"]
    assert await desk.read_status() == "auto_resolved"


async def test_thanks_in_one_burst_with_a_question_are_no_mere_thanks(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await desk.reply("Thanks!")
    await thank(desk, "But it still fails")
    assert await desk.fetch_value("SELECT count(*) FROM agent_runs WHERE outcome = 'silent'") == 0
    assert await desk.count("outbox") == 2


async def test_a_question_that_arrives_while_silence_is_decided_is_answered(desk: Desk) -> None:
    await desk.submit()
    await desk.work()

    async def be_overtaken(turn: Turn) -> TurnResult:
        result = await make_agent().run_turn(turn)
        assert result.decision.action == "stay_silent"
        await desk.reply("But it still fails")
        return result

    desk.agent.think = be_overtaken
    await desk.reply("Thanks!")
    await desk.work()
    desk.agent.think = think_an_answer
    await desk.work()
    assert desk.agent.turns[-1].messages == ("Thanks!", "But it still fails")
    assert (await desk.list_messages())[-1][0] == "assistant"


async def test_thanks_of_whom_the_desk_has_written_to_too_often_bother_nobody(desk: Desk) -> None:
    """A loop gets a person; mere thanks go on nowhere and have nothing for one."""
    for number in range(AgentSettings().max_replies_per_hour):
        await write(desk, make_mail().model_copy(update={"contact": f"thread {number}"}))
        await desk.work()
    desk.agent.think = make_agent().run_turn
    await write(desk, make_mail("Thanks!").model_copy(update={"contact": "thread 0"}))
    await desk.work()
    assert await desk.fetch_value("SELECT count(*) FROM tickets WHERE status <> 'auto_resolved'") == 0
    assert await desk.fetch_value("SELECT outcome FROM agent_runs ORDER BY created_at DESC LIMIT 1") == "silent"


async def test_thanks_confirm_the_answer_before_them(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await thank(desk)
    (label,) = await desk.fetch(
        "SELECT r.outcome, l.kind, l.is_right FROM run_labels l JOIN agent_runs r ON r.id = run_id"
    )
    assert tuple(label) == ("answered", "confirmed", True)
    await thank(desk)
    assert await desk.count("run_labels") == 1


@pytest.mark.parametrize(
    ("rule", "text", "is_right"),
    [
        ("anger", "And how do I import?", False),
        ("asks_for_person", "And how do I import?", False),
        ("billing_dispute", "And how do I import?", None),
        (None, "And how do I import?", None),
        (None, "That did not work.", False),
    ],
)
async def test_anger_a_call_for_a_person_or_a_failure_says_that_the_answer_before_was_wrong_and_questions_do_not(
    desk: Desk, rule: str | None, text: str, is_right: bool | None
) -> None:
    await desk.submit()
    await desk.work()
    policy = (PolicyMatch(rule, "general", "always", "words"),) if rule else ()
    desk.agent.think = make_agent(policy=policy).run_turn
    await desk.reply(text)
    await desk.work()
    found = await desk.fetch("SELECT kind, is_right, given_by FROM run_labels")
    assert [tuple(row) for row in found] == [("reopened", is_right, "customer")]


async def test_of_an_answer_that_a_person_has_followed_up_a_customer_says_nothing_any_more(desk: Desk) -> None:
    await desk.submit()
    await desk.work()
    await desk.execute(
        "INSERT INTO messages (id, conversation_id, author, text)"
        " SELECT gen_random_uuid(), id, 'person', 'Better so.' FROM conversations"
    )
    await desk.reply("That did not work.")
    await desk.work()
    assert await desk.count("run_labels") == 0


async def test_a_first_message_says_nothing_of_any_answer(desk: Desk) -> None:
    desk.agent.think = make_agent(policy=(PolicyMatch("anger", "general", "always", "words"),)).run_turn
    await desk.submit()
    await desk.work()
    assert await desk.count("run_labels") == 0
