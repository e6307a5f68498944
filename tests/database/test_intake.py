"""Taking in what a channel read: whole, once, whatever stands in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from database import intake, queue
from database.intake import CUT, TakenIn, describe_unreadable, fit
from database.pool import Conn, DbConnection, DbPool
from database.queries import customers, sources
from database.queries.notices import list_notices
from database.types import (
    Attachment,
    Consent,
    Identity,
    InboundMessage,
    MailPath,
    Parsed,
    Source,
    SourceId,
    StatusUpdate,
)
from tests.database.builders import claim_one, make_message, open_conversation
from tests.database.deliveries import INBOX, open_chat, read_problem, read_state, send_reply
from tests.fuzz import fuzz_settings

PHONE = Identity(kind="whatsapp", value="+15550111", level="proven", name="Alice")
HUGE = 400_000


def make_chat(external_id: str | None = None, text: str = "hello", contact: str = PHONE.value) -> InboundMessage:
    return make_message(contact, external_id, text=text, channel="whatsapp", inbox=INBOX, sender=PHONE)


async def take_in(conn: Conn, parsed: Parsed, source_id: SourceId | None = None) -> TakenIn:
    return await intake.take_in(conn, "whatsapp", source_id, parsed)


async def count_queued(conn: Conn) -> int:
    count: int = await conn.fetchval("SELECT count(*) FROM message_queue")
    return count


async def test_everything_that_a_source_says_is_written_and_once_more_changes_nothing(conn: DbConnection) -> None:
    reply = await send_reply(conn, await open_chat(conn, "+15550122"), "SM1")
    before = await count_queued(conn)
    parsed = Parsed(
        messages=(make_chat("m1", "one"), make_chat("m2", "two")),
        statuses=(StatusUpdate("delivered", vendor_id="SM1"), StatusUpdate("read", vendor_id="SM9")),
        consents=(Consent("whatsapp", INBOX, PHONE.value, is_given=False),),
        wakes=("support@example.com",),
        ignored=("typing", "typing"),
    )
    first = await take_in(conn, parsed)
    assert [published.is_new for published in first.published] == [True, True]
    assert (first.unmatched, first.has_moved, first.woken) == (1, True, ["support@example.com"])
    assert first.ignored == {"typing": 2}
    again = await take_in(conn, parsed)
    assert [published.is_new for published in again.published] == [False, False]
    assert not again.has_moved
    assert await count_queued(conn) == before + 2
    assert await read_state(conn, reply.id) == "delivered"
    assert await conn.fetchval("SELECT count(*) FROM opt_outs") == 1
    assert await conn.fetchval("SELECT count(*) FROM channel_cursors") == 1


async def test_nothing_is_nothing(conn: DbConnection) -> None:
    assert await take_in(conn, Parsed()) == TakenIn()


async def test_a_message_knows_its_source(conn: DbConnection) -> None:
    source = Source("whatsapp", INBOX, "s1", b"{}")
    source_id = await sources.keep_source(conn, source, origin="whatsapp", state="stored")
    (published,) = (await take_in(conn, Parsed(messages=(make_chat(),)), source_id)).published
    assert published.message.source_id == source_id
    lease = await claim_one_chat(conn)
    assert lease.source_id == source_id


async def claim_one_chat(conn: Conn) -> InboundMessage:
    await conn.execute("UPDATE queue_threads SET ready_at = now(), quiet_until = NULL, quiet_limit = NULL")
    (queued,) = (await claim_one(conn)).messages
    return queued.message


async def test_a_rollback_takes_everything_back(pool: DbPool) -> None:
    async with pool.acquire() as conn:
        reply = await send_reply(conn, await open_chat(conn, "+15550122"), "SM1")
        before = await count_queued(conn)
        parsed = Parsed(
            messages=(make_chat(),),
            statuses=(StatusUpdate("failed", vendor_id="SM1", error="blocked"),),
            consents=(Consent("whatsapp", INBOX, PHONE.value, is_given=False),),
        )
        crashing = conn.transaction()
        await crashing.start()
        await take_in(conn, parsed)
        await crashing.rollback()
        assert await count_queued(conn) == before
        assert await read_state(conn, reply.id) == "sent"
        assert await list_notices(conn, None, max_rows=5) == []
        assert await conn.fetchval("SELECT count(*) FROM opt_outs") == 0


async def test_a_report_of_failure_reaches_the_team_and_a_delivery_after_it_settles_that(conn: DbConnection) -> None:
    conversation_id = await open_chat(conn)
    await send_reply(conn, conversation_id, "SM1")
    await take_in(conn, Parsed(statuses=(StatusUpdate("failed", vendor_id="SM1"),)))
    (notice,) = await list_notices(conn, None, max_rows=5)
    assert (notice["kind"], notice["text"]) == ("undelivered", "the vendor did not deliver it")
    assert await read_problem(conn, conversation_id) == "the vendor did not deliver it"
    await take_in(conn, Parsed(statuses=(StatusUpdate("delivered", vendor_id="SM1"),)))
    assert await list_notices(conn, None, max_rows=5) == []
    assert await read_problem(conn, conversation_id) is None


async def test_a_source_that_cannot_be_read_is_a_message_of_its_own_that_says_why(conn: DbConnection) -> None:
    for name in ("m1", "m2", "m1"):
        parsed = describe_unreadable(Source("gmail", "support", name, b"?"), "no sender" + "!" * 10_000)
        await intake.take_in(conn, "gmail", None, parsed)
    rows = await conn.fetch(
        "SELECT t.contact, m.payload ->> 'problem' AS problem FROM message_queue m "
        "JOIN queue_threads t ON t.id = m.thread_id ORDER BY 1"
    )
    assert [row["contact"] for row in rows] == ["unreadable:m1", "unreadable:m2"]
    assert all(row["problem"].startswith("no sender!") and len(row["problem"]) <= 500 for row in rows)


async def test_a_number_with_a_new_owner_proves_nobody_any_more(conn: DbConnection) -> None:
    conversation_id = await open_conversation(conn, level="proven")
    await conn.execute("UPDATE conversations SET channel = 'whatsapp'")
    customer_id = await customers.resolve_customer(conn, PHONE)
    await conn.execute("UPDATE conversations SET customer_id = $1", customer_id)
    await take_in(conn, Parsed(revoked=(PHONE,)))
    level = "SELECT identity_level FROM conversations WHERE id = $1"
    assert await conn.fetchval(level, conversation_id) == "channel_asserted"
    assert await customers.resolve_customer(conn, PHONE) != customer_id


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d of it", "\udc00", "\x00"])
async def test_texts_that_no_column_takes_get_in_without_what_is_wrong_with_them(text: str, conn: DbConnection) -> None:
    message = make_chat().model_copy(
        update={
            "text": text,
            "quoted": text,
            "sender": PHONE.model_copy(update={"name": text}),
            "attachments": (Attachment.model_construct(name=text, content_type=text, problem=text),),
            "known_as": (text,),
            "follows": (text,),
            "reply_path": MailPath.model_construct(to="alice@example.com", subject=text, references=(text,)),
        }
    )
    status = StatusUpdate("failed", vendor_id=text, mail_id=text, error=text)
    consent = Consent("whatsapp", text, text, is_given=False)
    parsed = Parsed(
        messages=(message,), statuses=(status,), consents=(consent,), wakes=(text,), ignored=(text,), revoked=(PHONE,)
    )
    assert (await take_in(conn, parsed)).unmatched == 1
    stored = await claim_one_chat(conn)
    assert "\x00" not in stored.text
    stored.text.encode()


# How long a field is, of which character, and how many there are where there may be several.
shapes = st.tuples(st.sampled_from([0, 1, 300, 100_000]), st.sampled_from('xé🙂\x01"'), st.sampled_from([0, 1, 30]))
FIELDS = ("text", "quoted", "address", "name", "also", "follows", "known_as", "files", "subject", "references")


def build_enormous(shape: dict[str, tuple[int, str, int]], *, has_path: bool, is_broken: bool) -> InboundMessage:
    text = {name: size * letter for name, (size, letter, _) in shape.items()}
    many = {name: (text[name],) * count for name, (_, _, count) in shape.items()}
    sender = Identity(kind="email", value=text["address"], level="channel_asserted", name=text["name"])
    path = MailPath(to=text["address"], subject=text["subject"], references=many["references"])
    return make_message(channel="gmail", inbox="support", sender=sender, text=text["text"]).model_copy(
        update={
            "quoted": text["quoted"],
            "also": tuple(sender.model_copy(update={"value": value}) for value in many["also"]),
            "follows": many["follows"],
            "known_as": many["known_as"],
            "attachments": tuple(Attachment(name=name, content_type=name, locator=name) for name in many["files"]),
            "reply_path": path if has_path else None,
            "problem": text["quoted"] if is_broken else None,
        }
    )


@settings(fuzz_settings, max_examples=100)
@given(shape=st.fixed_dictionaries(dict.fromkeys(FIELDS, shapes)), has_path=st.booleans(), is_broken=st.booleans())
def test_every_message_is_made_to_fit_the_queue_and_keeps_its_place(
    shape: dict[str, tuple[int, str, int]], has_path: bool, is_broken: bool
) -> None:
    message = build_enormous(shape, has_path=has_path, is_broken=is_broken)
    fitted = fit(message)
    assert len(fitted.model_dump_json().encode()) < queue.MAX_PAYLOAD_BYTES
    assert (fitted.thread_id, fitted.external_id) == (message.thread_id, message.external_id)
    assert (fitted is message) or CUT in fitted.text


async def test_a_message_that_is_too_long_is_queued_with_its_beginning(conn: DbConnection) -> None:
    await take_in(conn, Parsed(messages=(make_chat(text="Please help. " + "x" * HUGE),)))
    stored = await claim_one_chat(conn)
    assert stored.text.startswith("Please help. x")
    assert stored.text.endswith(CUT)


def test_a_message_that_fits_is_left_alone() -> None:
    message = make_chat(text="x" * 100_000)
    assert fit(message) is message
