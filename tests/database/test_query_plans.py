"""Plans: no statement gets slower because much has already been done. Read from EXPLAIN on a big, idle desk."""

from collections.abc import AsyncIterator

import pytest

from database.pool import DbConnection, connect
from database.statements import load_statements
from tests.conftest import cloned
from tests.database.plans import explain, list_indexes, list_sequential_scans, walk

IDLE_THREADS = 50_000
GROWING = {
    "agent_metrics",
    "agent_runs",
    "api_keys",
    "attachments",
    "audit_log",
    "channel_figures",
    "conversations",
    "customer_facts",
    "customer_identifiers",
    "customers",
    "dead_letters",
    "identity_codes",
    "jobs",
    "message_attachments",
    "message_queue",
    "message_sources",
    "messages",
    "model_calls",
    "notices",
    "outbox",
    "queue_failures",
    "queue_threads",
    "rate_limits",
    "run_labels",
    "sessions",
    "sign_in_tries",
    "thread_keys",
    "ticket_feedback",
    "ticket_notes",
    "tickets",
    "tool_calls",
    "users",
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
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at)
    SELECT thread, 1, inbound, 'web', 'form', 'x' || n, '{{}}', now() - make_interval(mins => n) FROM ids;
INSERT INTO queue_failures (thread_id, first_seq, attempt, worker, error_class, message, failed_at)
    SELECT thread, 1, 1, 'desk:7', 'E', '', now() - make_interval(mins => n) FROM ids WHERE n % 5 = 0;
INSERT INTO dead_letters (id, thread_id, first_seq, through_seq, attempts, reason, state, settled_at)
    SELECT inbound, thread, 1, 1, 5, '', CASE WHEN n % 100 = 0 THEN 'open' ELSE 'discarded' END,
           CASE WHEN n % 100 <> 0 THEN now() - make_interval(mins => n) END FROM ids WHERE n % 5 = 0;
INSERT INTO customers (id, name) SELECT DISTINCT customer, 'name' FROM ids;
INSERT INTO customer_identifiers (kind, value, level, customer_id)
    SELECT DISTINCT 'email', customer || '@example.com', 'self_reported', customer FROM ids;
INSERT INTO conversations (id, thread_id, customer_id, channel, inbox, identity_level)
    SELECT conversation, thread, customer, 'web', 'form', 'self_reported' FROM ids;
INSERT INTO tickets (id, ref, conversation_id, status, subject, category, priority, first_reply_due, updated_at)
    SELECT conversation, 'TF-' || n, conversation,
           CASE WHEN n % 50 = 0 THEN 'open' WHEN n % 3 = 0 THEN 'closed' ELSE 'auto_resolved' END, 'subject', 'general',
           (ARRAY['low', 'medium', 'high', 'urgent'])[n % 4 + 1], now(), now() - make_interval(mins => n) FROM ids;
INSERT INTO messages (id, conversation_id, author, text) SELECT inbound, conversation, 'customer', 'hello' FROM ids
    UNION ALL SELECT reply, conversation, 'assistant', 'answer' FROM ids;
INSERT INTO outbox (id, conversation_id, channel, inbox, state)
    SELECT reply, conversation, 'web', 'form', CASE n % 500 WHEN 0 THEN 'queued' WHEN 2 THEN 'failed'
           WHEN 3 THEN 'needs_template' ELSE 'sent' END FROM ids;
INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, prompt_hash, outcome, decision, stages)
    SELECT run, conversation, 1, 1, 'b', 'm', 'h', 'answered', '{{}}', '{{}}' FROM ids;
INSERT INTO tool_calls (run_id, position, tool, arguments, output, milliseconds)
    SELECT run, 0, 't', '{{}}', '', 1 FROM ids;
INSERT INTO model_calls (run_id, position, purpose, model, milliseconds, finish_reason)
    SELECT run, 0, 'turn', 'm', 1, 'stop' FROM ids;
