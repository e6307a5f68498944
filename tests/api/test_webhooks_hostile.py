"""Webhooks that break careless programs: each is answered, each is kept, and a person gets what no machine can read."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from asyncpg import Record

from channels.base import MalformedSource
from database import intake, queue
from database.types import (
    Attachment,
    Consent,
    Identity,
    InboundMessage,
    MailPath,
    Parsed,
    Source,
    StatusUpdate,
    WhatsAppPath,
)
from tests.api.receivers import INBOX, StubReceiver, installed, make_chat, post
from tests.api.service import Service
from tests.api.test_webhooks import break_table, find_source
from tests.database.builders import claim_one
from tests.workers.stubs import Desk

HUGE = 5_000_000
NASTY = "a\x00b\ud83dc"  # NUL, and half of an emoji
NASTY_FIELDS: dict[str, Any] = {
    "text": NASTY,
    "quoted": NASTY,
    "contact": f"{NASTY}-contact",
    "external_id": f"{NASTY}-id",
    "fingerprint": NASTY,
    "problem": NASTY,
    "follows": (NASTY,),
    "known_as": (NASTY,),
    "sender": Identity(kind="whatsapp", value=NASTY, level="proven", name=NASTY),
    "also": (Identity(kind="phone", value=NASTY, level="proven"),),
    "reply_path": WhatsAppPath(provider="meta", phone=NASTY, user_id=NASTY),
    "attachments": (Attachment(name=NASTY, content_type=NASTY, locator=NASTY, problem=NASTY),),
}
HUGE_FIELDS: dict[str, Any] = {
    "text": "\x01" * HUGE,
    "quoted": "€" * HUGE,
    "follows": tuple(str(number) for number in range(100_000)),
    "known_as": ("k" * HUGE,),
    "sender": Identity(kind="whatsapp", value="+15550199", level="proven", name="n" * HUGE),
    "also": tuple(Identity(kind="phone", value=f"+{number}", level="proven") for number in range(20_000)),
    "reply_path": MailPath(to="a@example.com", subject="s" * HUGE, references=("<r@example.com>",) * 50_000),
    "attachments": tuple(Attachment(name="n" * 1_000, content_type="t" * 1_000) for _ in range(1_000)),
}


@pytest.fixture
def vendor(service: Service) -> Iterator[StubReceiver]:
    receiver = StubReceiver()
    with installed(service, receiver):
        yield receiver


@pytest.fixture
def alone(fresh: Service) -> Iterator[StubReceiver]:
    receiver = StubReceiver()
    with installed(fresh, receiver):
        yield receiver


async def take(service: Service, vendor: StubReceiver, parsed: Parsed) -> Record:
    """Post what the receiver reads so, and return its source."""
    vendor.read = lambda _: parsed
    body = uuid4().hex.encode()
    response = await post(service, body)
    assert response.status_code == 200, response.text
    source = await find_source(service.pool, body)
    assert source is not None
    return source


async def read_message(service: Service, source: Record) -> InboundMessage:
    async with service.pool.acquire() as conn:
        payload = await conn.fetchval(
            "SELECT payload FROM message_queue WHERE payload ->> 'source_id' = $1", str(source["id"])
        )
    return InboundMessage.model_validate_json(payload)


@pytest.mark.parametrize("field", NASTY_FIELDS)
async def test_what_no_column_takes_is_dropped_from_any_field(
    field: str, service: Service, vendor: StubReceiver
) -> None:
    unique = {"external_id": uuid4().hex} | {field: NASTY_FIELDS[field]}
    source = await take(service, vendor, Parsed(messages=(make_chat().model_copy(update=unique),)))
    stored = (await read_message(service, source)).model_dump_json()
    assert source["state"] == "stored"
    assert "ab?c" in stored
    assert "\\u0000" not in stored


async def test_nasty_reports_consents_and_wakes_are_taken(service: Service, vendor: StubReceiver) -> None:
    vendor.read = lambda _: Parsed(
        statuses=(
            StatusUpdate("failed", vendor_id=NASTY, error=NASTY),
            StatusUpdate("failed", mail_id=NASTY, error=NASTY),
        ),
        consents=(Consent("whatsapp", NASTY, NASTY, is_given=False), Consent("whatsapp", NASTY, NASTY, is_given=True)),
        wakes=(NASTY,),
        revoked=(Identity(kind="whatsapp", value=NASTY, level="proven"),),
        ignored=(NASTY,),
    )
    assert (await post(service)).status_code == 200


@pytest.mark.parametrize("field", HUGE_FIELDS)
async def test_a_message_larger_than_the_queue_takes_is_cut_and_taken(
    field: str, service: Service, vendor: StubReceiver
) -> None:
    message = make_chat().model_copy(update={field: HUGE_FIELDS[field]})
    source = await take(service, vendor, Parsed(messages=(message,)))
    stored = await read_message(service, source)
    assert source["state"] == "stored"
    assert intake.CUT in stored.text
    assert (stored.contact, stored.external_id) == (message.contact, message.external_id)
    assert len(stored.model_dump_json()) <= queue.MAX_PAYLOAD_BYTES


async def test_a_message_filled_in_every_field_is_cut_and_taken(service: Service, vendor: StubReceiver) -> None:
    await take(service, vendor, Parsed(messages=(make_chat().model_copy(update=HUGE_FIELDS),)))


async def test_what_is_cut_still_reaches_a_person(fresh: Service, alone: StubReceiver) -> None:
    source = await take(fresh, alone, Parsed(messages=(make_chat("Hello. " * 60_000),)))
    desk = Desk(fresh.pool, fresh.desk.settings)
    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    await desk.work()
    (stored, *_) = await desk.fetch("SELECT text, source_id FROM messages WHERE author = 'customer'")
    assert stored["text"].startswith("Hello. Hello.")
    assert stored["text"].endswith(intake.CUT)
    assert stored["source_id"] == source["id"]
    assert await desk.count("tickets") == 1


async def test_what_cannot_be_read_is_kept_with_its_reason_and_answered(service: Service, vendor: StubReceiver) -> None:
    def refuse(_source: Source) -> Parsed:
        raise MalformedSource(f"not JSON at {NASTY}")

    vendor.read = refuse
    before = service.desk.ignored["malformed"]
    body = uuid4().hex.encode()
    for _ in range(2):
        assert (await post(service, body)).status_code == 200
    source = await find_source(service.pool, body)
    assert source is not None
    assert (source["state"], source["reason"]) == ("malformed", "not JSON at ab?c")
    assert service.desk.ignored["malformed"] == before + 2


async def test_a_parser_that_breaks_loses_nothing_and_a_person_gets_it(
    fresh: Service, alone: StubReceiver, quiet_log: list[object]
) -> None:
    def fail(source: Source) -> Parsed:
        raise KeyError(source.body)

    alone.read = fail
    for _ in range(2):
        assert (await post(fresh, b"odd")).status_code == 200
    source = await find_source(fresh.pool, b"odd")
    assert source is not None
    assert (source["state"], source["reason"]) == ("malformed", "the parser broke (KeyError)")
    desk = Desk(fresh.pool, fresh.desk.settings)
    await desk.execute("UPDATE queue_threads SET ready_at = now()")
    await desk.work()
    assert await desk.count("dead_letters") == 1
    assert await desk.read_status() == "escalated"
    assert await desk.count("outbox") == 0  # there is nobody to answer


async def test_what_the_database_refuses_for_good_is_kept_for_a_person(
    fresh: Service, alone: StubReceiver, quiet_log: list[object]
) -> None:
    await break_table(fresh.pool, "opt_outs", "INSERT", state="22P05")
    consent = Consent("whatsapp", INBOX, "+15550199", is_given=False)
    source = await take(fresh, alone, Parsed(messages=(make_chat("one"), make_chat("two")), consents=(consent,)))
    assert source["state"] == "malformed"
    assert "could not be taken in" in source["reason"]
    async with fresh.pool.acquire() as conn:
        await conn.execute("UPDATE queue_threads SET ready_at = now()")
        (queued,) = (await claim_one(conn)).messages
    assert queued.message.problem == source["reason"]
    assert queued.message.source_id == source["id"]
