"""The queue with a million rows: every statement finds its rows by the intended index and touches few blocks."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from database.pool import DbConnection, connect
from database.queue import NO_FLOOR
from database.statements import load_statements
from database.types import derive_thread_id
from tests.conftest import cloned
from tests.database.plans import (
    count_blocks,
    count_rows_seen,
    explain,
    list_indexes,
    list_sequential_scans,
    measure,
    walk,
)

QUEUE = load_statements("queue")
UPKEEP = load_statements("upkeep") | load_statements("retention")
THREADS, MESSAGES_EACH = 100_000, 10
# Every tenth thread has its last message waiting; every hundredth is leased; all others sleep.
FILL = f"""
SET session_replication_role = replica;  -- no foreign-key checks while loading
CREATE TEMP TABLE numbered AS SELECT n, md5('t' || n)::uuid AS id FROM generate_series(1, {THREADS}) n;
INSERT INTO queue_threads (id, channel, inbox, contact, last_seq, done_seq, ready_at, lease_token, leased_by, attempts)
SELECT id, CASE WHEN n % 4 = 0 THEN 'web' ELSE 'gmail' END, 'support', 'c' || n, {MESSAGES_EACH},
       {MESSAGES_EACH} - (n % 10 = 0)::integer - (n % 100 = 1)::integer,
       CASE WHEN n % 10 = 0 THEN now() - make_interval(secs => n) WHEN n % 100 = 1 THEN now() + interval '1 hour' END,
       CASE WHEN n % 100 = 1 THEN id END, CASE WHEN n % 100 = 1 THEN id END, (n % 100 = 1)::integer
  FROM numbered;
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at)
SELECT id, seq, md5('m' || n || '-' || seq)::uuid, CASE WHEN n % 4 = 0 THEN 'web' ELSE 'gmail' END, 'support',
       'x' || n || '-' || seq, '{{}}', now() - make_interval(secs => n)
  FROM numbered CROSS JOIN generate_series(1, {MESSAGES_EACH}) seq;
INSERT INTO queue_failures (thread_id, first_seq, attempt, worker, error_class, message)
SELECT id, 1, 1, 'desk:7', 'E', '' FROM numbered WHERE n % 10 = 1;
INSERT INTO dead_letters (id, thread_id, first_seq, through_seq, attempts, reason, state, settled_at)
SELECT md5('d' || n)::uuid, id, 1, 1, 5, '', 'discarded', now() FROM numbered WHERE n % 10 = 1;
ANALYZE;
SET session_replication_role = origin;
SET plan_cache_mode = force_generic_plan;
"""
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
LEASED: dict[str, object] = {"worker": "desk:7", "error_class": "E", "message": "m", "delay_seconds": 1.0}


@pytest.fixture(scope="module")
async def million(server_url: str, template_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a database with a million messages in a hundred thousand threads."""
    assert template_url.endswith(server_url.rsplit("?", 1)[1])
    async with cloned(server_url, "nightdesk_template") as url:
        conn = await connect(url, application="test")
        await conn.execute(FILL)
        yield conn
        await conn.close()


async def find_leases(conn: DbConnection, count: int) -> list[UUID]:
    rows = await conn.fetch("SELECT id FROM queue_threads WHERE lease_token IS NOT NULL LIMIT $1", count)
    return [row["id"] for row in rows]


def claim_values(max_threads: int, **changes: object) -> dict[str, object]:
    channels = ["gmail", "web", "whatsapp"]
    return {
        "worker_id": uuid4(),
        "token": uuid4(),
        "max_threads": max_threads,
        "lease_seconds": 60.0,
        "max_messages": 50,
        "channels": channels,
        "floors": [NO_FLOOR] * len(channels),
        "shares": [max_threads] * len(channels),
        "max_suspects": 1,
        **changes,
    }


def publish_values(contact: str) -> dict[str, object]:
    return {
        "thread_id": derive_thread_id("gmail", "support", contact),
        "channel": "gmail",
        "inbox": "support",
        "contact": contact,
        "id": uuid4(),
        "external_id": uuid4().hex,
        "payload": "{}",
        "default_quiet_seconds": 0.0,
        "quiet_limit_seconds": 8.0,
        "trace": TRACE,
    }


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("claim", {"queue_threads_suspect", "queue_threads_ready", "queue_threads_pkey", "message_queue_pkey"}),
        ("claim_thread", {"queue_threads_pkey", "message_queue_pkey"}),
        ("complete", {"queue_threads_pkey"}),
        ("complete_many", {"queue_threads_pkey"}),
        ("fail", {"queue_threads_pkey", "queue_failures_pkey"}),
        ("fence", {"queue_threads_pkey"}),
        ("find_next_due", {"queue_threads_ready"}),
        ("find_many_published", {"message_queue_channel_inbox_external_id_key"}),
        ("find_published", {"message_queue_channel_inbox_external_id_key"}),
        ("publish", {"message_queue_channel_inbox_external_id_key"}),
        ("publish_many", {"message_queue_channel_inbox_external_id_key"}),
        ("release", {"queue_threads_pkey"}),
        ("renew", {"queue_threads_pkey"}),
        ("retry", {"queue_threads_pkey"}),
        ("skip_gap", {"queue_threads_pkey", "message_queue_pkey"}),
    ],
)
async def test_a_statement_uses_exactly_the_intended_indexes(
    name: str, indexes: set[str], million: DbConnection
) -> None:
    plan = await explain(million, QUEUE[name])
    assert list_indexes(plan) - {"workers_pkey"} == indexes
    assert not list_sequential_scans(plan) & {"message_queue", "queue_threads", "queue_failures", "dead_letters"}


