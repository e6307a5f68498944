"""OpenAI's API on loopback: speaks what a script says, remembers what it was asked.

    python -m tests.emulators.openai PORT

Vendor's side, with `Authorization: Bearer KEY`:
    POST /v1/chat/completions    POST /v1/responses    both also streamed
    GET /v1/models               GET /v1/models/MODEL
    POST /v1/embeddings          POST /v1/audio/transcriptions    POST /v1/moderations

Control, all JSON:
    POST /_control/script    {"steps": [STEP, …]}, one for each request; the last one is repeated. A step is
                             {"text"?, "calls"?: [{"name", "arguments"}], "refusal"?, "is_cut"?}, {"status": 500,
                             "code"?, "headers"?, "body"?}, {"hang": true} or {"drop": true}
Inspection:
    GET /_inspect/requests   every request: path, key and body
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.emulators.openai import chat, media, responses
from tests.emulators.openai.script import Drop, Fail, Hang, Say, Step, read_step
from tests.emulators.openai.usage import PromptCache, Usage
from tests.emulators.serving import serve_app

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    path: str
    key: str
    body: Json


@dataclass(frozen=True, slots=True)
class Api:
    """What tells one of the two ways to ask from the other."""

    find_fault: Callable[[Json], str | None]
    write: Callable[[Json, Say, int, Usage], Json]
    stream: Callable[[Json, Say, int, Usage], Iterator[Json]]
    has_named_events: bool


CHAT = Api(chat.find_fault, chat.write_answer, chat.stream_answer, has_named_events=False)
RESPONSES = Api(responses.find_fault, responses.write_answer, responses.stream_answer, has_named_events=True)


class HungUp(Response):
    """An answer that ends before it is whole."""

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        """Promise more than is sent; the server then cuts the line."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"id": "chatcmpl-', "more_body": True})


