"""Erasure: whatever a customer has left anywhere in the database is gone, and nothing brings it back."""

import asyncio
from collections import Counter
from email.message import EmailMessage

import asyncpg
import pytest

from agent.context import Turn
from agent.knowledge.embedder import Embedders
from agent.knowledge.resolutions import learn_resolution
from agent.run import TurnResult
from channels.mail.account import MailAccount
from channels.mail.parse import parse_mail
from core.ids import new_id
from core.settings import Settings
from database import intake, queue
from database.erasure import NotConfirmed, UnknownCustomer, erase_customer, hash_subject
from database.files import PostgresFiles
from database.pool import DbPool
from database.queries import conversations, erasures, feedback, intents, sources
from database.queries.erasures import Certificate
from database.queries.intents import NewModel
from database.retention import DATA_CLASSES
from database.types import Attachment, CustomerId, Identity, MessageId, Source
from tests.agent.knowledge.desk import WordEmbedder, make_document, store
from tests.database.builders import make_message, make_request
from tests.database.proofs import SECRET, give_code
from tests.database.test_audit import ANN
from tests.workers.stubs import REF, Desk, Thinking, build_handover
from workers.sync import name_what_files_are

MARK = "zanzibarquokka"
ADDRESS = f"{MARK}@example.com"
ADA = Identity(kind="email", value=ADDRESS, level="self_reported", name=MARK)
BOB = Identity(kind="email", value="bob@example.com", level="self_reported", name="Bob Brook")
ACCOUNT = MailAccount("mailbox", "support@example.com", "Example")
PLAIN = "Open the task, choose move in its menu, and pick the other board."
# Names that are the desk's own, and states: what a customer writes does not get there.
OURS = {"channel", "inbox", "kind", "level", "state", "status", "priority", "category", "owner", "origin", "brain"}


def write_mail(subject: str = "Moving a task") -> bytes:
    mail = EmailMessage()
    mail["From"] = f"{MARK} <{ADDRESS}>"
    mail["To"], mail["Subject"] = "support@example.com", f"{subject} {MARK}"
    mail["Message-ID"] = f"<1@{MARK}.example>"
    mail.set_content(f"how can I move a {MARK} task to another board?")
    mail.add_attachment(f"a file of {MARK}".encode(), maintype="text", subtype="plain", filename=f"{MARK}.txt")
    return mail.as_bytes()


MAIL = write_mail()


async def take_in(desk: Desk, body: bytes = MAIL, name: str = "1") -> None:
    """What a sync does with one mail."""
    source = Source("mailbox", "support@example.com", name, body)
    parsed = name_what_files_are(parse_mail(source, ACCOUNT))
    async with desk.pool.acquire() as conn, conn.transaction():
        source_id = await sources.keep_source(conn, source, origin="poll", state="stored")
        await intake.take_in(conn, source.channel, source_id, parsed)


async def think_a_technical_handover(turn: Turn) -> TurnResult:
    return build_handover(turn, "technical")


