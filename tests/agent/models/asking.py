"""A brain on the emulator, and an agent that thinks with it."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

from agent.context import Turn
from agent.decision.grounding import Grounder
from agent.models.brain import Brain, build_brain
from agent.reading import MessageReader
from agent.run import SupportAgent, TurnResult
from core.settings import AgentSettings, OpenAISettings
from database.queries.knowledge import Shelf
from database.types import ConversationState, Passage
from tests.agent.builders import make_passage, make_turn
from tests.emulators.openai.script import Say, call, together
from tests.emulators.openai.server import OpenAIServer

API = Literal["chat", "responses"]

PASSAGE = make_passage("Select Forgot password on the sign-in page.")
LOOK = together(
    call("analyze_sentiment", text="How can I reset it?"), call("search_knowledge_base", query="reset password")
)
ANSWER = together(
    call("create_ticket", subject="Password", category="account", priority="low"),
    call("send_response", text="Select Forgot password on the sign-in page. [1]", citations=[1]),
)
HAND_OVER = call("escalate_to_human", category="technical", reason="needs a log", summary="cannot sign in")
NOTHING = Say()


class Waits:
    """Waits that take no time and are remembered, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def make_brain(server: OpenAIServer, *, waits: Waits | None = None, **settings: Any) -> Brain:
    """The brain that these settings ask for, on the emulator; it waits for nothing between attempts."""
    defaults: dict[str, Any] = {"api_key": SecretStr("sk-test"), "base_url": server.url, "timeout_seconds": 20}
    return replace(build_brain(OpenAISettings(**{**defaults, **settings})), sleep=waits or Waits())


def make_model_agent(
    brain: Brain, settings: AgentSettings | None = None, *, history: list[dict[str, Any]] | None = None
) -> SupportAgent:
    """An agent with one passage, no rule, and this brain."""

    async def search(query: str, *, shelf: Shelf) -> list[Passage]:
        return [PASSAGE]

    async def read_history(_conversation: ConversationState, _as_of: datetime | None) -> list[dict[str, Any]]:
        return history or []

    async def check_policy(_texts: object) -> tuple[()]:
        return ()

    async def list_languages(_as_of: datetime | None) -> frozenset[str]:
        return frozenset({"en"})

    async def read_version() -> str:
        return "kb-7"

    return SupportAgent(
        settings or AgentSettings(),
        company="Harborline",
        brain=brain,
        check_policy=check_policy,
        reader=MessageReader(list_languages),
        grounder=Grounder(),
        search_knowledge=search,
        read_history=read_history,
        read_knowledge_version=read_version,
    )


async def run_with(
    brain: Brain, turn: Turn | None = None, settings: AgentSettings | None = None, *, is_last: bool = True
) -> TurnResult:
    """One turn with this brain, whose connections end with the last."""
    agent = make_model_agent(brain, settings)
    try:
        return await agent.run_turn(turn or make_turn())
    finally:
        if is_last:
            await agent.aclose()
