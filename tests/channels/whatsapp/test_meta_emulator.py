"""The emulated Cloud API: what it posts is signed, complete, repeated and reordered as it was told."""

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from pywa import utils
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from channels.base import DeliveryFailed, DeliveryUncertain, WebhookRequest
from channels.whatsapp.meta.media import MetaMedia
from channels.whatsapp.meta.parse import parse_webhook
from channels.whatsapp.meta.receive import MetaReceiver
from channels.whatsapp.meta.send import MetaProvider
from database.types import Attachment, Parsed
from tests.acceptance.processes import find_free_port
from tests.channels.whatsapp.meta_account import BY_PHONE, OUTBOX_ID, build_outbound, configure_meta
from tests.emulators.meta import serve_meta
from tests.emulators.meta_cloud import MetaCloud
from tests.emulators.meta_payloads import NUMBER_ID
from tests.emulators.serving import serve_app

REPOSITORY = Path(__file__).parents[3]


@dataclass(slots=True)
class Listener:
    """Our side of the webhook: verifies, parses, keeps. It may fail a few times first."""

    failures: int = 0
    parsed: list[Parsed] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        signature = request.headers["x-hub-signature-256"]
        assert utils.webhook_updates_validator("meta-secret", body, signature)
        await MetaReceiver(configure_meta()).verify(WebhookRequest(str(request.url), dict(request.headers), body))
        if self.failures:
            self.failures -= 1
            return Response(status_code=503)
        self.parsed.append(parse_webhook(body, NUMBER_ID))
        return Response()

    @property
    def texts(self) -> list[str]:
        return [message.text for parsed in self.parsed for message in parsed.messages]

    @property
    def states(self) -> list[str]:
        return [status.state for parsed in self.parsed for status in parsed.statuses]


@asynccontextmanager
async def connect(**settings: object) -> AsyncIterator[tuple[MetaCloud, Listener]]:
    """The emulator with its webhooks going to a listener."""
    port, listener = find_free_port(), Listener()
    app = Starlette(routes=[Route("/webhooks/whatsapp/meta", listener.take, methods=["POST"])])
    async with serve_app(app, port=port), serve_meta() as cloud:
        cloud.configure({"webhook_url": f"http://127.0.0.1:{port}/webhooks/whatsapp/meta", **settings})
        yield cloud, listener


async def test_customers_messages_arrive_signed_and_in_order() -> None:
    async with connect() as (cloud, listener):
        await cloud.write_in({"text": f"message {number}"} for number in range(5))
        assert listener.texts == [f"message {number}" for number in range(5)]


async def test_a_batch_is_one_webhook() -> None:
    async with connect() as (cloud, listener):
        await cloud.write_in(
            ({"text": "one"}, {"kind": "image"}, {"text": "three", "phone": "49151", "user_id": "DE.1"}), 3
        )
        (parsed,) = listener.parsed
        assert [message.contact for message in parsed.messages][1:] == [parsed.messages[0].contact, "DE.1"]


async def test_webhooks_are_repeated_and_reordered_on_demand() -> None:
    async with connect(copies=2, shuffle_seed=7) as (cloud, listener):
        await cloud.write_in({"text": str(number)} for number in range(10))
        assert sorted(listener.texts) == sorted([str(number) for number in range(10)] * 2)
        assert listener.texts != sorted(listener.texts)


async def test_each_set_of_webhooks_is_reordered_in_its_own_way_and_every_run_alike() -> None:
    runs = []
    for _ in range(2):
        async with connect(shuffle_seed=7, states=["sent", "delivered", "read"]) as (cloud, listener):
            provider = MetaProvider(configure_meta(api_url=cloud.api_url))
            for _ in range(8):
                await provider.send(build_outbound(), BY_PHONE)
                await cloud.settle()
            assert sorted(listener.states) == sorted(["sent", "delivered", "read"] * 8)
            runs.append([tuple(listener.states[start : start + 3]) for start in range(0, 24, 3)])
    assert len(set(runs[0])) > 2
    assert runs[0] == runs[1]


