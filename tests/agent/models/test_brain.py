"""The model brain over a real connection, against a server that speaks the same protocol."""

from typing import get_args

import pytest

from agent.models.brain import OFFLINE_BRAIN, build_brain
from core.settings import OpenAISettings
from tests.agent.builders import make_turn
from tests.agent.models.asking import ANSWER, API, LOOK, make_brain, run_with
from tests.emulators.openai.server import serve_openai

APIS: tuple[API, ...] = get_args(API)


def test_without_a_key_the_offline_brain_thinks() -> None:
    assert build_brain(OpenAISettings()) is OFFLINE_BRAIN


@pytest.mark.parametrize("api", APIS)
async def test_a_compatible_server_answers_through_the_same_six_tools(api: API) -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        result = await run_with(make_brain(server, api=api))
    assert result.decision.action == "answer"
    assert (result.brain.name, result.brain.model) == ("openai", "gpt-4o")
    assert result.input_tokens == sum(usage.input for usage in server.used)
    assert result.output_tokens == sum(usage.output for usage in server.used)
    assert [asked.path for asked in server.requests] == [
        f"/v1/{'responses' if api == 'responses' else 'chat/completions'}"
    ] * 2
    first = server.bodies[0]
    assert first["model"] == "gpt-4o"
    assert {(tool if api == "responses" else tool["function"])["name"] for tool in first["tools"]} == {
        "search_knowledge_base",
        "create_ticket",
        "get_customer_history",
        "escalate_to_human",
        "send_response",
        "analyze_sentiment",
    }
    assert {asked.key for asked in server.requests} == {"Bearer sk-test"}


async def test_what_is_asked_for_is_written_down_and_never_left_to_a_default() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        await run_with(make_brain(server))
        await run_with(make_brain(server, api="responses"))
    chat, response = server.bodies[0], server.bodies[2]
    assert (chat["temperature"], chat["max_tokens"], chat["parallel_tool_calls"]) == (0.0, 1_000, True)
    assert "store" not in chat  # a compatible server may refuse what it does not know
    assert (response["temperature"], response["max_output_tokens"], response["store"]) == (0.0, 1_000, False)


async def test_a_model_that_takes_no_temperature_is_sent_none() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        await run_with(make_brain(server, model="o4-mini"))
    assert "temperature" not in server.bodies[0]


async def test_the_instructions_speak_of_company_channel_and_ticket() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        await run_with(make_brain(server), make_turn(channel="gmail"))
    instructions = server.bodies[0]["messages"][0]["content"]
    for expected in ("Harborline", "gmail", "TF-20261121-0001", "formal"):
        assert expected in instructions


async def test_two_conversations_share_the_beginning_of_their_prompt_and_the_vendor_has_it_cached() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        brain = make_brain(server)
        await run_with(brain, make_turn("How can I reset my password?", channel="web"), is_last=False)
        server.requests.clear()
        second = await run_with(brain, make_turn("Where is my invoice?", channel="whatsapp"))
    assert second.cached_tokens > 1_024
    assert second.model_calls[0].cached_tokens > 0
    assert second.cost_usd is not None
    dearer = second.input_tokens * 2.5e-6 + second.output_tokens * 1e-5
    assert 0 < float(second.cost_usd) < dearer


async def test_no_tool_lets_the_model_name_a_customer_a_conversation_or_a_channel() -> None:
    async with serve_openai(LOOK, ANSWER) as server:
        await run_with(make_brain(server))
    arguments = {
        name for tool in server.bodies[0]["tools"] for name in tool["function"]["parameters"].get("properties", {})
    }
    assert arguments == {"query", "subject", "category", "priority", "reason", "summary", "text", "citations"}
