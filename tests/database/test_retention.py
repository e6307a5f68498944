"""Retention: every table has a rule or a reason, and each rule takes what is over its time and nothing else."""

import pytest

from core.settings import RetentionSettings
from database.pool import Conn, DbConnection
from database.queries import runs
from database.queries.audit import count_rows, describe_facts
from database.queries.runs import ModelCallRecord, ToolCallRecord
from database.retention import DATA_CLASSES, KEPT, sweep
from database.types import ConversationId
from tests.database.builders import let_go, make_run, open_conversation, publish_texts

TRACES, CONVERSATIONS = (data for data in DATA_CLASSES if data.name in {"traces", "conversations"})


async def test_every_table_is_in_one_class_or_kept_for_a_reason(conn: DbConnection) -> None:
    rows = await conn.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    classed = [table for data in DATA_CLASSES for table in data.tables]
    assert sorted([*classed, *KEPT]) == sorted(row["table_name"] for row in rows)
    assert all(KEPT.values())


def test_every_setting_has_a_class() -> None:
    assert {data.setting for data in DATA_CLASSES} - {None} == set(RetentionSettings.model_fields)


def test_how_much_left_of_every_class_may_be_said_in_the_audit_log() -> None:
    assert "rows_tries_to_sign_in" in describe_facts(count_rows({data.name: 1 for data in DATA_CLASSES}))


async def record_run(conn: Conn, conversation_id: ConversationId) -> None:
    run = make_run(
        conversation_id,
        input='[{"role": "user", "content": "my words"}]',
        draft=("my words", []),
        tool_calls=[ToolCallRecord("search_knowledge_base", '{"query": "my words"}', "my words", 1.0)],
        model_calls=[ModelCallRecord("turn", "gpt", 1.0, output='["my words"]', input_tokens=7, finish_reason="stop")],
    )
    await runs.add_run(conn, run)


async def test_old_runs_lose_their_words_and_keep_decision_and_figures(conn: DbConnection) -> None:
    old, young = [await open_conversation(conn, f"TF-20261121-000{number}") for number in (1, 2)]
    await record_run(conn, old)
    await conn.execute("UPDATE agent_runs SET created_at = now() - interval '91 days'")
    await record_run(conn, young)
    assert await let_go(conn, "traces") == 1
    assert await let_go(conn, "traces") == 0
    tables = "agent_runs r LEFT JOIN tool_calls t ON t.run_id = r.id LEFT JOIN model_calls m ON m.run_id = r.id"
    found = {
        row["conversation_id"]: row["said"]
        for row in await conn.fetch(f"SELECT conversation_id, row(r, t, m)::text AS said FROM {tables}")
    }
    assert "my words" not in found[old]
    assert found[young].count("my words") == 5
    kept = await conn.fetchrow(
        "SELECT r.decision, m.input_tokens FROM agent_runs r JOIN model_calls m ON m.run_id = r.id "
        "WHERE r.conversation_id = $1",
        old,
    )
    assert tuple(kept or ()) == ('{"action": "answer"}', 7)


@pytest.mark.parametrize(("days", "left"), [(0, {"ended", "open", "waiting"}), (400, {"open", "waiting"})])
async def test_ended_conversations_leave_whole_where_a_desk_says_so(
    days: int, left: set[str], conn: DbConnection
) -> None:
    for ref in ("ended", "open", "waiting"):
        await open_conversation(conn, ref)
    await publish_texts(conn, "waiting", "one thing more")
    await conn.execute(
        "UPDATE tickets SET updated_at = now() - interval '401 days', "
        "status = CASE WHEN ref = 'open' THEN 'open' ELSE 'closed' END"
    )
    retention = RetentionSettings(conversation_days=days)
    assert await sweep(conn, CONVERSATIONS, retention, max_batches=5) == 3 - len(left)
    for table, column in (("tickets", "ref"), ("queue_threads", "contact")):
        assert set(await conn.fetchval(f"SELECT array_agg({column}) FROM {table}")) == left


async def test_a_customer_without_a_conversation_leaves_with_the_last_one(conn: DbConnection) -> None:
    for ref in ("first", "second"):
        await open_conversation(conn, ref)
    await conn.execute("UPDATE tickets SET status = 'closed', updated_at = now() - interval '2 days'")
    assert await conn.fetchval("SELECT count(*) FROM customers") == 1
    await conn.execute("UPDATE tickets SET updated_at = now() WHERE ref = 'second'")
    await sweep(conn, CONVERSATIONS, RetentionSettings(conversation_days=1), max_batches=1)
    assert await conn.fetchval("SELECT count(*) FROM customers") == 1
    await conn.execute("UPDATE tickets SET updated_at = now() - interval '2 days'")
    await sweep(conn, CONVERSATIONS, RetentionSettings(conversation_days=1), max_batches=1)
    assert await conn.fetchval("SELECT count(*) FROM customers") == 0
    assert await conn.fetchval("SELECT count(*) FROM customer_identifiers") == 0
