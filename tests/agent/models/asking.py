"""A brain on the emulator, and a turn that it thinks about."""

from dataclasses import replace
from typing import Any, Literal

from pydantic import SecretStr

from agent.context import Turn
from agent.models.brain import Brain, build_brain
from agent.run import TurnResult
from core.settings import AgentSettings, OpenAISettings
from tests.agent.builders import make_agent, make_turn
from tests.emulators.openai.script import Say, call, together
from tests.emulators.openai.server import OpenAIServer

API = Literal["chat", "responses"]

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


async def run_with(
    brain: Brain, turn: Turn | None = None, settings: AgentSettings | None = None, *, is_last: bool = True
) -> TurnResult:
    """One turn with this brain, whose connections end with the last."""
    agent = make_agent(brain=brain, settings=settings)
    try:
        return await agent.run_turn(turn or make_turn())
    finally:
        if is_last:
            await agent.aclose()
