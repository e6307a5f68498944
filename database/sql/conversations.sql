-- name: find_by_thread
SELECT id FROM conversations WHERE thread_id = :thread_id;

-- name: add_conversation
INSERT INTO conversations (id, thread_id, customer_id, contact_name, channel, inbox, identity_level)
VALUES (:id, :thread_id, :customer_id, :contact_name, :channel, :inbox, :identity_level);

-- name: add_message
INSERT INTO messages (id, conversation_id, author, text, citations, created_at)
VALUES (:id, :conversation_id, :author, :text, :citations::jsonb, coalesce(:created_at, clock_timestamp()))
ON CONFLICT (id) DO NOTHING;

-- name: load_state
SELECT v.id, v.customer_id, v.contact_name, v.channel, v.inbox, v.identity_level, v.owner,
       v.automatic_replies, t.ref, t.subject, t.category, t.priority
  FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.id = :id;

-- name: list_recent
SELECT author, text FROM (
    SELECT author, text, created_at, id FROM messages
     WHERE conversation_id = :id AND NOT id = ANY (:waiting::uuid[])
     ORDER BY created_at DESC, id DESC LIMIT :max_messages) recent
 ORDER BY created_at, id;

-- name: lock_owner
SELECT owner FROM conversations WHERE id = :id FOR UPDATE;

-- name: record_turn
UPDATE conversations
   SET owner = :owner, sentiment = :sentiment, updated_at = now(),
       automatic_replies = automatic_replies + :automatic_replies
 WHERE id = :id;

-- name: view
SELECT v.id, v.channel, v.inbox, v.owner, v.identity_level, v.sentiment, v.created_at, v.updated_at,
       c.id AS customer_id, c.name AS customer_name, v.contact_name, c.plan,
       t.ref, t.status, t.subject, t.category, t.priority, t.confidence, t.route, t.team,
       t.handover_reason, t.handover_summary, t.handover_draft
  FROM conversations v JOIN customers c ON c.id = v.customer_id LEFT JOIN tickets t ON t.conversation_id = v.id
 WHERE v.id = :id;

-- name: list_messages
SELECT m.id, m.author, m.text, m.citations, m.created_at, o.state AS delivery
  FROM messages m LEFT JOIN outbox o ON o.id = m.id
 WHERE m.conversation_id = :id ORDER BY m.created_at, m.id LIMIT :max_messages;

-- name: list_runs
SELECT r.id, r.attempt, r.brain, r.model, r.prompt_hash, r.outcome, r.decision, r.stages, r.created_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('tool', k.tool, 'arguments', k.arguments, 'output', k.output,
                                                     'milliseconds', k.milliseconds) ORDER BY k.position)
                   FROM tool_calls k WHERE k.run_id = r.id), '[]') AS tool_calls
  FROM agent_runs r WHERE r.conversation_id = :id ORDER BY r.created_at LIMIT :max_runs;