@dataclass(slots=True)
class OpenAIServer:
    """The script, and what was asked so far."""

    steps: list[Step]
    url: str = ""
    requests: list[Asked] = field(default_factory=list)
    cache: PromptCache = field(default_factory=PromptCache)
    transcript: str | None = None
    flagged_words: set[str] = field(default_factory=set)
    used: list[Usage] = field(default_factory=list)
    models: list[str] = field(default_factory=lambda: ["gpt-4o"])
    model_status: int = 200
    has_single_models: bool = True  # servers that are only compatible may list them alone

    @property
    def bodies(self) -> list[Json]:
        """What was asked, request by request."""
        return [asked.body for asked in self.requests]

    async def complete(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        body = await self._read(request)
        return await self._speak(request, body, body.get("messages"), CHAT)

    async def respond(self, request: Request) -> Response:
        """POST /v1/responses."""
        body = await self._read(request)
        return await self._speak(request, body, [body.get("instructions"), body.get("input")], RESPONSES)

    async def list_models(self, _request: Request) -> Response:
        """GET /v1/models."""
        if self.model_status != 200:
            return refuse(self.model_status, "scripted")
        return JSONResponse({"object": "list", "data": [write_model(name) for name in self.models]})

    async def read_model(self, request: Request) -> Response:
        """GET /v1/models/MODEL."""
        name = request.path_params["name"]
        if self.model_status != 200:
            return refuse(self.model_status, "scripted")
        if name not in self.models or not self.has_single_models:
            return refuse(404, f"The model '{name}' does not exist", "model_not_found")
        return JSONResponse(write_model(name))

    async def embed(self, request: Request) -> Response:
        """POST /v1/embeddings."""
        body = await self._read(request)
        fault = media.find_embedding_fault(body)
        return refuse(400, fault) if fault else await self._give(request, media.write_embeddings(body))

    async def moderate(self, request: Request) -> Response:
        """POST /v1/moderations."""
        body = await self._read(request)
        return await self._give(request, media.write_moderation(body, self.flagged_words, len(self.requests)))

    async def transcribe(self, request: Request) -> Response:
        """POST /v1/audio/transcriptions, a form."""
        async with request.form() as form:
            file = form["file"]
            content = await file.read() if isinstance(file, UploadFile) else b""
            body = {name: value for name, value in form.items() if isinstance(value, str)}
        self._note(request, body)
        return await self._give(request, media.write_transcription(content, self.transcript))

    async def take_script(self, request: Request) -> Response:
        """POST /_control/script."""
        self.steps = [read_step(step) for step in (await request.json())["steps"]]
        self.requests.clear()
        return JSONResponse({})

    async def show_requests(self, _request: Request) -> Response:
        """GET /_inspect/requests."""
        return JSONResponse([asdict(asked) for asked in self.requests])

    async def _read(self, request: Request) -> Json:
        body: Json = await request.json()
        self._note(request, body)
        return body

    def _note(self, request: Request, body: Json) -> None:
        self.requests.append(Asked(request.url.path, request.headers.get("authorization", ""), body))

    def _take_step(self) -> Step:
        return self.steps[min(len(self.requests), len(self.steps)) - 1] if self.steps else Say()

    async def _give(self, request: Request, answer: Json) -> Response:
        """The answer, unless the script wants a failure."""
        step = self._take_step()
        return JSONResponse(answer) if isinstance(step, Say) else await self._break(request, step)

    async def _speak(self, request: Request, body: Json, prompt: Any, api: Api) -> Response:
        step, number = self._take_step(), len(self.requests)
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return refuse(401, "You didn't provide an API key.", "invalid_api_key")
        fault = api.find_fault(body) if body.get("model") else "you must provide a model parameter"
        if fault is not None:
            return refuse(400, fault)
        if not isinstance(step, Say):
            return await self._break(request, step)
        said = step.text + step.refusal + "".join(each.raw_arguments for each in step.calls)
        usage = self.cache.measure(body.get("tools"), prompt, said)
        self.used.append(usage)
        if body.get("stream"):
            events = api.stream(body, step, number, usage)
            return StreamingResponse(
                write_events(events, has_names=api.has_named_events), media_type="text/event-stream"
            )
        return JSONResponse(api.write(body, step, number, usage), headers={"x-request-id": f"req_{number}"})

    async def _break(self, request: Request, step: Fail | Hang | Drop) -> Response:
        if isinstance(step, Drop):
            return HungUp()
        if isinstance(step, Hang):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response()
        if step.body is not None:
            return Response(step.body, step.status, headers=dict(step.headers))
        return refuse(step.status, "scripted", step.code, headers=dict(step.headers))


def refuse(status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """OpenAI's own shape of an error."""
    kind = code if code == "insufficient_quota" else {429: "requests"}.get(status, "invalid_request_error")
    error = {"message": message, "type": "server_error" if status >= 500 else kind, "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers=headers)


def write_events(events: Iterator[Json], *, has_names: bool) -> Iterator[str]:
    """Server-sent events: the Responses API names each, Chat Completions ends with a word of its own."""
    for event in events:
        name = f"event: {event['type']}\n" if has_names else ""
        yield f"{name}data: {json.dumps(event)}\n\n"
    if not has_names:
        yield "data: [DONE]\n\n"


def write_model(name: str) -> Json:
    """A model as the listing describes it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "system"}


def build_app(server: OpenAIServer) -> Starlette:
    """Vendor's side, control and inspection."""
    return Starlette(
        routes=[
            Route("/v1/chat/completions", server.complete, methods=["POST"]),
            Route("/v1/responses", server.respond, methods=["POST"]),
            Route("/v1/models", server.list_models),
            Route("/v1/models/{name}", server.read_model),
            Route("/v1/embeddings", server.embed, methods=["POST"]),
            Route("/v1/audio/transcriptions", server.transcribe, methods=["POST"]),
            Route("/v1/moderations", server.moderate, methods=["POST"]),
            Route("/_control/script", server.take_script, methods=["POST"]),
            Route("/_inspect/requests", server.show_requests),
        ]
    )


@asynccontextmanager
async def serve_openai(*steps: Step) -> AsyncIterator[OpenAIServer]:
    """The server, for the length of the block."""
    server = OpenAIServer(list(steps))
    async with serve_app(build_app(server)) as url:
        server.url = f"{url}/v1"
        yield server
