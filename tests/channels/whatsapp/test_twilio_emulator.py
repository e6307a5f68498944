"""The emulated Twilio behaves as the real one does where the desk depends on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.base.exceptions import TwilioRestException

from channels.base import Receiver, WebhookRequest
from channels.whatsapp.twilio.client import TwilioApi
from channels.whatsapp.twilio.receive import TwilioReceiver, TwilioStatusReceiver
from channels.whatsapp.twilio.send import TwilioProvider
from database.types import InboundMessage, Parsed, Source, StatusUpdate, WhatsAppPath
from tests.channels.whatsapp.twilio_samples import CUSTOMER, NUMBER, make_reply, point_at
from tests.emulators.serving import serve_app
from tests.emulators.twilio_state import CallbackPlan, State

PATH = WhatsAppPath(provider="twilio", phone=CUSTOMER)


@dataclass
class Desk:
    """Where webhooks arrive: verified and parsed as the web process does it."""

    url: str = ""
    receivers: dict[str, Receiver] = field(default_factory=dict)
    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: Request) -> Response:
        url = f"{self.url}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        receiver = self.receivers[request.path_params["address"]]
        await receiver.verify(WebhookRequest(url, dict(request.headers), body))
        parsed: Parsed = receiver.parse(Source("whatsapp", "", "digest", body, {"url": url}))
        async with self.news:
            self.messages += parsed.messages
            self.statuses += parsed.statuses
            self.news.notify_all()
        return Response("<Response/>", media_type="text/xml")

    async def wait(self, is_enough: Callable[[], bool]) -> None:
        async with self.news, asyncio.timeout(60):
            await self.news.wait_for(is_enough)


@asynccontextmanager
async def open_desk(twilio: State, **changes: Any) -> AsyncIterator[Desk]:
    desk = Desk()
    settings = point_at(twilio, **changes)
    desk.receivers = {"whatsapp": TwilioReceiver(settings), "whatsapp/status": TwilioStatusReceiver(settings)}
    app = Starlette(routes=[Route("/webhooks/{address:path}", desk.take, methods=["POST"])])
    async with serve_app(app) as desk.url:
        yield desk


async def call(twilio: State, method: str, path: str, content: object = None) -> Any:
    async with httpx.AsyncClient(base_url=twilio.url) as client:
        answer = await client.request(method, path, json=content)
        answer.raise_for_status()
        return answer.json()


def write(*texts: str) -> list[dict[str, str]]:
    return [{"From": f"whatsapp:{CUSTOMER}", "ProfileName": "Alice", "Body": text} for text in texts]


async def test_a_message_arrives_signed_as_twilio_signs(twilio: State) -> None:
    async with open_desk(twilio) as desk:
        order = {"url": f"{desk.url}/webhooks/whatsapp", "messages": write("Hello", "Again")}
        answered = await call(twilio, "POST", "/_control/inbound", order)
    assert [message["answered"] for message in answered] == [[200], [200]]
    assert [message.text for message in desk.messages] == ["Hello", "Again"]
    assert [message.external_id for message in desk.messages] == [message["sid"] for message in answered]
    assert [row["answered"] for row in await call(twilio, "GET", "/_inspect/webhooks")] == [200, 200]


async def test_the_newer_signature_is_made_with_a_shared_key(twilio: State) -> None:
    await call(twilio, "PUT", "/_control/account", {"key_sid": "webhooks_sharedkey_1"})
    keys = {"webhooks_sharedkey_1": SecretStr(twilio.account.key_secret)}
    async with open_desk(twilio, signing_keys=keys) as desk:
        order = {"url": f"{desk.url}/webhooks/whatsapp", "messages": write("Hello")}
        await call(twilio, "POST", "/_control/inbound", order)
    assert [message.text for message in desk.messages] == ["Hello"]


async def test_webhooks_are_repeated_shuffled_and_sent_at_once_on_order(twilio: State) -> None:
    async with open_desk(twilio) as desk:
        order = {"url": f"{desk.url}/webhooks/whatsapp", "repeat": 3, "seed": 1, "at_once": True}
        await call(twilio, "POST", "/_control/inbound", order | {"messages": write("one", "two")})
    assert len(desk.messages) == 6
    assert len({message.external_id for message in desk.messages}) == 2
    assert len({message.thread_id for message in desk.messages}) == 1


@pytest.mark.parametrize(
    ("plan", "states"),
    [
        (CallbackPlan(), ["sent", "delivered"]),
        (CallbackPlan(["sent", "delivered", "read"], reverse=True), ["read", "delivered", "sent"]),
        (CallbackPlan(["sent"], repeat=3), ["sent"] * 3),
        (CallbackPlan(["failed:63024", "delivered"]), ["failed", "delivered"]),
    ],
    ids=["in order", "reversed", "repeated", "failed then delivered"],
)
async def test_callbacks_come_as_planned_and_name_the_reply(
    twilio: State, plan: CallbackPlan, states: list[str]
) -> None:
    twilio.plan = plan
    reply = make_reply()
    async with open_desk(twilio) as desk:
        receipt = await TwilioProvider(point_at(twilio), public_url=desk.url).send(reply, PATH)
        await desk.wait(lambda: len(desk.statuses) == len(states))
    assert [update.state for update in desk.statuses] == states
    assert {update.outbox_id for update in desk.statuses} == {reply.id}
    assert {update.vendor_id for update in desk.statuses} == {receipt.vendor_id}


async def test_reversed_callbacks_are_planned_over_http_and_leave_the_message_in_its_final_status(
    twilio: State,
) -> None:
    await call(twilio, "PUT", "/_control/callbacks", {"statuses": ["sent", "delivered", "read"], "reverse": True})
    async with open_desk(twilio) as desk:
        await TwilioProvider(point_at(twilio), public_url=desk.url).send(make_reply(), PATH)
        await desk.wait(lambda: len(desk.statuses) == 3)
    assert [update.state for update in desk.statuses] == ["read", "delivered", "sent"]
    assert [row["status"] for row in await call(twilio, "GET", "/_inspect/messages")] == ["read"]


async def test_a_window_that_twilio_never_had_is_reported_for_the_reply_it_stood_in_for(twilio: State) -> None:
    twilio.plan = CallbackPlan(["undelivered:63016"])
    reply = make_reply(path=WhatsAppPath(provider="meta", phone=CUSTOMER), inbox="106540352242922")
    async with open_desk(twilio) as desk:
        await TwilioProvider(point_at(twilio), public_url=desk.url).send(reply, PATH)
        await desk.wait(lambda: bool(desk.statuses))
    (update,) = desk.statuses
    assert (update.outbox_id, update.is_window_closed, update.retry_seconds) == (reply.id, False, 900.0)


async def test_a_callback_may_come_before_the_answer(twilio: State) -> None:
    twilio.plan = CallbackPlan(["sent"], before_answer=True)
    async with open_desk(twilio) as desk:
        await TwilioProvider(point_at(twilio), public_url=desk.url).send(make_reply(), PATH)
        assert [update.state for update in desk.statuses] == ["sent"]


async def test_a_closed_window_is_reported_after_acceptance(twilio: State) -> None:
    await call(twilio, "PUT", "/_control/callbacks", {"statuses": ["undelivered:63016"]})
    async with open_desk(twilio) as desk:
        await TwilioProvider(point_at(twilio), public_url=desk.url).send(make_reply(), PATH)
        await desk.wait(lambda: bool(desk.statuses))
    assert desk.statuses[0].is_window_closed


async def test_callbacks_that_nobody_takes_are_lost_and_counted(twilio: State) -> None:
    await TwilioProvider(point_at(twilio), public_url="http://127.0.0.1:9").send(make_reply(), PATH)
    await asyncio.gather(*twilio.tasks)
    callbacks = await call(twilio, "GET", "/_inspect/callbacks")
    assert [(row["status"], row["answered"]) for row in callbacks] == [("sent", None), ("delivered", None)]


async def test_what_was_accepted_can_be_counted_by_our_id(twilio: State) -> None:
    reply = make_reply()
    await TwilioProvider(point_at(twilio), public_url="http://127.0.0.1:9").send(reply, PATH)
    (message,) = await call(twilio, "GET", "/_inspect/messages")
    assert (message["outbox"], message["body"], message["to"]) == (str(reply.id), reply.text, f"whatsapp:{CUSTOMER}")
    assert await call(twilio, "GET", "/_inspect/requests") == {"create": 1}
    assert await call(twilio, "GET", "/_inspect/inbound") == []


async def test_faults_are_ordered_for_so_many_requests(twilio: State) -> None:
    await call(twilio, "POST", "/_control/faults", [{"on": "create", "kind": "error", "status": 429, "times": 2}])
    for _ in range(2):
        with pytest.raises(Exception, match="patience"):
            await TwilioProvider(point_at(twilio)).send(make_reply(), PATH)
    await TwilioProvider(point_at(twilio)).send(make_reply(), PATH)
    assert await call(twilio, "DELETE", "/_control/faults") == {"waiting": 0}


def refuse(twilio: State, **fields: str) -> int:
    client, _ = TwilioApi(point_at(twilio), 5.0).open()
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(**{"to": f"whatsapp:{CUSTOMER}", "from_": f"whatsapp:{NUMBER}"} | fields)
    code: int = caught.value.code
    return code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"body": "x" * 1_601}, 21617),
        ({"body": "😀" * 801}, 21617),
        ({"to": "", "body": "x"}, 21604),
        ({"from_": "whatsapp:+15550999", "body": "x"}, 63007),
        ({}, 21619),
    ],
)
async def test_what_twilio_refuses_is_refused(twilio: State, fields: dict[str, str], code: int) -> None:
    assert await asyncio.to_thread(lambda: refuse(twilio, **fields)) == code
    assert not twilio.messages


async def test_who_opted_out_is_refused(twilio: State) -> None:
    await call(twilio, "PUT", "/_control/opted_out", [CUSTOMER])
    assert await asyncio.to_thread(lambda: refuse(twilio, body="x")) == 21610