@pytest.mark.parametrize("name", ["publish", "publish_many"])
async def test_publish_finds_its_thread_by_its_derived_id(name: str, million: DbConnection) -> None:
    plan = await explain(million, QUEUE[name])
    assert {i for node in walk(plan) for i in node.get("Conflict Arbiter Indexes", [])} == {"queue_threads_pkey"}


@pytest.mark.parametrize("name", ["claim_thread", "complete", "complete_many", "fence", "release", "renew", "retry"])
async def test_planned_on_a_quiet_desk_a_look_at_known_threads_still_does_not_walk_the_waiting_ones(
    name: str, million: DbConnection
) -> None:
    """Statistics of a quiet desk make the index of waiting threads look tiny. In a flood it is all of them."""
    transaction = million.transaction()
    await transaction.start()
    await million.execute(
        "UPDATE queue_threads SET ready_at = NULL, leased_by = NULL, lease_token = NULL, done_seq = last_seq "
        "WHERE ready_at IS NOT NULL"
    )
    await million.execute("ANALYZE queue_threads")
    try:
        used = list_indexes(await explain(million, QUEUE[name]))
    finally:
        await transaction.rollback()
        await million.execute("ANALYZE queue_threads")
    assert "queue_threads_ready" not in used


@pytest.mark.parametrize(
    ("name", "index", "table"),
    [
        ("count_overdue", "queue_threads_ready", "queue_threads"),
        ("rescue", "queue_threads_ready", "message_queue"),
        ("delete_finished", "message_queue_received", "message_queue"),
        ("delete_failures", "queue_failures_age", "message_queue"),
        ("delete_settled_dead_letters", "dead_letters_settled", "message_queue"),
    ],
)
async def test_upkeep_begins_with_the_index_that_holds_its_work(
    name: str, index: str, table: str, million: DbConnection
) -> None:
    """To update or delete a batch, the planner may rather read a table of some ten thousand rows; never a big one."""
    plan = await explain(million, UPKEEP[name])
    assert index in list_indexes(plan)
    assert table not in list_sequential_scans(plan)


@pytest.mark.parametrize("max_threads", [1, 10, 100])
async def test_a_claim_looks_at_no_more_threads_than_it_takes(max_threads: int, million: DbConnection) -> None:
    plan = await measure(million, QUEUE["claim"], claim_values(max_threads))
    assert plan["Actual Rows"] == max_threads
    assert count_rows_seen(plan, ["queue_threads_ready"]) == max_threads
    assert count_blocks(plan) < 30 + 30 * max_threads


async def test_a_claim_with_nothing_above_its_floor_touches_a_handful_of_blocks(million: DbConnection) -> None:
    floor = await million.fetchval("SELECT now() + interval '1 minute'")
    plan = await measure(million, QUEUE["claim"], claim_values(100, floors=[floor] * 3))
    assert plan["Actual Rows"] == 0
    assert count_blocks(plan) < 20


@pytest.mark.parametrize("contact", ["c7", "c10", "somebody new"])
async def test_publishing_touches_a_handful_of_blocks_whoever_writes(contact: str, million: DbConnection) -> None:
    plan = await measure(million, QUEUE["publish"], publish_values(contact))
    assert plan["Actual Rows"] == 1
    assert count_blocks(plan) < 80


async def test_publishing_a_batch_touches_blocks_in_proportion(million: DbConnection) -> None:
    messages = [publish_values(f"c{number}") for number in range(0, 1000, 10)]
    plural = {
        "thread_ids": "thread_id",
        "channels": "channel",
        "inboxes": "inbox",
        "contacts": "contact",
        "ids": "id",
        "external_ids": "external_id",
        "payloads": "payload",
        "default_quiet_seconds": "default_quiet_seconds",
    }
    values: dict[str, Any] = {many: [message[one] for message in messages] for many, one in plural.items()}
    plan = await measure(million, QUEUE["publish_many"], {**values, "quiet_limit_seconds": 8.0, "trace": TRACE})
    assert plan["Actual Rows"] == 100
    assert count_blocks(plan) < 100 * 80


async def test_completing_touches_a_handful_of_blocks(million: DbConnection) -> None:
    (leased,) = await find_leases(million, 1)
    values = {"thread_id": leased, "token": leased, "through_seq": MESSAGES_EACH}
    plan = await measure(million, QUEUE["complete"], values)
    assert plan["Actual Rows"] == 1
    assert count_blocks(plan) < 30


@pytest.mark.parametrize("name", ["release", "retry", "fence"])
async def test_settling_in_any_other_way_touches_a_handful_of_blocks(name: str, million: DbConnection) -> None:
    (leased,) = await find_leases(million, 1)
    values = {"thread_id": leased, "token": leased, "last_seq": MESSAGES_EACH, **LEASED}
    plan = await measure(million, QUEUE[name], values)
    assert plan["Actual Rows"] == 1
    assert count_blocks(plan) < 50


@pytest.mark.parametrize("name", ["complete_many", "renew"])
async def test_settling_or_renewing_many_leases_touches_blocks_in_proportion(name: str, million: DbConnection) -> None:
    leased = await find_leases(million, 200)
    values = {
        "thread_ids": leased,
        "tokens": leased,
        "through_seqs": [MESSAGES_EACH] * len(leased),
        "lease_seconds": 60.0,
    }
    plan = await measure(million, QUEUE[name], values)
    assert plan["Actual Rows"] == 200
    assert count_blocks(plan) < 200 * 30
