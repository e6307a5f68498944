"""Chat Completions: requests checked as the vendor does, answers whole or streamed."""

from collections.abc import Iterator
from typing import Any

from tests.emulators.openai.script import Say
from tests.emulators.openai.usage import Usage

Json = dict[str, Any]
_PIECE = 7  # characters of one streamed piece


def find_fault(body: Json) -> str | None:
    """What the vendor would refuse the request for."""
    messages = body.get("messages")
    if not messages:
        return "you must provide messages"
    if body.get("parallel_tool_calls") is not None and not body.get("tools"):
        return "'parallel_tool_calls' is only allowed when 'tools' are specified."
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            return "An assistant message with 'tool_calls' must be followed by tool messages for each of them."
        open_calls |= {each["id"] for each in message.get("tool_calls") or ()}
    return find_loose_schema(each["function"] for each in body.get("tools") or ())


def find_loose_schema(functions: Any) -> str | None:
    """A strict tool must name all its arguments as required and allow no others."""
    for function in functions:
        schema = function["parameters"]
        is_closed = schema.get("additionalProperties") is False
        if function.get("strict") and not (is_closed and set(schema["required"]) == set(schema["properties"])):
            return f"Invalid schema for function '{function['name']}'"
    return None


def write_answer(body: Json, say: Say, number: int, usage: Usage) -> Json:
    """A chat.completion."""
    message: Json = {"role": "assistant", "content": say.text or None, "refusal": say.refusal or None}
    if say.calls:
        message["tool_calls"] = _write_calls(say, number)
    choice = {"index": 0, "finish_reason": _name_finish(say), "message": message, "logprobs": None}
    return {**_write_head(body, number, "chat.completion"), "choices": [choice], "usage": _write_usage(usage)}


def stream_answer(body: Json, say: Say, number: int, usage: Usage) -> Iterator[Json]:
    """The same in pieces. The usage comes last, and only to who asked for it."""
    head = _write_head(body, number, "chat.completion.chunk")

    def chunk(delta: Json, finish: str | None = None) -> Json:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    yield chunk({"role": "assistant", "content": None})
    for piece in split(say.text):
        yield chunk({"content": piece})
    for piece in split(say.refusal):
        yield chunk({"refusal": piece})
    for index, each in enumerate(_write_calls(say, number)):
        function = {"name": each["function"]["name"], "arguments": ""}
        yield chunk({"tool_calls": [{**each, "index": index, "function": function}]})
        for piece in split(each["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _name_finish(say))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _write_usage(usage)}


def split(text: str) -> list[str]:
    """A text in pieces, as it is streamed."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _write_head(body: Json, number: int, kind: str) -> Json:
    return {"id": f"chatcmpl-{number}", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def _write_calls(say: Say, number: int) -> list[Json]:
    return [
        {
            "id": each.id or f"call_{number}_{index}",
            "type": "function",
            "function": {"name": each.name, "arguments": each.raw_arguments},
        }
        for index, each in enumerate(say.calls)
    ]


def _name_finish(say: Say) -> str:
    if say.is_cut:
        return "length"
    return "tool_calls" if say.calls else "stop"


def _write_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