async def live_through_it_all(desk: Desk) -> None:
    """A mail with a file and a form, both handed over; an answer, a rating, a lesson, a code, a failure."""
    desk.agent.think = think_a_technical_handover
    for content in parse_mail(Source("mailbox", "support@example.com", "1", MAIL), ACCOUNT).contents.values():
        await PostgresFiles(desk.pool).put(content)
    await take_in(desk)
    await desk.work()
    async with desk.pool.acquire() as conn:
        report = Source("mailbox", "support@example.com", "2", f"Final-Recipient: rfc822; {ADDRESS.upper()}".encode())
        await sources.keep_source(conn, report, origin="poll", state="ignored")
    await desk.publish(make_message(REF, text=f"I am {MARK}", sender=ADA, ticket=make_request(REF)))
    await desk.work()
    mailed = await desk.fetch_value("SELECT ref FROM tickets WHERE ref <> $1", REF)
    async with desk.pool.acquire() as conn, conn.transaction():
        assert await feedback.note_answer(conn, mailed, PLAIN)
        conversation_id = await conn.fetchval("SELECT conversation_id FROM tickets WHERE ref = $1", mailed)
        await conversations.add_message(conn, MessageId(new_id()), conversation_id, "person", PLAIN)
        await give_code(conn, conversation_id, ADDRESS)
    ticket_id = await desk.fetch_value(
        "UPDATE tickets SET status = 'closed', updated_at = now() - interval '2 days' WHERE ref = $1 RETURNING id",
        mailed,
    )
    await desk.execute("UPDATE messages SET created_at = created_at - interval '3 days'")
    assert await learn_resolution(desk.pool, Embedders(WordEmbedder()), ticket_id) == "drafted"
    async with desk.pool.acquire() as conn, conn.transaction():
        assert await feedback.rate_ticket(conn, REF, rating=1, is_resolved=False, comment=f"said {MARK}")
        for model in (
            NewModel("shipped", "basis", "taxonomy", b"taxonomy", 1),
            NewModel("taught", "basis", "tickets", MARK.encode(), 2, learned_from=[ticket_id]),
        ):
            await intents.add_model(conn, model, is_active=True)


async def plant(desk: Desk) -> set[str]:
    """The mark in every other column that may hold words; returns those that have it now."""
    tables = {table for data in DATA_CLASSES for table in data.tables} | {"knowledge_hints", "knowledge_base"}
    columns = await desk.fetch(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' "
        "AND is_generated = 'NEVER' AND data_type IN ('text', 'jsonb', 'bytea') AND table_name = ANY ($1)",
        sorted(tables),
    )
    ways = {
        "text": "coalesce({0}, '') || '{1}'",
        "bytea": "coalesce({0}, '') || '{1}'::bytea",
        "jsonb": "CASE jsonb_typeof({0}) WHEN 'object' THEN {0} || '{{\"planted\": \"{1}\"}}' "
        "ELSE coalesce(nullif({0}, 'null'), '[]') || '[\"{1}\"]' END",
    }
    planted = set()
    for table, column, kind in columns:
        # A source keeps the name that its vendor or our hash has given it, to be known when it comes again.
        if column in OURS or (table, column) == ("message_sources", "external_id"):
            continue
        try:
            await desk.execute(f"UPDATE {table} SET {column} = {ways[kind].format(column, MARK)}")
        except asyncpg.IntegrityConstraintViolationError:
            continue  # a closed list of words, or a digest
        planted.add(f"{table}.{column}")
    return planted


async def find_marked(desk: Desk) -> dict[str, str]:
    """A row with the mark, from each table that has one. Bytes are shown in hexadecimal."""
    tables = await desk.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    marks = [f"%{spelt}%" for spelt in (MARK, MARK.encode().hex(), MARK.upper().encode().hex())]
    found = {}
    for (table,) in tables:
        row = await desk.fetch_value(f"SELECT t::text FROM {table} t WHERE t::text ILIKE ANY ($1) LIMIT 1", marks)
        if row is not None:
            found[table] = row
    return found


async def find_customer(desk: Desk, address: str = ADDRESS) -> CustomerId:
    return CustomerId(
        await desk.fetch_value("SELECT customer_id FROM customer_identifiers WHERE value LIKE $1 || '%'", address)
    )


async def erase(desk: Desk, customer_id: CustomerId, confirm: str = ADDRESS) -> Certificate:
    async with desk.pool.acquire() as conn:
        return await erase_customer(conn, SECRET, customer_id, confirm=confirm, actor=ANN)


async def erase_everyone_marked(desk: Desk) -> list[Certificate]:
    """Who mailed and who filled in the form are two customers: nothing proves that they are one."""
    rows = await desk.fetch("SELECT customer_id, value FROM customer_identifiers WHERE value LIKE $1", f"{MARK}%")
    return [await erase(desk, row["customer_id"], row["value"]) for row in rows]


