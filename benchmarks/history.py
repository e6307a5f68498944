"""Two months of a busy desk, made inside the database: tickets, messages, turns, deliveries and ratings."""

from database.pool import connect

DAYS = 60
MESSAGES_PER_TICKET = 10 / 3

# A ticket has a question and an answer, and two in three have another pair. By day more arrives than at night.
_STEPS = f"""
SET session_replication_role = replica;  -- no foreign-key checks and no marks of late facts while loading
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SELECT setseed(0.5);
CREATE TEMP TABLE made AS
SELECT n, md5('v' || n)::uuid AS id, random() AS fate, CASE WHEN n % 3 = 0 THEN 1 ELSE 2 END AS pairs,
       (ARRAY['web', 'web', 'web', 'gmail', 'gmail', 'whatsapp', 'whatsapp', 'mailbox'])[1 + n % 8] AS channel,
       now() - interval '1 day' * (floor(random() * {DAYS}) + 0.5 + asin(2 * random() - 1) / pi()) AS at
  FROM generate_series(1, (SELECT tickets FROM wanted)) n;
CREATE TEMP TABLE said AS
SELECT m.n, k, m.id AS conversation_id, m.channel, m.fate, md5('q' || m.n || ':' || k)::uuid AS question,
       md5('a' || m.n || ':' || k)::uuid AS answer, m.at + (k - 1) * interval '3 hours' * random() AS asked_at,
       exp(6 + 2 * random() + CASE WHEN m.fate > 0.7 THEN 9 * random() ELSE 0 END) AS milliseconds
  FROM made m, generate_series(1, m.pairs) k;
INSERT INTO queue_threads (id, channel, inbox, contact) SELECT id, channel, 'desk', n FROM made;
INSERT INTO customers (id, name) SELECT md5('c' || n)::uuid, 'name' FROM generate_series(0, 49999) n;
INSERT INTO conversations (id, thread_id, customer_id, channel, inbox, identity_level, created_at)
    SELECT id, id, md5('c' || n % 50000)::uuid, channel, 'desk', 'proven', at FROM made;
INSERT INTO tickets (id, ref, conversation_id, status, subject, category, priority, first_reply_due, route,
                     handover_reason, reopenings, created_at)
    SELECT id, 'TF-' || n, id, CASE WHEN fate > 0.98 THEN 'escalated' WHEN n % 4 = 0 THEN 'closed'
                                    WHEN fate > 0.7 THEN 'closed' ELSE 'auto_resolved' END,
           'subject', 'general', 'medium', at + interval '4 hours', 'general',
           CASE WHEN fate > 0.7 THEN 'reason' END, (n % 9 = 0)::int, at FROM made;
INSERT INTO messages (id, conversation_id, author, text, created_at)
    SELECT question, conversation_id, 'customer',
           'How do I export my data, and how long does it take? My order-' || n || ' is late.', asked_at
      FROM said
    UNION ALL
    SELECT answer, conversation_id, CASE WHEN fate > 0.7 THEN 'person' ELSE 'assistant' END,
           'Open the settings and choose the button Export.', asked_at + milliseconds * interval '1 millisecond'
      FROM said;
INSERT INTO outbox (id, conversation_id, channel, inbox, state, created_at, sent_at)
    SELECT answer, conversation_id, channel, 'desk', CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'sent' END,
           asked_at + milliseconds * interval '1 millisecond',
           CASE WHEN n % 100 > 0 THEN asked_at + (50 + milliseconds) * interval '1 millisecond' END FROM said;
INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, prompt_hash, outcome, decision, stages,
                        input_tokens, output_tokens, cost_usd, created_at)
    SELECT question, conversation_id, 1, k, 'model', 'gpt', 'h',
           CASE WHEN fate > 0.7 THEN 'escalated' ELSE 'answered' END, '{{}}', '{{}}', 1500, 200, 0.006, asked_at
      FROM said;
INSERT INTO agent_metrics (run_id, channel, inbox, outcome, confidence, sentiment, agent_ms, reply_ms, created_at)
    SELECT question, channel, 'desk', CASE WHEN fate > 0.7 THEN 'escalated' ELSE 'answered' END, 0.8,
           2 * random() - 1, least(milliseconds, 3000 * random() + 20), milliseconds, asked_at FROM said;
INSERT INTO ticket_feedback (id, ticket_id, rating, is_resolved, created_at)
    SELECT id, id, 1 + n % 5, n % 5 > 1, at + interval '5 hours' FROM made WHERE n % 5 < 2;
"""
_TABLES = ("messages", "tickets", "outbox", "agent_runs", "agent_metrics", "ticket_feedback", "conversations")


async def write_history(url: str, messages: int) -> None:
    """So many messages, of which nothing is summed up yet."""
    conn = await connect(url, application="benchmark")
    try:
        await conn.execute(f"CREATE TEMP TABLE wanted AS SELECT {round(messages / MESSAGES_PER_TICKET)} AS tickets")
        await conn.execute(_STEPS)
        await conn.execute("SET session_replication_role = origin")
        for table in _TABLES:  # as autovacuum does on a desk in a minute
            await conn.execute(f"VACUUM ANALYZE {table}")
    finally:
        await conn.close()
