"""OpenAI's embeddings over a real connection, and every way in which they can fail."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import EmbeddingFailed
from agent.knowledge.load import load_embedders
from agent.knowledge.openai_embedder import BATCH_TEXTS, OpenAIEmbedder
from core.otlp import export_traces
from core.settings import EmbeddingSettings, OpenAISettings, OtelSettings, SettingsError, load_settings
from tests.emulators.otlp import run_collector
from tests.emulators.serving import serve_app


class EmbeddingServer:
    """Answers as the API does, base64 where that is asked for; or as `broken` says."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.broken: Response | None = None
        self.cuts = 0

    async def answer(self, request: Request) -> Response:
        asked = await request.json()
        self.requests.append(asked)
        if self.broken is not None:
            return self.broken
        data = []
        for index, text in enumerate(asked["input"]):
            values = np.zeros(asked["dimensions"] - self.cuts, "<f4")
            values[len(text) % 100] = 2.0
            encoded = base64.b64encode(values.tobytes()).decode() if asked.get("encoding_format") == "base64" else None
            data.append({"object": "embedding", "index": index, "embedding": encoded or values.tolist()})
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return JSONResponse({"object": "list", "data": data[::-1], "model": asked["model"], "usage": usage})

    def build(self) -> OpenAIEmbedder:
        openai = OpenAISettings(api_key=SecretStr("sk-test"), base_url=self.url)
        return OpenAIEmbedder(EmbeddingSettings(timeout_seconds=5), openai)


@asynccontextmanager
async def serve_embeddings() -> AsyncIterator[EmbeddingServer]:
    server = EmbeddingServer()
    async with serve_app(Starlette(routes=[Route("/v1/embeddings", server.answer, methods=["POST"])])) as url:
        server.url = f"{url}/v1"
        yield server


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with serve_embeddings() as running:
        yield running


async def test_texts_become_unit_vectors_in_their_order_whatever_the_order_of_the_answer(
    server: EmbeddingServer,
) -> None:
    embedder = server.build()
    made = await asyncio.to_thread(embedder.embed, ["abc", "", "defgh"])
    assert made.shape == (3, 1536)
    assert [int(row.argmax()) for row in made] == [3, 1, 5]
    assert np.linalg.norm(made, axis=1) == pytest.approx([1, 1, 1])
    assert server.requests[0]["dimensions"] == 1536
    assert server.requests[0]["input"][1].isspace(), "the API refuses an empty text, and with it all the others"
    assert embedder.name == "text-embedding-3-small@1536"


async def test_many_texts_are_asked_in_batches_and_long_ones_cut(server: EmbeddingServer) -> None:
    texts = ["x" * 50_000, *("word" for _ in range(BATCH_TEXTS))]
    assert (await asyncio.to_thread(server.build().embed, texts)).shape == (BATCH_TEXTS + 1, 1536)
    assert [len(request["input"]) for request in server.requests] == [BATCH_TEXTS, 1]
    assert len(server.requests[0]["input"][0]) <= 8_000


@pytest.mark.parametrize(
    "broken",
    [
        JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": "120"}),
        JSONResponse({"error": {"message": "oops"}}, 500),
        JSONResponse({"error": {"message": "no"}}, 401),
        PlainTextResponse("<html>", 200),
        JSONResponse({"object": "list", "data": []}),
        JSONResponse({"object": "list", "data": [{"index": 0, "embedding": [0.0] * 1536}]}),
    ],
    ids=["429", "500", "401", "no JSON", "no vectors", "no direction"],
)
async def test_whatever_goes_wrong_is_one_error_after_one_request(server: EmbeddingServer, broken: Response) -> None:
    server.broken = broken
    with pytest.raises(EmbeddingFailed):
        await asyncio.to_thread(server.build().embed, ["text"])
    assert len(server.requests) == 1


async def test_vectors_of_another_size_are_refused(server: EmbeddingServer) -> None:
    server.cuts = 512
    with pytest.raises(EmbeddingFailed, match="shape"):
        await asyncio.to_thread(server.build().embed, ["text"])


def test_only_who_asks_for_it_gets_the_remote_model(monkeypatch: pytest.MonkeyPatch) -> None:
    openai = OpenAISettings(api_key=SecretStr("sk-test"))
    assert load_embedders(EmbeddingSettings(), openai).remote is None
    remote = load_embedders(EmbeddingSettings(provider="openai"), openai).remote
    assert remote is not None
    assert remote.name == "text-embedding-3-small@1536"
    monkeypatch.setenv("EMBEDDING_PROVIDER", "openai")
    with pytest.raises(SettingsError, match="needs OPENAI_API_KEY"):
        load_settings(None)


async def test_a_request_is_in_the_trace_of_whoever_asked_without_what_was_asked(server: EmbeddingServer) -> None:
    with run_collector() as collector, ExitStack() as export:
        otel = OtelSettings(exporter_otlp_endpoint=collector.url)
        tracing = export.enter_context(export_traces(otel, process="worker"))
        with tracing.trace("turn", "consumer", {}):
            await AsyncEmbedder(server.build()).embed(["zyxmark"])
        export.close()
    span = collector.find("embeddings text-embedding-3-small")
    assert (span.kind, span.parent_id) == ("client", collector.find("turn").span_id)
    assert span.attributes["gen_ai.request.model"] == "text-embedding-3-small"
    assert all(b"zyxmark" not in body for _, body in collector.requests)