@pytest.fixture
async def desk(pool: DbPool, settings: Settings) -> Desk:
    return Desk(pool, settings)


async def test_no_column_of_any_table_holds_anything_of_a_customer_who_was_erased(desk: Desk) -> None:
    await store(desk.pool, "words.md", make_document("Words", "The menu has move."))
    await live_through_it_all(desk)
    before = set(await find_marked(desk))
    assert before >= {
        "attachments",
        "conversations",
        "customer_identifiers",
        "identity_codes",
        "intent_models",
        "knowledge_revisions",
        "knowledge_terms",
        "message_queue",
        "message_sources",
        "messages",
        "queue_threads",
        "thread_keys",
        "ticket_feedback",
        "tickets",
    }
    await desk.execute("DELETE FROM knowledge_articles WHERE kind = 'article'")
    assert len(await plant(desk)) > 40
    await desk.publish(make_message("TF-20261121-0002", sender=BOB, ticket=make_request("TF-20261121-0002")))
    await desk.work()
    certificates = await erase_everyone_marked(desk)
    assert await find_marked(desk) == {}
    assert len(certificates) == 2
    counts = sum((Counter(certificate.counts) for certificate in certificates), Counter[str]())
    for table in ("attachments", "knowledge_articles", "knowledge_vectors", "intent_models", "message_sources"):
        assert counts[table], table
    assert [row["value"] for row in await desk.fetch("SELECT value FROM customer_identifiers")] == [BOB.value]
    assert await desk.fetch_value("SELECT is_active FROM intent_models") is True
    assert {row["contact_name"] for row in await desk.fetch("SELECT contact_name FROM conversations")} == {BOB.name}


async def test_a_certificate_is_kept_tells_nobody_who_it_was_and_asking_again_returns_it(desk: Desk) -> None:
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    customer_id = await find_customer(desk)
    certificate = await erase(desk, customer_id, f" {ADDRESS.upper()} ")
    assert certificate.finished_at is not None
    assert (certificate.customer_id, certificate.erased_by) == (customer_id, f"user {ANN.id}")
    assert certificate.counts["conversations"] == certificate.counts["customers"] == 1
    assert certificate.counts["messages"] == 2
    assert MARK not in str(certificate)
    assert await erase(desk, customer_id) == certificate
    with pytest.raises(NotConfirmed):
        await erase(desk, customer_id, "bob@example.com")


async def test_an_erasure_is_finished_also_where_retention_took_the_customer_after_it_was_interrupted(
    desk: Desk,
) -> None:
    customer_id = CustomerId(new_id())
    async with desk.pool.acquire() as conn:
        await erasures.begin(conn, customer_id, subjects=[hash_subject(SECRET, ADDRESS)], erased_by="operator")
    certificate = await erase(desk, customer_id)
    assert (certificate.finished_at is not None, certificate.erased_by) == (True, "operator")
    assert await desk.fetch_value("SELECT count(*) FROM audit_log WHERE action = 'customer.erased'") == 1


async def test_two_who_ask_at_once_get_the_same_certificate(desk: Desk) -> None:
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    customer_id = await find_customer(desk)
    first, second = await asyncio.gather(erase(desk, customer_id), erase(desk, customer_id))
    assert first.finished_at == second.finished_at is not None
    assert second.counts["customers"] == 1


async def test_who_is_not_named_rightly_is_not_erased(desk: Desk) -> None:
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    with pytest.raises(NotConfirmed):
        await erase(desk, await find_customer(desk), "bob@example.com")
    with pytest.raises(UnknownCustomer):
        await erase(desk, CustomerId(new_id()))
    assert await desk.count("messages") == 2
    assert await desk.count("erasures") == 0


