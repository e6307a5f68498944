"""Files: stored once however often they come, fetched by one worker, and kept as long as a message needs them."""

import asyncio
from hashlib import sha256
from uuid import uuid4

import pytest

from database.files import PostgresFiles
from database.pool import Conn, DbConnection, DbPool, connect
from database.queries import attachments
from database.queries.attachments import MissingFile
from database.types import Attachment, ConversationId, MessageId
from tests.database.builders import let_go, open_conversation, queue_reply, wait_until_blocked

CONTENT = b"%PDF-1.7 \x00\xff"
DIGEST = sha256(CONTENT).hexdigest()
STORED = Attachment(name="a.pdf", content_type="application/pdf", size=len(CONTENT), digest=DIGEST)
NAMED = Attachment(name="b.jpg", content_type="image/jpeg", locator="media-1")


async def add_message(conn: Conn, *files: Attachment, ref: str = "TF-1") -> tuple[ConversationId, MessageId]:
    conversation_id = await open_conversation(conn, ref)
    message_id = await queue_reply(conn, conversation_id)
    await attachments.add_attachments(conn, message_id, files)
    return conversation_id, message_id


async def claim(conn: Conn) -> list[MissingFile]:
    return await attachments.claim_missing(conn, max_files=5, lease_seconds=60)


async def age(conn: Conn, days: int) -> None:
    await conn.execute("UPDATE attachments SET created_at = created_at - make_interval(days => $1)", days)


async def list_contents(conn: Conn) -> set[bytes]:
    return {row["content"] for row in await conn.fetch("SELECT content FROM attachments")}


async def test_a_content_is_stored_once_and_comes_back_whole(pool: DbPool) -> None:
    files = PostgresFiles(pool)
    digests = await asyncio.gather(*(files.put(CONTENT) for _ in range(8)))
    assert set(digests) == {DIGEST}
    assert await files.get(DIGEST) == CONTENT
    assert await files.get("0" * 64) is None
    assert await files.put(b"") != DIGEST
    async with pool.acquire() as conn:
        assert await conn.fetchval("SELECT count(*) FROM attachments") == 2


async def test_twenty_megabytes_are_kept(pool: DbPool) -> None:
    files = PostgresFiles(pool)
    content = bytes(20 * 1024 * 1024)
    assert await files.get(await files.put(content)) == content


async def test_orphans_are_removed_after_their_time_and_what_a_message_refers_to_is_not(pool: DbPool) -> None:
    files = PostgresFiles(pool)
    for content in (CONTENT, b"orphan"):
        await files.put(content)
    async with pool.acquire() as conn:
        await add_message(conn, STORED)
        assert await let_go(conn, "contents") == 0
        await age(conn, 31)
        await files.put(b"young")
        assert await let_go(conn, "contents") == 1
        assert await list_contents(conn) == {CONTENT, b"young"}
        await conn.execute("DELETE FROM messages")
        assert await let_go(conn, "contents") == 1


async def test_an_old_content_that_comes_again_waits_for_its_message(pool: DbPool) -> None:
    files = PostgresFiles(pool)
    await files.put(CONTENT)
    async with pool.acquire() as conn:
        await age(conn, 31)
        await files.put(CONTENT)  # the message that brings it is still in the queue
        assert await let_go(conn, "contents") == 0
        _, message_id = await add_message(conn, STORED)
        assert await conn.fetchval("SELECT problem FROM message_attachments") is None
        assert await conn.fetchval("SELECT message_id FROM message_attachments") == message_id


async def test_a_content_that_comes_again_while_orphans_are_deleted_stays(pool: DbPool, database_url: str) -> None:
    files = PostgresFiles(pool)
    await files.put(CONTENT)
    async with pool.acquire() as conn, pool.acquire() as observer:
        await age(conn, 31)
        putting = await connect(database_url, application="test")
        transaction = putting.transaction()
        await transaction.start()
        await putting.execute("UPDATE attachments SET created_at = now()")  # what a put does
        deleting = asyncio.ensure_future(let_go(conn, "contents"))
        await wait_until_blocked(observer)
        await transaction.commit()
        await putting.close()
        assert await deleting == 0
    assert await files.get(DIGEST) == CONTENT