async def test_a_webhook_that_is_not_taken_comes_again() -> None:
    async with connect() as (cloud, listener):
        listener.failures = 2
        await cloud.write_in([{"text": "Hello"}])
        assert listener.texts == ["Hello"]
        assert [webhook["status"] for webhook in cloud.webhooks] == [503, 503, 200]


async def test_statuses_carry_our_outbox_id() -> None:
    async with connect(states=["sent", "delivered", "read"]) as (cloud, listener):
        await MetaProvider(configure_meta(api_url=cloud.api_url)).send(build_outbound(), BY_PHONE)
        await cloud.settle()
        assert listener.states == ["sent", "delivered", "read"]
        assert {status.outbox_id for parsed in listener.parsed for status in parsed.statuses} == {OUTBOX_ID}


async def test_a_status_may_come_before_the_answer_of_its_message() -> None:
    async with connect(states=["sent"], states_first=True) as (cloud, listener):
        await MetaProvider(configure_meta(api_url=cloud.api_url)).send(build_outbound(), BY_PHONE)
        assert listener.states == ["sent"]


async def test_a_status_tells_the_fate_of_a_reply_whose_answer_was_lost() -> None:
    async with connect(states=["sent"]) as (cloud, listener):
        cloud.break_next("messages", "drop")
        with pytest.raises(DeliveryUncertain):
            await MetaProvider(configure_meta(api_url=cloud.api_url)).send(build_outbound(), BY_PHONE)
        await cloud.settle()
        assert [(status.outbox_id, status.state) for parsed in listener.parsed for status in parsed.statuses] == [
            (OUTBOX_ID, "sent")
        ]


async def test_two_messages_at_once_to_one_customer_are_too_many() -> None:
    async with connect(pair_seconds=60) as (cloud, _):
        provider = MetaProvider(configure_meta(api_url=cloud.api_url))
        await provider.send(build_outbound(), BY_PHONE)
        with pytest.raises(DeliveryFailed, match="131056"):
            await provider.send(build_outbound(), BY_PHONE)
        assert len(cloud.accepted) == 1


@asynccontextmanager
async def run_process() -> AsyncIterator[httpx.AsyncClient]:
    """The emulator as a process of its own, and a client of it."""
    port = find_free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.emulators.meta", str(port), cwd=REPOSITORY
    )
    try:
        transport = httpx.AsyncHTTPTransport(retries=8)  # its backoff waits for the process to listen
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=20) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def test_the_emulator_can_be_told_and_asked_over_http_as_a_process_of_its_own() -> None:
    async with connect() as (own, listener), run_process() as client:
        settings = configure_meta(api_url=f"{client.base_url}".rstrip("/") + "/v23.0")
        orders = {
            "configure": {"webhook_url": own.webhook_url, "copies": 2, "states": ["sent"]},
            "faults": {"messages": ["429"]},
            "inbound": {"messages": [{"text": "one"}, {"text": "two", "phone": "4915112345678"}], "batch": 2},
        }
        for name, order in orders.items():
            (await client.post(f"/_control/{name}", json=order)).raise_for_status()
        with pytest.raises(DeliveryFailed):
            await MetaProvider(settings).send(build_outbound(), BY_PHONE)
        await MetaProvider(settings).send(build_outbound(), BY_PHONE)
        (await client.post("/_control/settle")).raise_for_status()
        assert listener.texts == ["one", "two"] * 2
        assert listener.states == ["sent"] * 2
        assert [accepted["outbox"] for accepted in (await client.get("/_inspect/accepted")).json()] == [str(OUTBOX_ID)]
        assert [webhook["status"] for webhook in (await client.get("/_inspect/webhooks")).json()] == [200] * 4


async def test_files_can_be_given_to_the_emulator_over_http() -> None:
    content = bytes(range(256))
    async with run_process() as client:
        order = {"content": base64.b64encode(content).decode(), "mime_type": "image/png"}
        file = (await client.post("/_control/files", json=order)).json()
        settings = configure_meta(api_url=f"{client.base_url}".rstrip("/") + "/v23.0")
        attachment = Attachment(name="a", content_type="image/png", locator=f"{file['id']}?sha256={file['sha256']}")
        assert await MetaMedia(settings).fetch(NUMBER_ID, attachment, max_bytes=256) == content
