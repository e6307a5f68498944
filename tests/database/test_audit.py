"""The audit log: only added to, and whatever is done to it behind the desk's back shows."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import new_id
from database.pool import Conn, DbConnection, DbPool, connect
from database.queries import audit
from database.queries.audit import Filters, describe_facts, list_entries, record, verify
from database.types import OPERATOR, Actor, Facts, Origin

SECRET = "s" * 32
ANN = Actor("user", UUID(int=1))
BOB = Actor("key", UUID(int=2))
TICKET = "TF-20261121-0001"
# What somebody does who may do everything to the database: the triggers do not stop an owner who drops them.
UNGUARDED = "ALTER TABLE audit_log DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER ALL;"
ATTACKS = {
    "a word is changed": ("UPDATE audit_log SET action = 'ticket.read' WHERE seq = 4", 4),
    "a time is changed": ("UPDATE audit_log SET at = at - interval '1 microsecond' WHERE seq = 2", 2),
    "an actor is taken out": ("UPDATE audit_log SET actor_id = NULL WHERE seq = 5", 5),
    "a fact is changed": ("""UPDATE audit_log SET after = '{"status": "open"}' WHERE seq = 3""", 3),
    "an address is changed": ("UPDATE audit_log SET address = '192.0.2.9' WHERE seq = 3", 3),
    "the first is deleted": ("DELETE FROM audit_log WHERE seq = 1", 1),
    "one within is deleted": ("DELETE FROM audit_log WHERE seq = 4", 4),
    "the last is deleted": ("DELETE FROM audit_log WHERE seq = 6", 6),
    "all are deleted": ("DELETE FROM audit_log", 1),
    "the end is cut off, and the head put back": (
        (
            "DELETE FROM audit_log WHERE seq > 4; "
            "UPDATE audit_head h SET seq = 4, hash = l.hash FROM audit_log l WHERE l.seq = 4"
        ),
        4,
    ),
    "the log begins anew": ("DELETE FROM audit_log; UPDATE audit_head SET seq = 0, hash = ''", 0),
    "the head is lost": ("DELETE FROM audit_head", 0),
    "two are exchanged": (
        (
            "UPDATE audit_log SET seq = -3 WHERE seq = 3; UPDATE audit_log SET seq = 3 WHERE seq = 4; "
            "UPDATE audit_log SET seq = 4 WHERE seq = -3"
        ),
        3,
    ),
    "one is forged at the end": (
        (
            "CREATE TEMP TABLE forged ON COMMIT DROP AS SELECT * FROM audit_log WHERE seq = 6; "
            "UPDATE forged SET seq = 7; INSERT INTO audit_log SELECT * FROM forged"
        ),
        7,
    ),
    "one is forged under a key of their own": (
        (
            "UPDATE audit_log SET action = 'ticket.read', hash = sha256('forged') WHERE seq = 6; "
            "UPDATE audit_head SET hash = sha256('forged')"
        ),
        6,
    ),
}


async def close(conn: Conn, actor: Actor = ANN, **changes: Any) -> int | None:
    """Ann closes a ticket."""
    given: dict[str, Any] = {
        "action": "ticket.closed",
        "object_kind": "ticket",
        "object_id": TICKET,
        "before": {"status": "escalated", "assignee": None},
        "after": {"status": "closed", "assignee": UUID(int=7), "rated": True, "rating": 5, "scopes": ["tickets:read"]},
        "origin": Origin(ip_address("2001:db8::1"), "Firefox/140 🦊", new_id()),
    }
    return await record(conn, SECRET, actor=actor, **(given | changes))


@pytest.fixture
async def six(conn: DbConnection) -> DbConnection:
    """A log of six entries."""
    for number in range(6):
        await close(conn, ANN if number % 2 else BOB)
    return conn


@pytest.fixture
async def second(database_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a database of this test's own."""
    conn = await connect(database_url, application="test")
    yield conn
    await conn.close()


async def test_an_empty_log_is_whole(conn: DbConnection) -> None:
    verdict = await verify(conn, SECRET)
    assert (verdict.last_seq, verdict.broken) == (0, None)


