"""The vendors' own receivers behind the route: signatures over what was sent, batches, handshakes."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from channels.whatsapp.meta.receive import SIGNATURE_HEADER as META_HEADER
from channels.whatsapp.meta.receive import sign
from core.channel_settings import GmailSettings, MetaSettings, TwilioSettings
from core.settings import ApiSettings, Settings
from database import queue
from database.types import ConversationId, InboundMessage
from tests.api.receivers import PUBLIC_URL
from tests.api.service import Service, expect_problem, open_service
from tests.database.builders import open_conversation, queue_reply
from tests.emulators import meta_payloads as meta

ACCOUNT = "AC" + "1" * 32
NUMBER = "+15550100"
AUTH_TOKEN = "auth-token"
APP_SECRET = "app-secret"


@pytest.fixture
async def desk(settings: Settings, database_url: str) -> AsyncIterator[Service]:
    """An application with every vendor configured, and an empty database."""
    configured = settings.model_copy(
        update={
            "api": ApiSettings(public_url=PUBLIC_URL),
            "twilio": TwilioSettings.model_validate(
                {"account_sid": ACCOUNT, "auth_token": AUTH_TOKEN, "number": NUMBER}
            ),
            "meta": MetaSettings.model_validate(
                {
                    "phone_number_id": meta.NUMBER_ID,
                    "access_token": "token",
                    "app_secret": APP_SECRET,
                    "verify_token": "agreed",
                }
            ),
            "gmail": GmailSettings.model_validate(
                {
                    "address": "support@example.com",
                    "client_id": "id",
                    "client_secret": "secret",
                    "topic": "projects/desk/topics/gmail",
                    "push_account": "push@desk.iam.gserviceaccount.com",
                }
            ),
        }
    )
    async with open_service(configured, database_url) as opened:
        yield opened


def make_form(text: str = "Hello", sid: str = "SM" + "1" * 32) -> dict[str, str]:
    return {
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": "whatsapp:+15550199",
        "To": f"whatsapp:{NUMBER}",
        "WaId": "15550199",
        "ProfileName": "Alice",
        "Body": text,
        "NumMedia": "0",
    }


async def post_twilio(
    desk: Service, form: dict[str, str], path: str = "/webhooks/whatsapp", *, token: str = AUTH_TOKEN
) -> httpx.Response:
    """Signed for the public URL, and called under the name that a proxy gives the desk."""
    signature = RequestValidator(token).compute_signature(PUBLIC_URL + path, form)
    headers = {SIGNATURE_HEADER: signature, "Content-Type": "application/x-www-form-urlencoded"}
    return await desk.client.post(path, content=urlencode(form), headers=headers)


async def post_meta(desk: Service, document: object, *, secret: str = APP_SECRET) -> httpx.Response:
    body = json.dumps(document).encode()
    return await desk.client.post("/webhooks/whatsapp/meta", content=body, headers={META_HEADER: sign(secret, body)})


async def list_published(desk: Service) -> list[InboundMessage]:
    async with desk.pool.acquire() as conn:
        rows = await conn.fetch("SELECT payload FROM message_queue ORDER BY id")
    return [InboundMessage.model_validate_json(row["payload"]) for row in rows]


async def fetch_value(desk: Service, sql: str, *values: object) -> Any:  # a column has any type
    async with desk.pool.acquire() as conn:
        return await conn.fetchval(sql, *values)


async def open_chat(desk: Service, inbox: str) -> ConversationId:
    async with desk.pool.acquire() as conn:
        return await open_conversation(conn, "+15550199", channel="whatsapp", inbox=inbox)


def test_every_vendor_has_its_address(desk: Service) -> None:
    assert set(desk.desk.receivers) == {"gmail", "whatsapp", "whatsapp/status", "whatsapp/meta"}


async def test_twilio_is_known_by_its_signature_of_the_public_address(desk: Service) -> None:
    response = await post_twilio(desk, make_form("Where is my order? ☂"))
    assert (response.status_code, response.text) == (200, "<Response/>")
    (message,) = await list_published(desk)
    assert (message.text, message.inbox, message.external_id) == ("Where is my order? ☂", NUMBER, "SM" + "1" * 32)


@pytest.mark.parametrize("path", ["/webhooks/whatsapp", "/webhooks/whatsapp/status?id=1"])
async def test_a_twilio_webhook_with_a_wrong_signature_stores_nothing(desk: Service, path: str) -> None:
    expect_problem(await post_twilio(desk, make_form(), path, token="guessed"), 403)
    unsigned = {"Content-Type": "application/x-www-form-urlencoded"}
    expect_problem(await desk.client.post(path, content=urlencode(make_form()), headers=unsigned), 401)
    assert await fetch_value(desk, "SELECT count(*) FROM message_sources") == 0


async def test_a_twilio_message_that_comes_twice_is_one(desk: Service) -> None:
    for _ in range(2):
        assert (await post_twilio(desk, make_form())).status_code == 200
    assert len(await list_published(desk)) == 1


async def test_a_twilio_status_names_its_reply_in_the_address(desk: Service) -> None:
    conversation_id = await open_chat(desk, NUMBER)
    async with desk.pool.acquire() as conn:
        reply_id = await queue_reply(conn, conversation_id, channel="whatsapp", inbox=NUMBER)
        await conn.execute("UPDATE outbox SET state = 'unknown', ready_at = now()")
    form = {"MessageSid": "SM" + "2" * 32, "MessageStatus": "delivered", "AccountSid": ACCOUNT}
    path = f"/webhooks/whatsapp/status?outbox={reply_id}"
    assert (await post_twilio(desk, form, path)).status_code == 200
    assert await fetch_value(desk, "SELECT state || vendor_id FROM outbox") == "deliveredSM" + "2" * 32


async def test_metas_handshake_is_answered(desk: Service) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "agreed", "hub.challenge": "1158201444"}
    response = await desk.client.get("/webhooks/whatsapp/meta", params=asked)
    assert (response.status_code, response.text) == (200, "1158201444")
    guess = asked | {"hub.verify_token": "guessed"}
    expect_problem(await desk.client.get("/webhooks/whatsapp/meta", params=guess), 403)


async def test_a_batch_of_metas_is_taken_whole(desk: Service) -> None:
    conversation_id = await open_chat(desk, meta.NUMBER_ID)
    async with desk.pool.acquire() as conn:
        reply_id = await queue_reply(conn, conversation_id, channel="whatsapp", inbox=meta.NUMBER_ID)
        await conn.execute("UPDATE outbox SET state = 'sent', vendor_id = 'wamid.OURS'")
    batch = meta.build_value(
        contacts=[meta.build_contact()],
        messages=[meta.build_message("text", "wamid.1"), meta.build_message("image", "wamid.2")],
        statuses=[meta.build_status("read", "wamid.OURS", str(reply_id))],
    )
    for _ in range(2):
        assert (await post_meta(desk, meta.build_webhook(batch))).status_code == 200
    names = [message.external_id for message in await list_published(desk)]
    assert names[-2:] == ["wamid.1", "wamid.2"]
    assert len(names) == 3  # with the one that opened the conversation
    assert await fetch_value(desk, "SELECT state FROM outbox") == "read"


async def test_every_shape_of_metas_is_answered(desk: Service) -> None:
    for sample in meta.build_samples():
        assert (await post_meta(desk, sample)).status_code == 200
    assert len(await list_published(desk)) >= 3
    assert await fetch_value(desk, "SELECT count(*) FROM message_sources WHERE state = 'malformed'") == 0


@pytest.mark.parametrize(
    "text", ["a\x00b", "half of an emoji \ud83d", "\x00", "x" * 300_000], ids=["NUL", "surrogate", "only NUL", "long"]
)
async def test_hostile_text_from_meta_is_one_message_in_the_queue(desk: Service, text: str) -> None:
    message = meta.build_message("text", text={"body": text})
    contact = meta.build_contact(name="A\x00\ud83d")
    document = meta.build_webhook(meta.build_value(contacts=[contact], messages=[message]))
    assert (await post_meta(desk, document)).status_code == 200
    (published,) = await list_published(desk)
    assert published.problem is None
    assert len(published.model_dump_json()) <= queue.MAX_PAYLOAD_BYTES


async def test_what_meta_signs_and_nobody_reads_is_kept(desk: Service) -> None:
    body = b"\xff not JSON"
    headers = {META_HEADER: sign(APP_SECRET, body)}
    response = await desk.client.post("/webhooks/whatsapp/meta", content=body, headers=headers)
    assert response.status_code == 200
    assert await fetch_value(desk, "SELECT state FROM message_sources WHERE body = $1", body) == "malformed"


async def test_a_meta_webhook_with_a_wrong_signature_stores_nothing(desk: Service) -> None:
    document = meta.build_webhook(meta.build_value(messages=[meta.build_message("text")]))
    expect_problem(await post_meta(desk, document, secret="guessed"), 403)
    expect_problem(await desk.client.post("/webhooks/whatsapp/meta", json=document), 401)
    assert await fetch_value(desk, "SELECT count(*) FROM message_sources") == 0


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer a.b.c", "Basic eA==", "Bearer " + "x" * 5_000])
async def test_a_push_without_googles_token_wakes_nobody(desk: Service, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    expect_problem(await desk.client.post("/webhooks/gmail", json={"message": {}}, headers=headers), 401)
    assert await fetch_value(desk, "SELECT count(*) FROM channel_cursors") == 0