INSERT INTO customer_facts (id, conversation_id, message_id, fact) SELECT reply, conversation, inbound, 'f' FROM ids;
INSERT INTO run_labels (run_id, kind, is_right, given_by, created_at)
    SELECT run, CASE WHEN n % 3 = 0 THEN 'confirmed' ELSE 'reopened' END, n % 3 = 0, 'customer',
           now() - make_interval(mins => n) FROM ids WHERE n % 2 = 0;
INSERT INTO agent_metrics (run_id, channel, inbox, outcome, confidence, sentiment, agent_ms, reply_ms)
    SELECT run, 'web', 'form', 'answered', 1, 0, 1, 1 FROM ids;
INSERT INTO ticket_notes (id, ticket_id, text, written_by) SELECT run, conversation, 'note', 'Sam' FROM ids;
INSERT INTO ticket_feedback (id, ticket_id, rating, is_resolved) SELECT run, conversation, 4, true FROM ids;
INSERT INTO jobs (id, kind, state, subject, request, content_hash, created_at, finished_at)
    SELECT run, CASE WHEN n % 2 = 0 THEN 'upload' ELSE 'test_message' END,
           CASE WHEN n % 500 < 2 THEN 'queued' ELSE 'done' END, 's' || n, '{{}}',
           CASE WHEN n % 2 = 0 THEN 'x'::bytea END, now() - make_interval(mins => n),
           CASE WHEN n % 500 >= 2 THEN now() END FROM ids;
INSERT INTO channel_figures
    SELECT 'hour', begin_of_hour(now()) - make_interval(hours => n), 'web', 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
           0, 0, make_histogram(9, 1), make_histogram(99, 1) FROM ids;
INSERT INTO channel_figures_stale SELECT begin_of_hour(now()) - make_interval(hours => n % 50) FROM ids;
INSERT INTO message_sources (id, channel, inbox, external_id, origin, state, body, received_at)
    SELECT inbound, 'gmail', 'us@example.com', 'x' || n, 'poll', CASE WHEN n % 500 = 0 THEN 'listed' ELSE 'stored' END,
           CASE WHEN n % 500 = 0 THEN NULL ELSE 'raw'::bytea END, now() - make_interval(mins => n) FROM ids;
INSERT INTO thread_keys (channel, inbox, participant, key, contact)
    SELECT 'gmail', 'us@example.com', customer || '@example.com', inbound, 'c' || n FROM ids;
INSERT INTO attachments (digest, content, created_at)
    SELECT sha256(n::text::bytea), 'x', now() - make_interval(mins => n) FROM ids WHERE n % 5 = 0;
INSERT INTO message_attachments (id, message_id, position, name, content_type, digest)
    SELECT inbound, inbound, 0, 'a.pdf', 'application/pdf', sha256(n::text::bytea) FROM ids WHERE n % 5 = 0;
INSERT INTO notices (id, team, kind, conversation_id, message_id, text, settled_at)
    SELECT reply, 'Support queue', 'undelivered', conversation, reply, '', CASE WHEN n % 100 <> 0 THEN now() END
      FROM ids WHERE n % 5 = 0;
INSERT INTO identity_codes (id, conversation_id, kind, value, code_hash, expires_at, created_at)
    SELECT reply, conversation, 'email', customer || '@example.com', 'h', now(), now() - make_interval(mins => n)
      FROM ids WHERE n % 5 = 0;
INSERT INTO audit_log (seq, at, actor_kind, actor_id, action, object_kind, object_id, hash)
    SELECT n, now() - make_interval(mins => {IDLE_THREADS} - n), 'user', md5('a' || n % 20)::uuid,
           'ticket.' || CASE WHEN n % 50 = 0 THEN 'closed' ELSE 'read' END, 'ticket', thread::text, '' FROM ids;
INSERT INTO rate_limits (key, full_at) SELECT thread, now() - make_interval(mins => n) FROM ids;
INSERT INTO users (id, email, role, password_hash, customer_id)
    SELECT conversation, n || '@example.com', CASE WHEN n % 500 = 0 THEN 'agent' ELSE 'user' END, 'h',
           CASE WHEN n % 500 <> 0 THEN customer END FROM ids;
INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at, revoked_at)
    SELECT run, conversation, now(), now(), now() + make_interval(mins => n), CASE WHEN n % 3 = 0 THEN now() END
      FROM ids;
INSERT INTO sign_in_tries (bucket, tries, blocked_until, last_at)
    SELECT n, 1, now(), now() - make_interval(mins => n) FROM ids;
INSERT INTO api_keys (id, name, key_hash, scopes) SELECT run, n, n, ARRAY['admin'] FROM ids;
"""
STATEMENTS = {
    f"{file}.{name}": statement
    for file in (
        "audit",
        "api_keys",
        "channel_metrics",
        "checkup",
        "conversations",
        "customers",
        "dead_letters",
        "erasures",
        "exports",
        "feedback",
        "files",
        "identities",
        "inboxes",
        "intents",
        "jobs",
        "learning",
        "live",
        "limits",
        "notices",
        "operations",
        "outbox",
        "queue",
        "replays",
        "resolutions",
        "runs",
        "sessions",
        "sign_ins",
        "sources",
        "ticket_lists",
        "ticket_steps",
        "tickets",
        "users",
    )
    for name, statement in load_statements(file).items()
}


@pytest.fixture(scope="module")
async def big_desk(server_url: str, template_url: str) -> AsyncIterator[DbConnection]:
    """A connection to a database with fifty thousand finished conversations, planning as a long-lived pool does."""
    assert template_url.endswith(server_url.rsplit("?", 1)[1])
    async with cloned(server_url, "nightdesk_template") as url:
        conn = await connect(url, application="test")
        await conn.execute(BIG_DESK)
        # Every row is looked at: by the rows of a usual sample one in forty desks chose another, as good index.
        await conn.execute("SET default_statistics_target = 1000")
        await conn.execute("VACUUM ANALYZE")  # as autovacuum has long done on such a desk
        await conn.execute("SET plan_cache_mode = force_generic_plan")
        yield conn
        await conn.close()


@pytest.mark.parametrize("name", sorted(STATEMENTS))
async def test_no_statement_reads_a_growing_table_from_end_to_end(name: str, big_desk: DbConnection) -> None:
    plan = await explain(big_desk, STATEMENTS[name])
    assert not list_sequential_scans(plan) & GROWING


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("audit.record", {"audit_log_actor"}),
        ("audit.list_from", {"audit_log_pkey"}),
        ("audit.list_all", {"audit_log_pkey"}),
        ("audit.list_of_object", {"audit_log_object"}),
        ("audit.list_of_actor", {"audit_log_actor"}),
        ("audit.list_of_action", {"audit_log_action"}),
        ("audit.find_first_since", {"audit_log_at"}),
        ("audit.find_last_until", {"audit_log_at"}),
        ("checkup.find_oldest_source", {"message_sources_received"}),
        ("limits.spend", {"rate_limits_pkey"}),
        ("limits.delete_full", {"rate_limits_pkey"}),
        ("channel_metrics.find_first", {"messages_created", "tickets_came", "outbox_sent", "agent_runs_created"}),
        (
            "channel_metrics.count_hours",
            {
                "agent_metrics_created",
                "agent_runs_created",
                "messages_created",
                "outbox_created",
                "outbox_sent",
                "ticket_feedback_created",
                "ticket_feedback_ticket",
                "tickets_came",
            },
        ),
        ("channel_metrics.forget_hours", {"channel_figures_pkey"}),
        ("channel_metrics.count_days", {"channel_figures_pkey"}),
        ("channel_metrics.read_figures", {"channel_figures_pkey", "messages_created", "outbox_sent"}),
        ("channel_metrics.take_stale", {"channel_figures_stale_hour"}),
        ("channel_metrics.count_tickets", {"tickets_came"}),
        ("channel_metrics.average_ratings", {"ticket_feedback_created", "ticket_feedback_ticket"}),
        ("channel_metrics.count_waiting", {"tickets_waiting"}),
        ("dead_letters.count_open", {"dead_letters_open"}),
        ("dead_letters.list_open", {"dead_letters_open", "queue_threads_pkey"}),
        ("dead_letters.find", {"dead_letters_pkey", "message_queue_pkey"}),
        ("dead_letters.requeue", {"queue_threads_pkey", "message_queue_pkey"}),
        ("dead_letters.return_to_agent", {"conversations_thread_id_key", "tickets_conversation_id_key"}),
        ("customers.list_holders", {"customer_identifiers_pkey", "conversations_customer"}),
        ("exports.list_conversations", {"conversations_customer"}),
        ("exports.list_files", {"conversations_customer", "messages_conversation"}),
        ("exports.read_conversation", {"messages_conversation", "outbox_pkey", "agent_runs_conversation"}),
        ("erasures.list_threads", {"conversations_customer"}),
        ("erasures.list_waiting", {"queue_threads_ready", "message_queue_pkey"}),
        ("erasures.list_buried", {"dead_letters_pkey", "message_queue_pkey"}),
        ("erasures.lock_thread", {"queue_threads_pkey", "conversations_thread_id_key"}),
        ("erasures.delete_keys", {"thread_keys_contact"}),
        ("erasures.look_into_sources", {"message_sources_pkey"}),
        ("replays.count_runs", {"agent_runs_created"}),
        ("replays.list_runs", {"agent_runs_created", "conversations_pkey", "tickets_conversation_id_key"}),
        ("replays.list_said", {"messages_pkey"}),
        ("queue.measure_depth", {"queue_threads_ready"}),
        ("queue.measure_channels", {"queue_threads_ready"}),
        ("outbox.mark_sent", {"outbox_pkey"}),
        ("tickets.view_by_ref", {"tickets_ref_key"}),
        ("tickets.view_queued", {"queue_threads_pkey"}),
        ("tickets.list_visible", {"messages_conversation"}),
        ("tickets.find_feedback", {"ticket_feedback_ticket"}),
        ("tickets.list_waiting", {"message_queue_pkey"}),
        ("conversations.list_recent", {"messages_conversation"}),
        ("conversations.list_messages", {"messages_conversation"}),
        ("conversations.list_facts", {"conversations_customer", "customer_facts_conversation"}),
        ("conversations.store_summary", {"messages_conversation"}),
        (
            "conversations.list_runs",
            {"agent_runs_conversation", "model_calls_pkey", "run_labels_pkey", "tool_calls_pkey"},
        ),
        ("customers.list_history", {"conversations_customer"}),
        ("sources.find_listed", {"message_sources_listed"}),
        ("sources.find_contact", {"thread_keys_pkey"}),
        ("sources.forget_names", {"thread_keys_contact"}),
        ("sources.redirect_keys", {"thread_keys_proven"}),
        ("sources.revoke_conversations", {"conversations_phone", "conversations_user_id"}),
        ("live.list_changed", {"tickets_activity"}),
        ("live.count_unsent", {"outbox_ready"}),
        ("live.count_unsettled", {"tickets_waiting"}),
        ("jobs.claim", {"jobs_open", "jobs_upload"}),
        ("jobs.give_up", {"jobs_open"}),
        ("jobs.find_same", {"jobs_upload"}),
        ("jobs.list_newest", {"jobs_newest"}),
        ("jobs.count_recent", {"jobs_created"}),
        ("jobs.delete_old", {"jobs_created"}),
        ("learning.list_examples", {"tickets_corrected", "run_labels_created", "run_labels_pkey"}),
        ("feedback.lock_ticket", {"tickets_ref_key", "conversations_pkey"}),
        ("feedback.find_latest", {"agent_runs_conversation", "messages_conversation", "run_labels_pkey"}),
        ("feedback.list_resolutions", {"tickets_conversation_id_key", "messages_conversation"}),
        ("resolutions.find_resolved", {"tickets_pkey", "messages_conversation", "ticket_feedback_ticket"}),
        ("files.claim_missing", {"message_attachments_missing"}),
        ("ticket_lists.list_by_activity", {"tickets_activity", "conversations_pkey"}),
        ("ticket_lists.list_by_creation", {"tickets_created", "conversations_pkey"}),
        ("ticket_lists.list_by_waiting", {"tickets_waiting", "conversations_pkey"}),
        ("ticket_lists.list_by_priority", {"tickets_priority", "conversations_pkey"}),
        ("ticket_lists.list_chosen", {"tickets_pkey", "conversations_pkey"}),
        ("ticket_lists.find_by_words", {"tickets_search", "messages_search", "tickets_conversation_id_key"}),
        ("ticket_lists.find_words_of_customer", {"conversations_customer", "tickets_conversation_id_key"}),
        ("ticket_lists.find_of_customer", {"conversations_customer", "tickets_conversation_id_key"}),
        ("ticket_lists.find_assigned", {"tickets_assignee"}),
        ("ticket_lists.find_undelivered", {"tickets_undelivered"}),
        ("ticket_lists.describe", {"tickets_pkey", "messages_conversation", "outbox_pkey"}),
        ("ticket_steps.list_notes", {"ticket_notes_ticket"}),
        ("ticket_steps.find_question", {"messages_conversation"}),
        ("tickets.find_handle", {"tickets_ref_key", "conversations_pkey", "queue_threads_pkey"}),
        ("identities.try_code", {"identity_codes_conversation"}),
        ("notices.list_open", {"notices_open"}),
        ("outbox.claim_doubtful", {"outbox_doubtful", "messages_conversation"}),
        ("outbox.find_by_vendor", {"outbox_vendor"}),
        ("outbox.find_by_mail", {"outbox_mail"}),
        ("outbox.apply_status", {"outbox_pkey"}),
        ("outbox.list_undelivered", {"outbox_undelivered"}),
        ("outbox.reopen_window", {"outbox_waiting"}),
        ("api_keys.use", {"api_keys_key_hash_key"}),
        ("api_keys.list_page", {"api_keys_pkey"}),
        ("sessions.find_caller", {"sessions_pkey", "users_pkey"}),
        ("sessions.revoke_others", {"sessions_user"}),
        ("sessions.delete_old", {"sessions_expired", "sessions_pkey"}),
        ("sign_ins.delete_old", {"sign_in_tries_last", "sign_in_tries_pkey"}),
        ("users.find_by_email", {"users_email_key"}),
        ("users.list_page", {"users_pkey"}),
        ("users.list_agents", {"users_staff"}),
        ("users.lock_admins", {"users_staff"}),
        ("users.let_go_of_tickets", {"tickets_assignee"}),
        ("identities.move_proven", {"customer_identifiers_customer", "conversations_customer", "users_customer"}),
    ],
)
async def test_a_statement_uses_its_index(name: str, indexes: set[str], big_desk: DbConnection) -> None:
    assert list_indexes(await explain(big_desk, STATEMENTS[name])) >= indexes


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("delete_codes", "identity_codes_created"),
        ("delete_sources", "message_sources_received"),
        ("list_ended", "tickets_ended"),
        ("strip_runs", "agent_runs_traced"),
    ],
)
async def test_retention_finds_what_is_over_its_time_through_an_index(
    name: str, index: str, big_desk: DbConnection
) -> None:
    assert index in list_indexes(await explain(big_desk, load_statements("retention")[name]))


@pytest.mark.parametrize("name", ["outbox.claim", "outbox.requeue_expired", "outbox.doubt_expired"])
async def test_the_outbox_finds_what_is_unsent_through_its_partial_indexes_alone(
    name: str, big_desk: DbConnection
) -> None:
    plan = await explain(big_desk, STATEMENTS[name])
    partial = {"outbox_ready", "outbox_conversation", "outbox_held", "outbox_one_in_flight", "outbox_pkey"}
    used = {
        node["Index Name"]
        for node in walk(plan)
        if "Index Name" in node and node.get("Relation Name", "outbox") == "outbox"
    }
    assert used & {"outbox_ready", "outbox_one_in_flight"}
    assert {index for index in used if index.startswith("outbox")} <= partial