async def test_neither_a_redelivery_nor_a_mailbox_read_anew_brings_anything_back(desk: Desk) -> None:
    await take_in(desk)
    await desk.work()
    message = make_message(REF, sender=ADA, ticket=make_request(REF))
    await desk.publish(message)
    await desk.work()
    await erase_everyone_marked(desk)
    await take_in(desk)
    await take_in(desk, name="under another name")
    async with desk.pool.acquire() as conn:
        assert (await queue.publish(conn, message)).is_erased
        (again, new) = await queue.publish_many(conn, [message, make_message("new", sender=BOB)])
        assert (again.is_erased, new.is_new) == (True, True)
        await sources.list_ids(conn, "mailbox", "support@example.com", ["1"])
        assert await sources.find_listed(conn, "mailbox", "support@example.com", max_rows=5) == []
    assert await find_marked(desk) == {}


async def test_a_turn_in_flight_writes_nothing_after_the_erasure(desk: Desk) -> None:
    thinking = Thinking()
    desk.agent.think = thinking
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    turn = asyncio.create_task(desk.work())
    await thinking.begun.wait()
    await erase(desk, await find_customer(desk))
    thinking.may_end.set()
    await turn
    assert await find_marked(desk) == {}
    assert await desk.count("messages") == await desk.count("queue_threads") == 0


async def test_what_waits_and_no_worker_has_seen_is_found_by_its_sender(desk: Desk) -> None:
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    await desk.publish(make_message("TF-20261121-0002", sender=ADA, ticket=make_request("TF-20261121-0002")))
    await desk.publish(make_message("TF-20261121-0003", sender=BOB, ticket=make_request("TF-20261121-0003")))
    await erase(desk, await find_customer(desk))
    assert await find_marked(desk) == {}
    assert await desk.fetch_value("SELECT array_agg(contact) FROM queue_threads") == ["TF-20261121-0003"]


async def test_a_source_that_names_the_customer_is_emptied_and_one_of_a_longer_address_is_not(desk: Desk) -> None:
    theirs = (
        f"To: {ADDRESS}",
        f"<{ADDRESS.upper()}>",
        f"\u201c{ADDRESS}\u201d",
        rf'{{"said": "\u003c{ADDRESS}\u003e"}}',
        rf'{{"said": "so\n{ADDRESS}"}}',
        f"https://example.com/?by=3D{ADDRESS}=20",
    )
    foreign = ("To: bob@example.com", f"To: not{ADDRESS}", f"To: {ADDRESS}x")
    async with desk.pool.acquire() as conn:
        for body in (*theirs, *foreign):
            source = Source("mailbox", "support@example.com", body, body.encode())
            await sources.keep_source(conn, source, origin="poll", state="stored")
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    await erase(desk, await find_customer(desk))
    rows = await desk.fetch("SELECT external_id FROM message_sources WHERE body IS NOT NULL")
    assert {row["external_id"] for row in rows} == set(foreign)


async def test_an_account_of_the_customer_goes_with_them(desk: Desk) -> None:
    await desk.publish(make_message(REF, sender=ADA, ticket=make_request(REF)))
    await desk.work()
    customer_id = await find_customer(desk)
    await desk.execute(
        "INSERT INTO users (id, email, role, password_hash, customer_id) VALUES ($1, $2, 'user', 'x', $3)",
        new_id(),
        ADDRESS,
        customer_id,
    )
    assert (await erase(desk, customer_id)).counts["users"] == 1
    assert await find_marked(desk) == {}


async def test_a_file_that_another_customer_sent_as_well_stays(desk: Desk) -> None:
    digest = await PostgresFiles(desk.pool).put(b"the same file")
    file = Attachment(name="a.txt", content_type="text/plain", digest=digest)
    for ref, sender in ((REF, ADA), ("TF-20261121-0002", BOB)):
        message = make_message(ref, sender=sender, ticket=make_request(ref))
        await desk.publish(message.model_copy(update={"attachments": (file,)}))
        await desk.work()
    await erase(desk, await find_customer(desk))
    assert await desk.count("attachments") == await desk.count("message_attachments") == 1
    await erase(desk, await find_customer(desk, BOB.value), BOB.value)
    assert await desk.count("attachments") == 0
