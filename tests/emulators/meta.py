"""WhatsApp's Cloud API on loopback: takes messages, serves media in two steps, posts signed webhooks.

    python -m tests.emulators.meta PORT

Vendor's side, below any version such as /v23.0 and with `Authorization: Bearer TOKEN`:
    POST /v23.0/NUMBER_ID/messages    GET /v23.0/MEDIA_ID    GET /content/MEDIA_ID

Control, all JSON:
    POST /_control/configure   any of webhook_url, token, app_secret, number_id, states (statuses reported for each
                               message), states_first (before its answer), copies, shuffle_seed, pair_seconds
    POST /_control/faults      {"messages" | "locate" | "content": [FAULT, …]}, one for each request: "slow:SECONDS",
                               "429", "500", "html", "error:CODE", "answer:BODY", "refuse" (hang up at once),
                               "drop" (accept, then hang up), "accept-500", "expire" and "damage" (content), "ok"
    POST /_control/files       {"content": BASE64, "mime_type"} -> {"id", "sha256"}
    POST /_control/inbound     {"messages": [{"text"?, "kind"?, "id"?, "phone"?, "user_id"?, "name"?, …}], "batch": 1}
                               a phone without a user_id gets one of its own; null hides either
    POST /_control/settle      answers when every webhook has been taken
Inspection:
    GET /_inspect/accepted     every message accepted: id, address, kind, text, outbox, body
    GET /_inspect/webhooks     every webhook posted and the answer it got; a failed one is posted again
"""

import base64
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.serving import serve_app


def build_app(cloud: MetaCloud) -> Starlette:
    """Vendor's side, control and inspection."""

    async def configure(request: Request) -> Response:
        cloud.configure(await request.json())
        return JSONResponse({})

    async def add_faults(request: Request) -> Response:
        for surface, faults in (await request.json()).items():
            cloud.break_next(surface, *faults)
        return JSONResponse({})

    async def add_file(request: Request) -> Response:
        wanted = await request.json()
        content = base64.b64decode(wanted["content"])
        media_id = cloud.add_file(content, wanted.get("mime_type", "image/jpeg"))
        return JSONResponse({"id": media_id, "sha256": hashlib.sha256(content).hexdigest()})

    async def write_in(request: Request) -> Response:
        wanted = await request.json()
        cloud.write_in(wanted["messages"], wanted.get("batch", 1))
        return JSONResponse({})

    async def settle(_request: Request) -> Response:
        await cloud.settle()
        return JSONResponse({})

    async def inspect_accepted(_request: Request) -> Response:
        return JSONResponse([asdict(accepted) for accepted in cloud.accepted])

    async def inspect_webhooks(_request: Request) -> Response:
        return JSONResponse(cloud.webhooks)

    return Starlette(
        routes=[
            Route("/_control/configure", configure, methods=["POST"]),
            Route("/_control/faults", add_faults, methods=["POST"]),
            Route("/_control/files", add_file, methods=["POST"]),
            Route("/_control/inbound", write_in, methods=["POST"]),
            Route("/_control/settle", settle, methods=["POST"]),
            Route("/_inspect/accepted", inspect_accepted),
            Route("/_inspect/webhooks", inspect_webhooks),
            Route("/content/{media_id}", cloud.serve_file),
            Route("/{version}/{number_id}/messages", cloud.take_message, methods=["POST"]),
            Route("/{version}/{object_id}", cloud.read_object),
        ]
    )


@asynccontextmanager
async def serve_meta() -> AsyncIterator[MetaCloud]:
    """The emulator in this process, for the length of the block."""
    cloud = MetaCloud()
    async with serve_app(build_app(cloud)) as cloud.url:
        yield cloud
        await cloud.aclose()


if __name__ == "__main__":
    listen_on = int(sys.argv[1])
    own_state = MetaCloud(url=f"http://127.0.0.1:{listen_on}")
    uvicorn.run(build_app(own_state), host="127.0.0.1", port=listen_on, log_level="warning")
