"""The emulator speaks as the vendor does: read by the vendor's own client into the vendor's own types."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types import CreateEmbeddingResponse, ModerationCreateResponse
from openai.types.audio import Transcription
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.emulators.openai.script import HTML, NO_MONEY, Call, Drop, Fail, Hang, Say, Step, call, together
from tests.emulators.openai.server import OpenAIServer, serve_openai

ASK: list[Any] = [{"role": "user", "content": "How do I export?"}]
PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string"}},
    "required": ["query"],
    "additionalProperties": False,
}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "search", "strict": True, "parameters": PARAMETERS}}
TOOL: Any = {"type": "function", "name": "search", "strict": True, "parameters": PARAMETERS}
EVERYTHING = Say("Let me look.", (Call("search", {"query": "export"}), Call("search", {"query": "csv"})))


@asynccontextmanager
async def connect(*steps: Step, patience: float = 20.0) -> AsyncIterator[tuple[OpenAIServer, AsyncOpenAI]]:
    """The emulator and the vendor's client on it."""
    async with (
        serve_openai(*steps) as server,
        AsyncOpenAI(api_key="sk-test", base_url=server.url, max_retries=0, timeout=patience) as client,
    ):
        yield server, client


def assert_valid(kind: Any, parsed: Any) -> None:
    """The client itself takes anything; this holds the answer against the type strictly."""
    TypeAdapter(kind).validate_python(parsed.model_dump(by_alias=True))


@pytest.mark.parametrize(
    "step", [Say("Hello."), EVERYTHING, Say(refusal="I cannot help."), Say(), Say("Hal", is_cut=True)]
)
async def test_chat_completions_are_valid_whole_and_streamed(step: Say) -> None:
    async with connect(step) as (_, client):
        whole = await client.chat.completions.create(model="gpt-4o", messages=ASK, tools=[CHAT_TOOL])
        assert_valid(ChatCompletion, whole)
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=ASK, tools=[CHAT_TOOL], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    for chunk in chunks:
        assert_valid(ChatCompletionChunk, chunk)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == step.text
    assert "".join(delta.refusal or "" for delta in deltas) == step.refusal
    pieces = [piece.function for delta in deltas for piece in delta.tool_calls or () if piece.function]
    assert "".join(piece.arguments or "" for piece in pieces) == "".join(each.raw_arguments for each in step.calls)
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage is not None


@pytest.mark.parametrize(
    "step", [Say("Hello."), EVERYTHING, Say(refusal="I cannot help."), Say(), Say("Hal", is_cut=True)]
)
async def test_responses_are_valid_whole_and_streamed(step: Say) -> None:
    async with connect(step) as (_, client):
        whole = await client.responses.create(model="gpt-4o", input=ASK, tools=[TOOL])
        assert_valid(Response, whole)
        stream = await client.responses.create(model="gpt-4o", input=ASK, tools=[TOOL], stream=True)
        events = [event async for event in stream]
    for event in events:
        assert_valid(ResponseStreamEvent, event)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == step.text == whole.output_text
    arguments = [item.arguments for item in whole.output if isinstance(item, ResponseFunctionToolCall)]
    assert arguments == [each.raw_arguments for each in step.calls]
    assert whole.status == ("incomplete" if step.is_cut else "completed")


async def test_embeddings_honour_base64_dimensions_and_order() -> None:
    async with connect() as (server, client):
        packed = await client.embeddings.create(model="text-embedding-3-small", input=["reset password", "export data"])
        plain = await client.embeddings.create(
            model="text-embedding-3-small", input="reset password", encoding_format="float"
        )
        short = await client.embeddings.create(model="text-embedding-3-small", input="x", dimensions=512)
    assert server.bodies[0]["encoding_format"] == "base64"
    for answer in (packed, plain, short):
        assert_valid(CreateEmbeddingResponse, answer)
    assert [len(row.embedding) for row in (*packed.data, *short.data)] == [1_536, 1_536, 512]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert packed.data[0].embedding != packed.data[1].embedding
    assert sum(value * value for value in plain.data[0].embedding) == pytest.approx(1.0)


