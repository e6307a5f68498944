"""Plans: no statement gets slower because much has already been done. Read from EXPLAIN on a big, idle desk."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from database.pool import DbConnection, connect
from database.statements import Statement, load_statements

IDLE_THREADS = 50_000
GROWING = {
    "agent_metrics",
    "agent_runs",
    "conversations",
    "customer_identifiers",
    "customers",
    "message_queue",
    "messages",
    "outbox",
    "queue_threads",
    "tickets",
    "tool_calls",
}
# Every thread has finished one message, got an answer that was sent, and sleeps; a few are awake or being answered.
BIG_DESK = f"""
SET session_replication_role = replica;  -- no foreign-key checks while loading
CREATE TEMP TABLE ids AS SELECT n, md5('t' || n)::uuid AS thread, md5('c' || n % 5000)::uuid AS customer,
    md5('v' || n)::uuid AS conversation, md5('m' || n)::uuid AS inbound, md5('r' || n)::uuid AS reply,
    md5('k' || n)::uuid AS run FROM generate_series(1, {IDLE_THREADS}) n;
INSERT INTO queue_threads (id, channel, inbox, contact, last_seq, done_seq, ready_at, leased_by, lease_token)
    SELECT thread, 'web', 'form', 'TF-' || n, 1, 1,
           CASE n % 500 WHEN 0 THEN now() WHEN 1 THEN now() + interval '1 hour' END,
           CASE n % 500 WHEN 1 THEN md5('w' || n % 3)::uuid END, CASE n % 500 WHEN 1 THEN thread END FROM ids;
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload)
    SELECT thread, 1, inbound, 'web', 'form', 'x' || n, '{{}}' FROM ids;
INSERT INTO customers (id, name) SELECT DISTINCT customer, 'name' FROM ids;
INSERT INTO customer_identifiers (kind, value, level, customer_id)
    SELECT DISTINCT 'email', customer || '@example.com', 'self_reported', customer FROM ids;
INSERT INTO conversations (id, thread_id, customer_id, channel, inbox, identity_level)
    SELECT conversation, thread, customer, 'web', 'form', 'self_reported' FROM ids;
INSERT INTO tickets (id, ref, conversation_id, subject, category, priority, first_reply_due)
    SELECT conversation, 'TF-' || n, conversation, 'subject', 'general', 'medium', now() FROM ids;
INSERT INTO messages (id, conversation_id, author, text) SELECT inbound, conversation, 'customer', 'hello' FROM ids
    UNION ALL SELECT reply, conversation, 'assistant', 'answer' FROM ids;
INSERT INTO outbox (id, conversation_id, channel, inbox, state)
    SELECT reply, conversation, 'web', 'form', CASE WHEN n % 500 = 0 THEN 'queued' ELSE 'sent' END FROM ids;
INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, prompt_hash, outcome, decision, stages)
    SELECT run, conversation, 1, 1, 'b', 'm', 'h', 'answered', '{{}}', '{{}}' FROM ids;
INSERT INTO tool_calls (run_id, position, tool, arguments, output, milliseconds)
    SELECT run, 0, 't', '{{}}', '', 1 FROM ids;
INSERT INTO agent_metrics (run_id, channel, inbox, outcome, confidence, sentiment, agent_ms, reply_ms)
    SELECT run, 'web', 'form', 'answered', 1, 0, 1, 1 FROM ids;
"""
STATEMENTS = {
    f"{file}.{name}": statement
    for file in ("conversations", "customers", "operations", "outbox", "queue", "runs", "tickets")
    for name, statement in load_statements(file).items()
}


@pytest.fixture(scope="module")
async def big_desk(server_url: str, template_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a database with fifty thousand finished conversations, planning as a long-lived pool does."""
    assert template_url.endswith(server_url.rsplit("?", 1)[1])
    name = f"big_{uuid4().hex[:12]}"
    admin = await connect(server_url, application="test")
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE nightdesk_template STRATEGY file_copy')
    conn = await connect(server_url.replace("/postgres?", f"/{name}?"), application="test")
    await conn.execute(BIG_DESK)
    await conn.execute("ANALYZE")
    await conn.execute("SET plan_cache_mode = force_generic_plan")
    yield conn
    await conn.close()
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def explain(conn: DbConnection, statement: Statement) -> dict[str, Any]:
    """The generic plan: the one that must serve every value."""
    await conn.execute(f"PREPARE explained AS {statement.sql}")
    try:
        values = ", ".join(["NULL"] * len(statement.parameters))
        arguments = f"({values})" if values else ""
        plan: dict[str, Any] = json.loads(await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{arguments}"))[
            0
        ]["Plan"]
        return plan
    finally:
        await conn.execute("DEALLOCATE explained")


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from walk(part)


