"""Turns that a model thinks, from the claim to the commit: what is sent, and what is on record afterwards."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest
from asyncpg import Record

from agent.context import Turn
from agent.run import TurnResult
from agent.summary import RunningSummary
from core.settings import AgentSettings
from database.queries.conversations import view_conversation
from tests.agent.builders import KNOWLEDGE_VERSION, make_agent
from tests.agent.models.asking import ANSWER, API, HAND_OVER, LOOK, make_brain
from tests.emulators.openai.script import Call, Fail, Say, Step
from tests.emulators.openai.server import OpenAIServer, serve_openai
from tests.workers.chats import make_chat, write
from tests.workers.stubs import Desk, build_answer

APIS: tuple[API, ...] = get_args(API)


@asynccontextmanager
async def thinking(
    desk: Desk, *steps: Step, settings: AgentSettings | None = None, **brain: Any
) -> AsyncIterator[OpenAIServer]:
    """The desk's turns are thought by the real agent, with a model on the emulator."""
    async with (
        serve_openai(*steps) as server,
        aclosing(make_agent(brain=make_brain(server, **brain), settings=settings)) as agent,
    ):
        desk.agent.think = agent.run_turn
        yield server


async def fetch_run(desk: Desk) -> Record:
    (run,) = await desk.fetch("SELECT * FROM agent_runs")
    return run


async def test_numbers_that_no_database_takes_do_not_undo_the_turn(desk: Desk) -> None:
    text = "Select Forgot password on the sign-in page. [1]"
    bad = Say(calls=(Call("send_response", f'{{"text": "{text}", "citations": [NaN, 1e999]}}'),))
    async with thinking(desk, LOOK, bad, ANSWER):
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    assert await desk.read_status() == "auto_resolved"


@pytest.mark.parametrize("api", APIS)
async def test_a_question_is_answered_by_the_model_and_every_step_is_on_record(desk: Desk, api: API) -> None:
    async with thinking(desk, LOOK, Fail(503), ANSWER, api=api):
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    assert (await desk.list_messages())[-1][0] == "assistant"
    assert await desk.read_status() == "auto_resolved"
    run = await fetch_run(desk)
    assert (run["brain"], run["model"], run["outcome"], run["fallback"]) == ("openai", "gpt-4o", "answered", None)
    assert run["knowledge_version"] == str(KNOWLEDGE_VERSION)
    assert "How can I reset my forgotten password?" in json.dumps(json.loads(run["input"]))
    calls = await desk.fetch("SELECT * FROM model_calls ORDER BY position")
    assert [(call["finish_reason"], call["error"]) for call in calls] == [
        ("tool_calls", None),
        (None, "InternalServerError"),
        ("tool_calls", None),
    ]
    assert run["input_tokens"] == sum(call["input_tokens"] for call in calls) > 0
    assert run["cost_usd"] == sum((call["cost_usd"] or Decimal(0) for call in calls), Decimal(0)) > 0
    tools = await desk.fetch("SELECT tool, model_call FROM tool_calls ORDER BY position")
    assert [tuple(tool) for tool in tools] == [
        ("analyze_sentiment", 0),
        ("search_knowledge_base", 0),
        ("create_ticket", 2),
        ("send_response", 2),
    ]
    async with desk.pool.acquire() as conn:
        view = await view_conversation(conn, run["conversation_id"])
    assert view is not None
    assert [call["error"] for call in view["runs"][0]["model_calls"]] == [None, "InternalServerError", None]
    assert view["runs"][0]["cost_usd"] == pytest.approx(float(run["cost_usd"]))


@pytest.mark.parametrize("api", APIS)
async def test_a_handover_by_the_model_reaches_its_team_with_reason_and_summary(desk: Desk, api: API) -> None:
    async with thinking(desk, HAND_OVER, api=api):
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    (ticket,) = await desk.fetch("SELECT * FROM tickets")
    assert (ticket["status"], ticket["route"], ticket["handover_reason"]) == ("escalated", "technical", "needs a log")
    assert ticket["handover_summary"] == "cannot sign in"