async def test_entries_are_numbered_without_gaps_and_verified(six: DbConnection) -> None:
    verdict = await verify(six, SECRET)
    assert (verdict.first_seq, verdict.last_seq, verdict.broken) == (1, 6, None)
    assert verdict.hash == (await six.fetchval("SELECT hash FROM audit_log WHERE seq = 6")).hex()


async def test_an_entry_comes_back_as_it_was_recorded(conn: DbConnection) -> None:
    await close(conn)
    [entry] = await list_entries(conn, Filters())
    assert (entry["actor_kind"], entry["actor_id"]) == ("user", ANN.id)
    assert (entry["object_kind"], entry["object_id"]) == ("ticket", TICKET)
    assert entry["before"] == {"status": "escalated", "assignee": None}
    assert entry["after"]["assignee"] == str(UUID(int=7))
    assert (entry["address"], entry["user_agent"]) == (ip_address("2001:db8::1"), "Firefox/140 🦊")


@pytest.mark.parametrize(("attack", "seq"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_whatever_is_done_to_the_log_shows_where(six: DbConnection, attack: str, seq: int) -> None:
    await six.execute(UNGUARDED)
    await six.execute(attack)
    broken = (await verify(six, SECRET)).broken
    assert broken is not None
    assert broken.seq == seq


async def test_the_whole_log_is_checked_in_batches(six: DbConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH_ROWS", 2)
    assert (await verify(six, SECRET)).broken is None
    await six.execute(UNGUARDED)
    await six.execute("DELETE FROM audit_log WHERE seq IN (3, 4)")
    assert (await verify(six, SECRET)).broken == audit.Broken(3, "missing")


async def test_the_newest_entries_can_be_checked_alone(six: DbConnection) -> None:
    verdict = await verify(six, SECRET, newest=2)
    assert (verdict.first_seq, verdict.broken) == (5, None)
    await six.execute(UNGUARDED)
    await six.execute("UPDATE audit_log SET object_id = NULL WHERE seq = 2")
    assert (await verify(six, SECRET, newest=2)).broken is None
    assert (await verify(six, SECRET, newest=5)).broken == audit.Broken(2, "changed")


async def test_another_key_verifies_nothing(six: DbConnection) -> None:
    assert (await verify(six, "t" * 32)).broken == audit.Broken(1, "changed")


@pytest.mark.parametrize("change", ["UPDATE audit_log SET seq = seq", "DELETE FROM audit_log", "TRUNCATE audit_log"])
@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_the_database_refuses_every_change(six: DbConnection, change: str, role: str) -> None:
    await six.execute(f"SET LOCAL session_replication_role = {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only added to"):
        await six.execute(change)


async def test_not_even_the_owner_has_the_right_to_change_the_log(conn: DbConnection) -> None:
    granted = await conn.fetchval("SELECT relacl::text FROM pg_class WHERE relname = 'audit_log'")
    rights = granted.partition("=")[2].partition("/")[0]
    assert set(rights) >= set("ar")
    assert not set(rights) & set("wdD")


async def test_many_who_record_at_once_make_one_chain(pool: DbPool) -> None:
    async def act(actor: Actor) -> None:
        for _ in range(10):
            async with pool.acquire() as conn, conn.transaction():
                await close(conn, actor)

    await asyncio.gather(*(act(Actor("key", new_id())) for _ in range(10)))
    async with pool.acquire() as conn:
        verdict = await verify(conn, SECRET)
        assert (verdict.last_seq, verdict.broken) == (100, None)
        times = [entry["at"] for entry in await list_entries(conn, Filters())]
    assert times == sorted(times, reverse=True)


async def test_what_is_rolled_back_leaves_no_gap(second: DbConnection) -> None:
    await close(second)
    transaction = second.transaction()
    await transaction.start()
    assert await close(second) == 2
    await transaction.rollback()
    assert await close(second) == 2
    assert (await verify(second, SECRET)).broken is None


async def test_a_reading_repeated_within_minutes_is_one_entry(conn: DbConnection) -> None:
    async def read(actor: Actor, object_id: str | None) -> int | None:
        return await close(conn, actor, action="ticket.read", object_id=object_id, quiet_seconds=600.0)

    assert [await read(ANN, TICKET), await read(ANN, TICKET), await read(BOB, TICKET)] == [1, None, 2]
    assert [await read(ANN, None), await read(ANN, None), await read(ANN, TICKET)] == [3, None, None]
    await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER ALL")
    await conn.execute("UPDATE audit_log SET at = at - interval '11 minutes'")
    assert await read(ANN, TICKET) == 4


async def test_an_operator_at_the_command_line_has_no_id(conn: DbConnection) -> None:
    await close(conn, OPERATOR, quiet_seconds=600.0)
    assert await close(conn, OPERATOR, quiet_seconds=600.0) == 2


async def test_entries_are_found_by_what_is_asked_for(conn: DbConnection) -> None:
    await close(conn, ANN)
    await close(conn, BOB, object_id=None)
    await close(conn, BOB, action="ticket.read")
    await close(conn, ANN, object_kind="user", object_id=UUID(int=9))

    async def find(**filters: Any) -> list[int]:
        return [entry["seq"] for entry in await list_entries(conn, Filters(**filters))]

    assert await find() == [4, 3, 2, 1]
    assert await find(actor_id=BOB.id) == [3, 2]
    assert await find(action="ticket.read") == [3]
    assert await find(actor_id=ANN.id, action="ticket.read") == []
    assert await find(object_kind="ticket", object_id=TICKET) == [3, 1]
    assert await find(object_kind="ticket", object_id=TICKET, actor_id=ANN.id) == [1]
    assert await find(object_kind="user", object_id=str(UUID(int=9))) == [4]


async def test_a_page_of_entries_begins_where_the_last_one_ended(six: DbConnection) -> None:
    first = await list_entries(six, Filters(), max_rows=4)
    second = await list_entries(six, Filters(), before_seq=first[-1]["seq"], max_rows=4)
    assert [entry["seq"] for entry in first + second] == [6, 5, 4, 3, 2, 1]


async def test_a_stretch_of_time_has_its_start_and_not_its_end(six: DbConnection) -> None:
    times = [entry["at"] for entry in reversed(await list_entries(six, Filters()))]
    for filters, expected in (
        (Filters(since=times[2], until=times[4]), [4, 3]),
        (Filters(since=times[4]), [6, 5]),
        (Filters(until=times[0]), []),
        (Filters(since=times[5] + timedelta(seconds=1)), []),
        (Filters(since=datetime(2000, 1, 1, tzinfo=UTC), actor_id=ANN.id), [6, 4, 2]),
    ):
        assert [entry["seq"] for entry in await list_entries(six, filters)] == expected


@pytest.mark.parametrize(
    "facts",
    [
        {"comment": "It does not work."},
        {"email": "ada@example.com"},
        {"name": "Ada"},
        {"phone": "+491701234567"},
        {"phone": 491701234567},
        {"numbers": ["491701234567"]},
        {"Name": "x"},
        {"text": ""},
        {"ids": [UUID(int=1)] * 101},
    ],
)
def test_what_could_be_a_customers_is_refused(facts: Facts) -> None:
    with pytest.raises(ValueError, match="fact"):
        describe_facts(facts)


@given(text=st.text().filter(lambda text: any(not character.isascii() or character in " @.+\n" for character in text)))
def test_no_sentence_and_no_address_passes_for_a_word(text: str) -> None:
    with pytest.raises(ValueError, match="fact"):
        describe_facts({"word": text})


@pytest.mark.parametrize("object_id", ["ada@example.com", "+491701234567", "491701234567", "Ada Byron"])
async def test_the_database_refuses_an_object_that_is_named_by_an_address(conn: DbConnection, object_id: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await close(conn, object_id=object_id)


async def test_a_user_agent_is_cut_and_cannot_drive_a_terminal(conn: DbConnection) -> None:
    await close(conn, origin=Origin(user_agent="\x1b[31mred\x00" + "x" * 5_000))
    [entry] = await list_entries(conn, Filters())
    assert entry["user_agent"] == ("[31mred" + "x" * 5_000)[: audit.MAX_USER_AGENT]
    assert (await verify(conn, SECRET)).broken is None