async def test_a_message_whose_content_is_gone_is_stored_all_the_same_and_says_so(conn: DbConnection) -> None:
    conversation_id, _ = await add_message(conn, STORED, NAMED)
    kept, missing = await attachments.list_attachments(conn, conversation_id)
    assert (kept["is_stored"], kept["problem"]) == (False, "its content is not kept any more")
    assert (missing["is_stored"], missing["problem"]) == (False, None)
    assert [file.attachment.name for file in await claim(conn)] == ["b.jpg"]


async def test_the_files_of_a_message_are_noted_once_in_their_order(pool: DbPool) -> None:
    await PostgresFiles(pool).put(CONTENT)
    async with pool.acquire() as conn:
        refused = Attachment(name="c.exe", content_type="application/x-msdownload", problem="too large")
        conversation_id, message_id = await add_message(conn, STORED, NAMED, refused)
        await attachments.add_attachments(conn, message_id, [STORED, NAMED, refused])
        rows = await attachments.list_attachments(conn, conversation_id)
        assert [(row["name"], row["is_stored"], row["problem"]) for row in rows] == [
            ("a.pdf", True, None),
            ("b.jpg", False, None),
            ("c.exe", False, "too large"),
        ]
        found = await attachments.find_attachment(conn, rows[0]["id"])
        assert found is not None
        assert (found["digest"], found["ticket_ref"], found["size"]) == (DIGEST, "TF-1", len(CONTENT))
        assert await attachments.find_attachment(conn, uuid4()) is None


async def test_one_content_serves_many_messages(pool: DbPool) -> None:
    await PostgresFiles(pool).put(CONTENT)
    async with pool.acquire() as conn:
        await add_message(conn, STORED, STORED, ref="TF-1")
        await add_message(conn, STORED, ref="TF-2")
        assert await conn.fetchval("SELECT count(*) FROM message_attachments WHERE digest IS NOT NULL") == 3
        assert await list_contents(conn) == {CONTENT}


async def test_a_named_file_is_fetched_by_one_worker_and_by_the_next_when_it_dies(conn: DbConnection) -> None:
    await add_message(conn, NAMED)
    (missing,) = await claim(conn)
    assert (missing.channel, missing.inbox, missing.attachment.locator, missing.attempt) == (
        "web",
        "form",
        "media-1",
        1,
    )
    assert await claim(conn) == []
    await conn.execute("UPDATE message_attachments SET ready_at = now()")
    (again,) = await claim(conn)
    assert (again.id, again.attempt) == (missing.id, 2)
    await attachments.fetch_later(conn, missing.id, delay_seconds=0)
    assert len(await claim(conn)) == 1


async def test_two_workers_never_fetch_the_same_file(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two:
        await add_message(one, *(NAMED.model_copy(update={"name": f"{number}.jpg"}) for number in range(4)))
        async with one.transaction():
            mine = await attachments.claim_missing(one, max_files=2, lease_seconds=60)
            theirs = await claim(two)
        assert len({file.id for file in [*mine, *theirs]}) == len(mine) + len(theirs) == 4


async def test_what_is_fetched_or_given_up_is_not_fetched_again_and_the_first_result_stands(pool: DbPool) -> None:
    await PostgresFiles(pool).put(CONTENT)
    async with pool.acquire() as conn:
        conversation_id, _ = await add_message(conn, NAMED, NAMED)
        first, second = await claim(conn)
        await attachments.mark_fetched(conn, first.id, digest=DIGEST, size=12, content_type="application/pdf")
        await attachments.mark_missing(conn, first.id, "too late")
        await attachments.mark_missing(conn, second.id, "the vendor has lost it")
        await attachments.fetch_later(conn, first.id, delay_seconds=0)
        await conn.execute("UPDATE message_attachments SET ready_at = now()")
        assert await claim(conn) == []
        rows = await attachments.list_attachments(conn, conversation_id)
        assert [(row["is_stored"], row["problem"]) for row in rows] == [(True, None), (False, "the vendor has lost it")]
        assert rows[0]["content_type"] == "application/pdf"


@pytest.mark.parametrize("table", ["message_attachments", "attachments"])
async def test_a_conversation_that_is_deleted_takes_its_files_along(table: str, pool: DbPool) -> None:
    await PostgresFiles(pool).put(CONTENT)
    async with pool.acquire() as conn:
        conversation_id, _ = await add_message(conn, STORED)
        await conn.execute("DELETE FROM conversations WHERE id = $1", conversation_id)
        await age(conn, 31)
        await let_go(conn, "contents")
        assert await conn.fetchval(f"SELECT count(*) FROM {table}") == 0
