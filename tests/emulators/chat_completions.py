"""A small server that speaks OpenAI's chat completions on loopback and answers what a test scripted."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.serving import serve_app

Step = Sequence[tuple[str, dict[str, Any]]] | str | int


@dataclass(slots=True)
class ChatCompletions:
    """What the server will answer, step by step, and what it was asked. A number is an HTTP error."""

    steps: list[Step]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """One completion."""
        self.keys.append(request.headers.get("authorization", ""))
        self.requests.append(await request.json())
        step = self.steps[min(len(self.requests), len(self.steps)) - 1]
        if isinstance(step, int):
            return JSONResponse({"error": {"message": "scripted", "type": "server_error"}}, step)
        return JSONResponse(
            {
                "id": f"chatcmpl-{len(self.requests)}",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": self.requests[-1]["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": _build_message(step, len(self.requests))}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
            }
        )


def _build_message(step: Sequence[tuple[str, dict[str, Any]]] | str, number: int) -> dict[str, Any]:
    if isinstance(step, str):
        return {"role": "assistant", "content": step}
    calls = [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(step)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@asynccontextmanager
async def serve_chat_completions(*steps: Step) -> AsyncIterator[ChatCompletions]:
    """The server, for the length of the block."""
    state = ChatCompletions(list(steps))
    app = Starlette(routes=[Route("/v1/chat/completions", state.answer, methods=["POST"])])
    async with serve_app(app) as url:
        state.url = f"{url}/v1"
        yield state
