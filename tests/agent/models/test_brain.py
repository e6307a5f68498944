"""The model brain over a real connection, against a server that speaks the same protocol."""

from contextlib import aclosing
from typing import Any

from pydantic import SecretStr

from agent.models.brain import OFFLINE_BRAIN, Brain, build_brain
from agent.run import SupportAgent, TurnResult
from core.settings import AgentSettings, OpenAISettings
from database.types import ConversationState, Passage
from tests.agent.builders import make_passage, make_turn
from tests.emulators.chat_completions import ChatCompletions, Step, serve_chat_completions

PASSAGE = make_passage("Select Forgot password on the sign-in page.")
LOOK: Step = [
    ("analyze_sentiment", {"text": "How can I reset it?"}),
    ("search_knowledge_base", {"query": "reset password"}),
]
ANSWER: Step = [
    ("create_ticket", {"subject": "Password", "category": "account", "priority": "low"}),
    ("send_response", {"text": "Select Forgot password on the sign-in page. [1]", "citations": [1]}),
]


def make_brain(server: ChatCompletions) -> Brain:
    return build_brain(
        OpenAISettings(api_key=SecretStr("sk-test"), model="gpt-4o", base_url=server.url, timeout_seconds=5)
    )


async def run_with(brain: Brain) -> TurnResult:
    async def search(_query: str) -> list[Passage]:
        return [PASSAGE]

    async def read_history(_conversation: ConversationState) -> list[dict[str, Any]]:
        return []

    async def check_policy(_texts: object) -> tuple[()]:
        return ()

    agent = SupportAgent(
        AgentSettings(),
        company="Harborline",
        brain=brain,
        check_policy=check_policy,
        search_knowledge=search,
        read_history=read_history,
    )
    async with aclosing(agent):
        return await agent.run_turn(make_turn(channel="gmail"))


def test_without_a_key_the_offline_brain_thinks() -> None:
    assert build_brain(OpenAISettings()) is OFFLINE_BRAIN


async def test_a_compatible_server_answers_through_the_same_six_tools() -> None:
    async with serve_chat_completions(LOOK, ANSWER) as server:
        result = await run_with(make_brain(server))
    assert result.decision.action == "answer"
    assert (result.brain.name, result.brain.model) == ("openai", "gpt-4o")
    assert (result.input_tokens, result.output_tokens) == (200, 40)
    first = server.requests[0]
    assert first["model"] == "gpt-4o"
    assert {tool["function"]["name"] for tool in first["tools"]} == {
        "search_knowledge_base",
        "create_ticket",
        "get_customer_history",
        "escalate_to_human",
        "send_response",
        "analyze_sentiment",
    }
    assert server.keys == ["Bearer sk-test"] * 2


async def test_the_instructions_speak_of_company_channel_and_ticket() -> None:
    async with serve_chat_completions(LOOK, ANSWER) as server:
        await run_with(make_brain(server))
    instructions = server.requests[0]["messages"][0]["content"]
    for expected in ("Harborline", "gmail", "TF-20261121-0001", "formal"):
        assert expected in instructions


async def test_no_tool_lets_the_model_name_a_customer_a_conversation_or_a_channel() -> None:
    async with serve_chat_completions(LOOK, ANSWER) as server:
        await run_with(make_brain(server))
    arguments = {
        name for tool in server.requests[0]["tools"] for name in tool["function"]["parameters"].get("properties", {})
    }
    assert arguments == {"query", "subject", "category", "priority", "reason", "summary", "text", "citations"}


async def test_an_error_of_the_server_is_not_repeated_but_degrades_at_once() -> None:
    for status in (429, 500, 401):
        async with serve_chat_completions(status) as server:
            result = await run_with(make_brain(server))
        assert len(server.requests) == 1
        assert result.brain is OFFLINE_BRAIN
        assert result.decision.action == "answer"