async def test_a_turn_that_the_offline_brain_took_over_keeps_what_the_model_did_and_cost(desk: Desk) -> None:
    async with thinking(desk, LOOK, Fail(401)):
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    run = await fetch_run(desk)
    assert (run["brain"], run["outcome"], run["fallback"]) == ("offline", "answered", "AuthenticationError")
    assert run["cost_usd"] > 0
    asked_by = await desk.fetch("SELECT model_call FROM tool_calls ORDER BY position")
    assert [row["model_call"] for row in asked_by][:3] == [0, 0, None]


async def test_an_unknown_price_is_stored_as_unknown(desk: Desk) -> None:
    async with thinking(desk, LOOK, ANSWER, model="llama-4"):
        await desk.submit("How can I reset my forgotten password?")
        await desk.work()
    run = await fetch_run(desk)
    assert (run["model"], run["cost_usd"]) == ("llama-4", None)


async def test_what_is_no_longer_shown_is_summed_up_once_and_the_summary_takes_its_place(desk: Desk) -> None:
    settings = AgentSettings(window_tokens=1_500, max_automatic_replies=50)
    async with thinking(desk, LOOK, ANSWER, settings=settings) as server:
        await desk.submit("How can I reset my forgotten password? " + "It is urgent. " * 60)
        await desk.work()
        server.steps = [Say("They forgot their password."), LOOK, ANSWER]
        server.requests.clear()
        await desk.reply("And where do I find the page to reset my password?")
        await desk.work()
        summary = await desk.fetch_value("SELECT summary FROM conversations")
        assert summary == "They forgot their password."
        server.steps = [LOOK, ANSWER]
        server.requests.clear()
        await desk.reply("And if the mail to reset my password does not come?")
        await desk.work()
    third = desk.agent.turns[2].conversation
    assert third.summary == "They forgot their password."
    assert len(third.history) == 3  # the first answer was kept; the first question is in the summary now
    assert not any("It is urgent." in text for _, text in third.history)
    assert "They forgot their password." in json.dumps(server.bodies[0])


async def test_a_summary_of_a_turn_that_was_overtaken_is_not_stored(desk: Desk) -> None:
    async def be_overtaken(turn: Turn) -> TurnResult:
        await desk.reply("one more thing")
        return replace(build_answer(turn), running_summary=RunningSummary("too early", 0))

    desk.agent.think = be_overtaken
    await desk.submit()
    await desk.work()
    assert await desk.fetch_value("SELECT summary FROM conversations") == ""


async def test_what_a_proven_customer_says_of_themselves_is_known_in_their_next_conversation(desk: Desk) -> None:
    await write(desk, make_chat("How do I export? We are on the Pro plan."))
    await desk.work()
    (fact,) = await desk.fetch(
        "SELECT f.fact, m.text FROM customer_facts f JOIN messages m ON m.id = f.message_id AND m.author = 'customer'"
    )
    assert fact["fact"] == "We are on the Pro plan."
    assert fact["fact"] in fact["text"]
    await write(desk, make_chat("And import? We are on the Pro plan.", inbox="+15550199"))
    await desk.work()
    await write(desk, make_chat("And print?", inbox="+15550198"))
    await desk.work()
    assert [turn.conversation.facts for turn in desk.agent.turns] == [
        (),
        ("We are on the Pro plan.",),
        ("We are on the Pro plan.",),
    ]


async def test_a_proof_that_no_longer_holds_takes_its_facts_with_it(desk: Desk) -> None:
    await write(desk, make_chat("How do I export? We are on the Pro plan."))
    await desk.work()
    await desk.execute("UPDATE conversations SET identity_level = 'self_reported'")
    await write(desk, make_chat("And print?", inbox="+15550198"))
    await desk.work()
    assert desk.agent.turns[-1].conversation.facts == ()


async def test_nothing_is_remembered_of_whom_nobody_has_proven_and_nothing_is_told_to_others(desk: Desk) -> None:
    await desk.submit("How do I export? We are on the Pro plan.", "TF-20200101-0001")
    await desk.work()
    assert await desk.count("customer_facts") == 0
    await write(desk, make_chat("We are on the Pro plan."))
    await desk.work()
    stranger = {"value": "+15550222", "name": "Bob"}
    other = make_chat("And print?", contact="+15550222")
    assert other.sender is not None
    await write(desk, other.model_copy(update={"sender": other.sender.model_copy(update=stranger)}))
    await desk.work()
    assert await desk.count("customer_facts") == 1
    assert desk.agent.turns[-1].conversation.facts == ()
