"""Webhooks: committed before they are answered, once however often they come, and nothing without a signature."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from uuid import uuid4

import pytest
from asyncpg import Record

from api.edge import WEBHOOK_BYTES
from api.routes.webhooks import describe_request
from channels.base import BadSignature, VendorAway, WebhookRequest
from database import outbox, queue
from database.notify import INBOX_CHANNEL
from database.pool import DbPool, connect
from database.types import Consent, MessageId, Parsed, Source, StatusUpdate
from tests.api.receivers import INBOX, PUBLIC_URL, StubReceiver, installed, make_chat, post
from tests.api.service import Service, expect_problem
from tests.database.builders import open_conversation, queue_reply

SENT = b"MessageSid=SM1&Body=Hello"


@pytest.fixture
def vendor(service: Service) -> Iterator[StubReceiver]:
    """A receiver of the shared application."""
    receiver = StubReceiver()
    with installed(service, receiver):
        yield receiver


@pytest.fixture
def alone(fresh: Service) -> Iterator[StubReceiver]:
    """A receiver of an application with an empty database of its own."""
    receiver = StubReceiver()
    with installed(fresh, receiver):
        yield receiver


def repeat_parsed(parsed: Parsed, _source: Source) -> Parsed:
    return parsed


async def find_source(pool: DbPool, body: bytes) -> Record | None:
    async with pool.acquire() as conn:
        row: Record | None = await conn.fetchrow("SELECT * FROM message_sources WHERE body = $1", body)
        return row


async def count(pool: DbPool, *tables: str) -> dict[str, int]:
    async with pool.acquire() as conn:
        return {table: await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


async def prepare_reply(pool: DbPool) -> MessageId:
    """A reply that the vendor has accepted as `vendor-1`."""
    async with pool.acquire() as conn:
        conversation_id = await open_conversation(conn, "+15550199", channel="whatsapp", inbox=INBOX)
        reply_id = await queue_reply(conn, conversation_id, channel="whatsapp", inbox=INBOX)
        (reply,) = await outbox.claim(conn, max_replies=5, lease_seconds=60)
        await outbox.mark_sent(conn, reply, "vendor-1")
        return reply_id


async def break_table(pool: DbPool, table: str, event: str, *, state: str, at_commit: bool = False) -> None:
    """From now on the database refuses this event with this SQLSTATE; `at_commit` only when all else is done."""
    kind, when = ("CONSTRAINT TRIGGER", "AFTER") if at_commit else ("TRIGGER", "BEFORE")
    async with pool.acquire() as conn:
        await conn.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
        )
        deferred = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
        await conn.execute(
            f"CREATE {kind} refuse {when} {event} ON {table} {deferred} FOR EACH ROW EXECUTE FUNCTION refuse()"
        )


async def test_a_webhook_is_committed_when_it_is_answered(service: Service, vendor: StubReceiver) -> None:
    message = make_chat()
    vendor.read = lambda _: Parsed(messages=(message,))
    body = uuid4().hex.encode()
    response = await post(service, body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (response.status_code, response.text) == (200, "<Response/>")
    assert response.headers["content-type"].startswith("text/xml")
    async with service.pool.acquire() as conn:
        published = await queue.find_published(conn, "whatsapp", INBOX, message.external_id)
    source = await find_source(service.pool, body)
    assert published is not None
    assert source is not None
    assert (source["state"], source["origin"], source["channel"]) == ("stored", "whatsapp", "whatsapp")
    assert json.loads(source["facts"])["content_type"] == "application/x-www-form-urlencoded"
    assert published.message.source_id == source["id"]


async def test_a_commit_that_fails_is_not_answered_as_taken(
    fresh: Service, alone: StubReceiver, quiet_log: list[object]
) -> None:
    await break_table(fresh.pool, "message_queue", "INSERT", state="40001", at_commit=True)
    response = await post(fresh)
    expect_problem(response, 503)
    assert response.headers["retry-after"]
    assert await count(fresh.pool, "message_queue", "message_sources") == {"message_queue": 0, "message_sources": 0}


async def test_a_failure_in_the_middle_stores_nothing_of_a_batch(
    fresh: Service, alone: StubReceiver, quiet_log: list[object]
) -> None:
    await prepare_reply(fresh.pool)
    before = await count(fresh.pool, "message_queue", "message_sources", "opt_outs")
    alone.read = lambda _: Parsed(
        messages=(make_chat("one"), make_chat("two")),
        consents=(Consent("whatsapp", INBOX, "+15550199", is_given=False),),
        statuses=(StatusUpdate("delivered", vendor_id="vendor-1"),),
    )
    await break_table(fresh.pool, "outbox", "UPDATE", state="57014")
    expect_problem(await post(fresh), 503)
    assert await count(fresh.pool, "message_queue", "message_sources", "opt_outs") == before


async def test_messages_and_reports_of_a_batch_are_all_taken(fresh: Service, alone: StubReceiver) -> None:
    reply_id = await prepare_reply(fresh.pool)
    batch = (make_chat("one"), make_chat("two", contact="+15550123"), make_chat("three"))
    alone.read = lambda _: Parsed(messages=batch, statuses=(StatusUpdate("read", vendor_id="vendor-1"),))
    assert (await post(fresh)).status_code == 200
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT state FROM outbox WHERE id = $1", reply_id) == "read"
        for message in batch:
            assert await queue.find_published(conn, "whatsapp", INBOX, message.external_id) is not None


@pytest.mark.parametrize("status", [401, 403])
async def test_without_a_right_signature_nothing_is_stored(service: Service, vendor: StubReceiver, status: int) -> None:
    vendor.refusal = BadSignature("the digest is wrong", status=status)
    body = uuid4().hex.encode()
    problem = expect_problem(await post(service, body), status)
    assert "digest" not in problem["detail"]  # whoever guesses is not told how far they are
    assert await find_source(service.pool, body) is None


async def test_a_vendor_whose_keys_cannot_be_had_is_asked_to_come_again(service: Service, vendor: StubReceiver) -> None:
    vendor.refusal = VendorAway("no certificates")
    body = uuid4().hex.encode()
    response = await post(service, body)
    expect_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert await find_source(service.pool, body) is None


async def test_an_address_that_nobody_takes_is_unknown(service: Service, vendor: StubReceiver) -> None:
    for address in ("whatsapp/", "whatsapp/meta", "WhatsApp", "nowhere", ""):
        expect_problem(await post(service, b"{}", address=address), 404)
        expect_problem(await service.client.get(f"/webhooks/{address}"), 404)
    assert vendor.requests == []


@pytest.mark.parametrize("body", [b"", b"\xff\x00\xfe", b'{ "a" :1}\r\n', b"a=%2B+%C3&a=;\n"])
async def test_the_receiver_sees_the_body_to_the_byte(service: Service, vendor: StubReceiver, body: bytes) -> None:
    await post(service, body)
    assert vendor.requests[-1].body == body


async def test_the_receiver_sees_the_public_address_with_the_raw_path_and_query(
    service: Service, vendor: StubReceiver
) -> None:
    path = "/webhooks/what%73app?a=%2b+%20&&b=&a=1%00&c"
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    forged |= {"Forwarded": "host=evil.example", "X-Original-URL": "/admin", "X-Forwarded-Prefix": "/evil"}
    await service.client.post(path, content=b"x", headers=forged)
    assert vendor.requests[-1].url == PUBLIC_URL + path


async def test_header_names_are_lower_case(service: Service, vendor: StubReceiver) -> None:
    await post(service, headers={"X-Twilio-Signature": "Abc="})
    assert vendor.requests[-1].headers["x-twilio-signature"] == "Abc="


async def test_a_redelivery_is_a_no_op(fresh: Service, alone: StubReceiver) -> None:
    message = make_chat()
    alone.read = lambda _: Parsed(messages=(message,))
    for _ in range(3):
        assert (await post(fresh, SENT)).status_code == 200
    assert await count(fresh.pool, "message_queue", "message_sources") == {"message_queue": 1, "message_sources": 1}


async def test_a_stop_that_comes_again_after_a_start_silences_nobody(fresh: Service, alone: StubReceiver) -> None:
    for word, is_given in (("STOP", False), ("START", True), ("STOP", False)):
        message = make_chat(word, external_id=word, starts_turn=False)
        said = Consent("whatsapp", INBOX, "+15550199", is_given=is_given)
        alone.read = partial(repeat_parsed, Parsed(messages=(message,), consents=(said,)))
        assert (await post(fresh, word.encode())).status_code == 200
    assert await count(fresh.pool, "opt_outs") == {"opt_outs": 0}


async def test_the_same_webhook_twice_at_once_is_one_message(fresh: Service, alone: StubReceiver) -> None:
    messages = (make_chat("one"), make_chat("two", contact="+15550123"))
    alone.read = lambda source: Parsed(messages=messages if source.body == SENT else messages[::-1])
    # The vendor repeats the batch, and sends its messages once more in another order.
    answers = await asyncio.gather(*(post(fresh, body) for body in (SENT, b"another order") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert await count(fresh.pool, "message_queue", "message_sources") == {"message_queue": 2, "message_sources": 2}


async def test_only_webhooks_may_be_three_mebibytes(service: Service, vendor: StubReceiver) -> None:
    assert (await post(service, b"x" * WEBHOOK_BYTES)).status_code == 200
    expect_problem(await post(service, b"x" * (WEBHOOK_BYTES + 1)), 413)
    limit = service.desk.settings.api.max_body_bytes
    for path in ("/support/submit", "/webhooksx", "/test/queue"):
        expect_problem(await service.client.post(path, content=b"x" * (limit + 1)), 413)


async def test_a_long_webhook_without_a_length_is_refused_while_it_is_read(
    service: Service, vendor: StubReceiver
) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1024 * 1024

    expect_problem(await service.client.post("/webhooks/whatsapp", content=stream()), 413)
    assert vendor.requests == []


async def test_events_that_are_nothing_to_us_are_counted_and_answered(
    service: Service, vendor: StubReceiver, quiet_log: list[dict[str, object]]
) -> None:
    vendor.read = lambda _: Parsed(ignored=("typing", "typing", "unknown inbox"))
    before = service.desk.ignored.copy()
    body = uuid4().hex.encode()
    assert (await post(service, body)).status_code == 200
    counted = service.desk.ignored - before
    assert counted == {"typing": 2, "unknown inbox": 1}
    assert [line["events"] for line in quiet_log if line["event"] == "webhook events ignored"] == [dict(counted)]
    assert await find_source(service.pool, body) is None


async def test_a_report_on_a_reply_that_is_not_ours_is_counted(service: Service, vendor: StubReceiver) -> None:
    vendor.read = lambda _: Parsed(statuses=(StatusUpdate("delivered", vendor_id=uuid4().hex),))
    before = service.desk.ignored.copy()
    assert (await post(service)).status_code == 200
    assert service.desk.ignored - before == {"report on a reply that is not ours": 1}


async def test_a_push_marks_its_inbox_and_wakes_the_workers(fresh: Service, alone: StubReceiver) -> None:
    alone.channel = "gmail"
    alone.read = lambda _: Parsed(wakes=("support@example.com",))
    woken: asyncio.Queue[str] = asyncio.Queue()
    listener = await connect(fresh.desk.notifier._url, application="test")
    await listener.add_listener(INBOX_CHANNEL, lambda *said: woken.put_nowait(str(said[-1])))
    assert (await post(fresh)).status_code == 200
    assert await asyncio.wait_for(woken.get(), 60) == "support@example.com"
    await listener.close()
    async with fresh.pool.acquire() as conn:
        assert await conn.fetchval("SELECT wanted_at IS NOT NULL FROM channel_cursors WHERE channel = 'gmail'")


async def test_the_handshake_answers_whoever_knows_the_token(service: Service, vendor: StubReceiver) -> None:
    known = await service.client.get("/webhooks/whatsapp", params={"token": "agreed", "challenge": "1158201444"})
    assert (known.status_code, known.text) == (200, "1158201444")
    assert known.headers["content-type"].startswith("text/plain")
    expect_problem(await service.client.get("/webhooks/whatsapp", params={"token": "guessed", "challenge": "1"}), 403)


async def test_a_challenge_is_never_taken_for_a_page(service: Service, vendor: StubReceiver) -> None:
    page = {"token": "agreed", "challenge": "<script>alert(1)</script>"}
    response = await service.client.get("/webhooks/whatsapp", params=page)
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_same_bytes_at_another_address_are_another_source() -> None:
    def describe(url: str, body: bytes) -> Source:
        return describe_request(StubReceiver(), WebhookRequest(url, {}, body))

    one = describe(f"{PUBLIC_URL}/webhooks/whatsapp/status?id=1", b"MessageStatus=read")
    assert one == describe(f"{PUBLIC_URL}/webhooks/whatsapp/status?id=1", b"MessageStatus=read")
    assert one.external_id != describe(f"{PUBLIC_URL}/webhooks/whatsapp/status?id=2", b"MessageStatus=read").external_id