async def test_transcriptions_and_moderations_are_valid() -> None:
    async with connect() as (server, client):
        server.transcript, server.flagged_words = "Hello, my board is empty.", {"idiot"}
        heard = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("a.ogg", b"OggS", "audio/ogg")
        )
        verdict = await client.moderations.create(model="omni-moderation-latest", input=["you idiot", "thank you"])
    assert_valid(Transcription, heard)
    assert heard.text == "Hello, my board is empty."
    assert_valid(ModerationCreateResponse, verdict)
    assert [result.flagged for result in verdict.results] == [True, False]
    assert verdict.results[0].categories.harassment


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Fail(429, headers={"retry-after": "120"}), openai.RateLimitError),
        (NO_MONEY, openai.RateLimitError),
        (Fail(401, "invalid_api_key"), openai.AuthenticationError),
        (Fail(500), openai.InternalServerError),
        (Fail(503, body="<html>", headers={"content-type": "text/html"}), openai.InternalServerError),
        (Drop(), openai.APIConnectionError),
    ],
)
async def test_each_failure_is_the_clients_own_error(step: Step, error: type[Exception]) -> None:
    async with connect(step) as (_, client):
        with pytest.raises(error):
            await client.chat.completions.create(model="gpt-4o", messages=ASK)
        with pytest.raises(error):
            await client.responses.create(model="gpt-4o", input=ASK)


async def test_a_server_that_hangs_is_left_at_the_clients_timeout() -> None:
    async with connect(Hang(), patience=0.05) as (_, client):
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="gpt-4o", messages=ASK)


async def test_a_page_of_html_is_no_completion() -> None:
    async with connect(HTML) as (_, client):
        answer: Any = await client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert not isinstance(answer, ChatCompletion) or not answer.choices


async def test_requests_that_the_vendor_refuses_are_refused_here_as_well() -> None:
    loose: Any = {
        **CHAT_TOOL,
        "function": {**CHAT_TOOL["function"], "parameters": {"type": "object", "properties": {}}},
    }
    orphan: list[Any] = [*ASK, {"role": "tool", "tool_call_id": "call_9", "content": "found"}]
    async with connect() as (_, client):
        wishes: list[dict[str, Any]] = [
            {"tools": [loose]},
            {"messages": orphan},
            {"model": ""},
            {"parallel_tool_calls": True},
        ]
        for wrong in wishes:
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(**({"model": "gpt-4o", "messages": ASK} | wrong))
        unanswered: list[Any] = [*ASK, {"type": "function_call", "call_id": "c", "name": "search", "arguments": "{}"}]
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model="gpt-4o", input=unanswered)


async def test_the_same_beginning_is_cached_and_counted() -> None:
    static: list[Any] = [{"role": "system", "content": "rule " * 2_000}]
    async with connect(Say("ok")) as (_, client):
        answers = [
            await client.chat.completions.create(
                model="gpt-4o", messages=[*static, {"role": "user", "content": f"question {number}"}]
            )
            for number in range(2)
        ]
    details = [answer.usage.prompt_tokens_details for answer in answers if answer.usage]
    first, second = (detail.cached_tokens if detail else None for detail in details)
    assert first == 0
    assert second is not None
    assert 2_300 < second <= (answers[1].usage.prompt_tokens if answers[1].usage else 0)


async def test_a_script_may_come_over_the_wire_and_what_was_asked_can_be_seen() -> None:
    async with connect() as (server, client):
        control = server.url.removesuffix("/v1")
        steps = [{"text": "one"}, {"calls": [{"name": "search", "arguments": "{broken"}]}, {"status": 500}]
        await client.post(f"{control}/_control/script", body={"steps": steps}, cast_to=object)
        first = await client.chat.completions.create(model="gpt-4o", messages=ASK)
        second = await client.chat.completions.create(model="gpt-4o", messages=ASK, tools=[CHAT_TOOL])
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="gpt-4o", messages=ASK)
        seen: Any = await client.get(f"{control}/_inspect/requests", cast_to=object)
    assert first.choices[0].message.content == "one"
    calls: Any = second.choices[0].message.tool_calls
    assert calls[0].function.arguments == "{broken"
    assert [asked["path"] for asked in seen] == ["/v1/chat/completions"] * 3
    assert seen[0]["key"] == "Bearer sk-test"


async def test_many_ask_at_once() -> None:
    async with connect(together(call("search", query="a"), call("search", query="b"))) as (server, client):
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="gpt-4o", messages=ASK, tools=[CHAT_TOOL]) for _ in range(20))
        )
    assert len(server.requests) == len({answer.id for answer in answers}) == 20
