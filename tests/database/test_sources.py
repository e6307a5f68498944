"""Sources: kept as they arrived, fetched once, and never forgotten before they were fetched."""

import asyncio
from uuid import uuid4

import pytest

from database.pool import Conn, DbConnection, DbPool
from database.queries import sources
from database.types import Source, SourceId
from tests.database.builders import let_go, wait_until_blocked

INBOX = "support@example.com"
MAIL = b"From: alice@example.com\r\n\r\n\x00\xff raw"


def make_source(external_id: str = "m1", body: bytes = MAIL, **facts: str) -> Source:
    return Source("gmail", INBOX, external_id, body, facts)


async def keep(conn: Conn, source: Source) -> SourceId:
    return await sources.keep_source(conn, source, origin="poll", state="stored")


async def list_waiting(conn: Conn) -> list[tuple[SourceId, str]]:
    return await sources.find_listed(conn, "gmail", INBOX, max_rows=50)


async def test_a_source_comes_back_byte_for_byte_with_its_facts(conn: DbConnection) -> None:
    source = make_source(thread="18c", labels="INBOX é")
    found = await sources.find_source(conn, await keep(conn, source))
    assert found is not None
    assert (found.source, found.origin, found.state, found.has_body) == (source, "poll", "stored", True)


async def test_an_empty_body_is_a_body(conn: DbConnection) -> None:
    found = await sources.find_source(conn, await keep(conn, make_source(body=b"")))
    assert found is not None
    assert (found.source.body, found.has_body) == (b"", True)


async def test_there_is_no_source_that_nobody_stored(conn: DbConnection) -> None:
    assert await sources.find_source(conn, SourceId(uuid4())) is None


async def test_a_redelivery_keeps_what_came_first(conn: DbConnection) -> None:
    first = await keep(conn, make_source())
    again = await sources.keep_source(conn, make_source(body=b"forged"), origin="gmail", state="malformed", reason="x")
    assert again == first
    found = await sources.find_source(conn, first)
    assert found is not None
    assert (found.source.body, found.state, found.reason, found.origin) == (MAIL, "stored", None, "poll")


async def test_two_deliveries_at_once_are_one_source(pool: DbPool) -> None:
    async with pool.acquire() as one, pool.acquire() as two, pool.acquire() as observer:
        winning = one.transaction()
        await winning.start()
        first = await keep(one, make_source())
        losing = asyncio.ensure_future(keep(two, make_source(body=b"the same again")))
        await wait_until_blocked(observer)
        await winning.commit()
        assert await losing == first


async def test_what_is_listed_is_listed_once_and_fetched_in_the_order_of_the_listing(conn: DbConnection) -> None:
    await sources.list_ids(conn, "gmail", INBOX, ["b", "a", "c"])
    await sources.list_ids(conn, "gmail", INBOX, ["c", "d", "a"])
    assert [external_id for _, external_id in await list_waiting(conn)] == ["b", "a", "c", "d"]
    await sources.list_ids(conn, "gmail", "sales@example.com", ["b"])
    await sources.list_ids(conn, "gmail", INBOX, [])
    assert len(await list_waiting(conn)) == 4
    assert len(await sources.find_listed(conn, "gmail", INBOX, max_rows=2)) == 2


async def test_fetching_fills_the_row_that_was_listed_and_listing_does_not_empty_it(conn: DbConnection) -> None:
    await sources.list_ids(conn, "gmail", INBOX, ["m1", "m2"])
    (listed, _), (gone, _) = await list_waiting(conn)
    unfetched = await sources.find_source(conn, listed)
    assert unfetched is not None
    assert (unfetched.state, unfetched.has_body) == ("listed", False)
    assert await keep(conn, make_source()) == listed
    await sources.mark_gone(conn, gone)
    assert await list_waiting(conn) == []
    await sources.list_ids(conn, "gmail", INBOX, ["m1", "m2"])
    assert await list_waiting(conn) == [(gone, "m2")]  # it may be there again, as what leaves the spam folder is
    await sources.mark_gone(conn, listed)  # too late: it is here
    found = await sources.find_source(conn, listed)
    assert found is not None
    assert (found.state, found.source.body) == ("stored", MAIL)


async def test_another_reading_says_what_it_made_of_a_source(conn: DbConnection) -> None:
    source_id = await keep(conn, make_source())
    await sources.mark_read(conn, source_id, "malformed", "no \x00sender")
    found = await sources.find_source(conn, source_id)
    assert found is not None
    assert (found.state, found.reason, found.source.body) == ("malformed", "no sender", MAIL)


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d of it", "x" * 300_000])
async def test_facts_and_reasons_that_no_column_takes_are_kept_as_far_as_they_can_be(
    text: str, conn: DbConnection
) -> None:
    source = make_source(subject=text)
    source_id = await sources.keep_source(conn, source, origin="poll", state="malformed", reason=text)
    found = await sources.find_source(conn, source_id)
    assert found is not None
    assert found.reason == found.source.facts["subject"]
    assert found.reason[0] == text[0]


async def test_a_fetch_that_fails_counts_once_the_mail_has_been_listed_for_an_hour(conn: DbConnection) -> None:
    await sources.list_ids(conn, "gmail", INBOX, ["m1"])
    ((source_id, _),) = await list_waiting(conn)
    assert [await sources.count_failed_fetch(conn, source_id) for _ in range(30)] == [0] * 30
    await conn.execute("UPDATE message_sources SET received_at = now() - interval '61 minutes'")
    assert [await sources.count_failed_fetch(conn, source_id) for _ in range(3)] == [1, 2, 3]


async def test_what_could_not_be_fetched_is_listed_again_where_a_person_wants_it(conn: DbConnection) -> None:
    await sources.list_ids(conn, "gmail", INBOX, ["m1"])
    ((source_id, _),) = await list_waiting(conn)
    await conn.execute("UPDATE message_sources SET attempts = 20")
    await sources.keep_source(conn, make_source(body=b""), origin="poll", state="malformed", reason="not fetched")
    assert await list_waiting(conn) == []
    assert await sources.list_again(conn, source_id)
    assert await list_waiting(conn) == [(source_id, "m1")]
    assert tuple(await conn.fetchrow("SELECT reason, attempts FROM message_sources") or ()) == (None, 0)


async def test_what_was_fetched_is_not_fetched_again(conn: DbConnection) -> None:
    source_id = await keep(conn, make_source())
    pushed = await sources.keep_source(conn, make_source("hook", b""), origin="twilio", state="malformed")
    assert not await sources.list_again(conn, source_id)
    assert not await sources.list_again(conn, pushed)
    assert not await sources.list_again(conn, SourceId(uuid4()))


async def test_retention_leaves_what_is_young_and_what_was_never_fetched(conn: DbConnection) -> None:
    await keep(conn, make_source("old"))
    await sources.list_ids(conn, "gmail", INBOX, ["listed", "gone"])
    await conn.execute("UPDATE message_sources SET state = 'gone' WHERE external_id = 'gone'")
    await conn.execute("UPDATE message_sources SET received_at = now() - interval '31 days'")
    await keep(conn, make_source("young"))
    assert await let_go(conn, "sources") == 2
    left = await conn.fetch("SELECT external_id FROM message_sources")
    assert {row["external_id"] for row in left} == {"listed", "young"}
