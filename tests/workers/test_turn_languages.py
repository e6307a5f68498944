"""What a turn leaves of language and feeling on messages and conversation, and in which words a person is announced."""

import pytest

from tests.agent.builders import make_agent
from tests.workers.stubs import Desk


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The worker's desk with a real agent, which knows English alone."""
    desk.agent.think = make_agent().run_turn
    return desk


async def test_a_customer_is_told_in_their_own_language_that_a_person_takes_over_and_why(desk: Desk) -> None:
    await desk.submit("Guten Tag, wie kann ich meine Daten exportieren?")
    await desk.work()
    [_, (author, text)] = await desk.list_messages()
    assert author == "system"
    assert "Unsere automatische Hilfe kann nur Englisch." in text
    assert "Thank" not in text
    assert await desk.fetch_value("SELECT decision->>'rule' FROM agent_runs") == "language_not_supported"
    assert await desk.fetch_value("SELECT language FROM conversations") == "de"
    assert await desk.fetch_value("SELECT language FROM messages WHERE author = 'customer'") == "de"


async def test_a_desk_that_knows_some_german_does_not_say_that_it_knows_none(desk: Desk) -> None:
    desk.agent.think = make_agent(knowledge_languages=("de", "en")).run_turn
    await desk.submit("Guten Tag, wie kann ich meine Daten exportieren?")
    await desk.work()
    [_, (_, text)] = await desk.list_messages()
    assert await desk.fetch_value("SELECT decision->>'rule' FROM agent_runs") == "language_not_supported"
    assert "automatische Hilfe" not in text


async def test_a_message_in_no_language_keeps_that_of_the_conversation(desk: Desk) -> None:
    await desk.submit("¿Cómo puedo exportar todos mis tableros?")
    await desk.work()
    await desk.execute("UPDATE conversations SET owner = 'agent'")
    await desk.reply("ok")
    await desk.work()
    assert await desk.fetch_value("SELECT language FROM conversations") == "es"
    languages = await desk.fetch("SELECT language FROM messages WHERE author = 'customer' ORDER BY created_at")
    assert [row["language"] for row in languages] == ["es", None]


async def test_feelings_are_kept_by_message_and_their_fall_is_seen(desk: Desk) -> None:
    for text in ("Thanks, your export is great!", "It does not work, what now?", "Still broken. This is unacceptable!"):
        await (desk.reply(text) if await desk.count("tickets") else desk.submit(text))
        await desk.work()
        await desk.execute("UPDATE conversations SET owner = 'agent'")
    rows = await desk.fetch("SELECT sentiment FROM messages WHERE author = 'customer' ORDER BY created_at")
    scores = [row["sentiment"] for row in rows]
    assert scores[0] > 0.2 > -0.2 > scores[2]
    trend = await desk.fetch_value("SELECT sentiment_trend FROM conversations")
    assert trend == pytest.approx((scores[2] - scores[0]) / 2, abs=0.01)
    last = "SELECT (decision->>'sentiment_trend')::float8 FROM agent_runs ORDER BY created_at DESC LIMIT 1"
    assert await desk.fetch_value(last) == pytest.approx(trend, abs=0.001)
