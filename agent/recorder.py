"""The record of what the tools were asked and what they said."""

import json
import time

from agents import Agent, RunContextWrapper, RunHooks, Tool
from agents.tool_context import ToolContext

from agent.context import TurnContext
from agent.effects import clean_model_text, make_storable
from database.queries.runs import ToolCallRecord


class ToolRecorder(RunHooks[TurnContext]):
    """Writes down every tool call with its arguments, output and duration, so that a turn can be explained."""

    def __init__(self, *, is_model: bool) -> None:
        self._is_model = is_model
        self._started: dict[str, float] = {}

    async def on_tool_start(
        self, context: RunContextWrapper[TurnContext], _agent: Agent[TurnContext], _tool: Tool
    ) -> None:
        """Remember when the call began."""
        if isinstance(context, ToolContext):
            self._started[context.tool_call_id] = time.perf_counter()

    async def on_tool_end(
        self, context: RunContextWrapper[TurnContext], _agent: Agent[TurnContext], tool: Tool, result: object
    ) -> None:
        """Keep the finished call."""
        if isinstance(context, ToolContext):
            seconds = time.perf_counter() - self._started.pop(context.tool_call_id, time.perf_counter())
            arguments = make_storable(_read_arguments(context.tool_arguments or "{}"))
            output = clean_model_text(str(result))
            asked_by = len(context.context.model_calls) - 1 if self._is_model else None
            context.context.calls.append(ToolCallRecord(tool.name, arguments, output, seconds * 1000, asked_by))


def _read_arguments(arguments: str) -> object:
    """What a model has written as arguments, which may be no JSON at all."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return {"unreadable": arguments}
