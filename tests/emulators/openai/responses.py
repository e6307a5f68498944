"""The Responses API: requests checked as the vendor does, answers whole or streamed."""

from collections.abc import Iterator
from typing import Any

from tests.emulators.openai.chat import find_loose_schema, split
from tests.emulators.openai.script import Say
from tests.emulators.openai.usage import Usage

Json = dict[str, Any]


def find_fault(body: Json) -> str | None:
    """What the vendor would refuse the request for."""
    items = body.get("input")
    if not items:
        return "Missing required parameter: 'input'."
    if isinstance(items, str):
        return None
    called = {item["call_id"] for item in items if item.get("type") == "function_call"}
    answered = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
    for call_id in called ^ answered:
        return f"No tool output found for function call {call_id}."
    return find_loose_schema(body.get("tools") or ())


def write_answer(body: Json, say: Say, number: int, usage: Usage) -> Json:
    """A response, ended."""
    reason = {"reason": "max_output_tokens"} if say.is_cut else None
    return {
        **_write_head(body, number),
        "status": "incomplete" if say.is_cut else "completed",
        "incomplete_details": reason,
        "output": _write_items(say, number),
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input + usage.output,
        },
    }


def stream_answer(body: Json, say: Say, number: int, usage: Usage) -> Iterator[Json]:
    """The same as events, each with its place in the sequence."""
    whole = write_answer(body, say, number, usage)
    events: list[Json] = [
        {"type": "response.created", "response": {**_write_head(body, number), "status": "in_progress"}}
    ]
    for index, item in enumerate(whole["output"]):
        events += _stream_item(index, item)
    events.append({"type": f"response.{whole['status']}", "response": whole})
    for sequence, event in enumerate(events):
        yield {**event, "sequence_number": sequence}


def _stream_item(index: int, item: Json) -> Iterator[Json]:
    place = {"output_index": index, "item_id": item["id"]}
    empty: Json = {"arguments": ""} if item["type"] == "function_call" else {"content": []}
    yield {
        "type": "response.output_item.added",
        "output_index": index,
        "item": {**item, **empty, "status": "in_progress"},
    }
    if item["type"] == "function_call":
        kind, text = "response.function_call_arguments", item["arguments"]
        for piece in split(text):
            yield {"type": f"{kind}.delta", **place, "delta": piece}
        yield {"type": f"{kind}.done", **place, "name": item["name"], "arguments": text}
    for part_index, part in enumerate(item.get("content", ())):
        at = {**place, "content_index": part_index}
        name = "text" if part["type"] == "output_text" else "refusal"
        kind = f"response.{part['type']}"
        extra: Json = {"logprobs": []} if name == "text" else {}
        yield {"type": "response.content_part.added", **at, "part": {**part, name: ""}}
        for piece in split(part[name]):
            yield {"type": f"{kind}.delta", **at, "delta": piece, **extra}
        yield {"type": f"{kind}.done", **at, name: part[name], **extra}
        yield {"type": "response.content_part.done", **at, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _write_head(body: Json, number: int) -> Json:
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": body["model"],
        "instructions": body.get("instructions"),
        "tools": body.get("tools") or [],
        "tool_choice": body.get("tool_choice") or "auto",
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "error": None,
        "incomplete_details": None,
        "metadata": {},
        "temperature": body.get("temperature", 1.0),
        "top_p": 1.0,
        "output": [],
    }


def _write_items(say: Say, number: int) -> list[Json]:
    items: list[Json] = []
    parts: list[Json] = []
    if say.text:
        parts.append({"type": "output_text", "text": say.text, "annotations": [], "logprobs": []})
    if say.refusal:
        parts.append({"type": "refusal", "refusal": say.refusal})
    if parts or not say.calls:
        message = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed"}
        items.append({**message, "content": parts})
    for index, each in enumerate(say.calls):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{number}_{index}",
                "call_id": each.id or f"call_{number}_{index}",
                "name": each.name,
                "arguments": each.raw_arguments,
                "status": "completed",
            }
        )
    return items