def list_indexes(plan: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in walk(plan) if "Index Name" in node}


def list_sequential_scans(plan: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in walk(plan) if node["Node Type"] == "Seq Scan"}


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_statement_reads_a_growing_table_from_end_to_end(name: str, big_desk: DbConnection) -> None:
    plan = await explain(big_desk, STATEMENTS[name])
    assert not list_sequential_scans(plan) & GROWING


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("queue.claim", {"queue_threads_ready", "message_queue_pkey"}),
        ("queue.claim_thread", {"queue_threads_pkey", "message_queue_pkey"}),
        ("queue.publish", {"message_queue_channel_inbox_external_id_key"}),
        ("queue.find_published", {"message_queue_channel_inbox_external_id_key"}),
        ("queue.fence", {"queue_threads_pkey"}),
        ("queue.has_newer", {"message_queue_pkey"}),
        ("queue.complete", {"queue_threads_pkey", "message_queue_pkey"}),
        ("queue.release", {"queue_threads_pkey"}),
        ("queue.retry", {"queue_threads_pkey"}),
        ("queue.renew", {"queue_threads_leased"}),
        ("queue.measure_depth", {"queue_threads_ready"}),
        ("outbox.mark_sent", {"outbox_pkey"}),
        ("tickets.view_by_ref", {"tickets_ref_key"}),
        ("tickets.view_queued", {"queue_threads_channel_inbox_contact_key"}),
        ("tickets.list_visible", {"messages_conversation"}),
        ("tickets.list_waiting", {"message_queue_pkey"}),
        ("conversations.list_recent", {"messages_conversation"}),
        ("conversations.list_messages", {"messages_conversation"}),
        ("customers.list_history", {"conversations_customer"}),
    ],
)
async def test_a_statement_uses_its_index(name: str, indexes: set[str], big_desk: DbConnection) -> None:
    assert list_indexes(await explain(big_desk, STATEMENTS[name])) >= indexes


async def test_publish_finds_its_thread_by_a_unique_index(big_desk: DbConnection) -> None:
    plan = await explain(big_desk, STATEMENTS["queue.publish"])
    arbiters = {index for node in walk(plan) for index in node.get("Conflict Arbiter Indexes", [])}
    assert arbiters == {"queue_threads_channel_inbox_contact_key"}


@pytest.mark.parametrize("name", ["queue.fence", "queue.renew", "queue.claim_thread"])
async def test_planned_on_a_quiet_desk_a_look_at_known_threads_still_does_not_walk_the_waiting_ones(
    name: str, big_desk: DbConnection
) -> None:
    """Statistics of a quiet desk make the index of waiting threads look tiny. In a flood it is all of them."""
    transaction = big_desk.transaction()
    await transaction.start()
    await big_desk.execute("UPDATE queue_threads SET ready_at = NULL, leased_by = NULL WHERE ready_at IS NOT NULL")
    await big_desk.execute("ANALYZE queue_threads")
    try:
        used = list_indexes(await explain(big_desk, STATEMENTS[name]))
    finally:
        await transaction.rollback()
        await big_desk.execute("ANALYZE queue_threads")
    assert "queue_threads_ready" not in used


@pytest.mark.parametrize("name", ["outbox.claim", "outbox.requeue_expired", "outbox.doubt_expired"])
async def test_the_outbox_finds_what_is_unsent_through_its_partial_indexes_alone(
    name: str, big_desk: DbConnection
) -> None:
    plan = await explain(big_desk, STATEMENTS[name])
    partial = {"outbox_ready", "outbox_conversation", "outbox_one_in_flight", "outbox_pkey"}
    used = {
        node["Index Name"]
        for node in walk(plan)
        if "Index Name" in node and node.get("Relation Name", "outbox") == "outbox"
    }
    assert used & {"outbox_ready", "outbox_one_in_flight"}
    assert {index for index in used if index.startswith("outbox")} <= partial


async def test_claiming_reads_few_blocks_however_many_threads_sleep(big_desk: DbConnection) -> None:
    """Measured and not only planned: 50,000 idle threads and finished messages are not touched by a claim."""
    claim = STATEMENTS["queue.claim"]
    values = {
        "worker_id": f"'{uuid4()}'",
        "max_threads": "10",
        "lease_seconds": "60",
        "max_messages": "50",
    }
    await big_desk.execute(f"PREPARE measured AS {claim.sql}")
    transaction = big_desk.transaction()
    await transaction.start()
    arguments = ", ".join(values[name] for name in claim.parameters)
    explained = await big_desk.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE measured({arguments})"
    )
    await transaction.rollback()
    await big_desk.execute("DEALLOCATE measured")
    plan = json.loads(explained)[0]["Plan"]
    assert plan["Actual Rows"] == 10
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 500
