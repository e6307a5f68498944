-- name: find_by_thread
SELECT id FROM conversations WHERE thread_id = :thread_id;

-- name: add_conversation
INSERT INTO conversations (id, thread_id, customer_id, contact_name, channel, inbox, identity_level)
VALUES (:id, :thread_id, :customer_id, :contact_name, :channel, :inbox, :identity_level);

-- name: add_message
INSERT INTO messages (id, conversation_id, author, text, citations, created_at, quoted, source_id, language, written_by)
VALUES (:id, :conversation_id, :author, :text, :citations::jsonb, coalesce(:created_at, clock_timestamp()), :quoted,
        :source_id, :language, :written_by)
ON CONFLICT (id) DO NOTHING;

-- name: note_inbound
-- How a reply reaches the customer now, and from when WhatsApp counts its 24 hours. An identity is worth what the least
-- proven of the messages is.
UPDATE conversations
   SET reply_path = coalesce(:reply_path::jsonb, reply_path),
       last_inbound_at = greatest(last_inbound_at, :received_at),
       identity_level = CASE WHEN :level::text IS NULL OR array_position(ARRAY['self_reported', 'channel_asserted', 'proven'],
                                                                   identity_level)
                                  <= array_position(ARRAY['self_reported', 'channel_asserted', 'proven'], :level::text)
                             THEN identity_level ELSE :level::text END
 WHERE id = :id;

-- name: load_state
SELECT v.id, v.customer_id, v.contact_name, v.channel, v.inbox, v.identity_level, v.owner,
       v.automatic_replies, v.summary, v.language, t.ref, t.subject, t.category, t.priority,
       v.channel = 'web' OR EXISTS (SELECT FROM customer_identifiers i WHERE i.customer_id = v.customer_id)
           AS is_reachable,
       CASE WHEN v.channel IN ('gmail', 'mailbox') THEN (SELECT count(*) FROM conversations r JOIN messages m ON m.conversation_id = r.id
         WHERE r.customer_id = v.customer_id AND r.channel = v.channel AND r.updated_at > now() - interval '1 hour'
           AND m.created_at > now() - interval '1 hour' AND m.author IN ('assistant', 'system'))
            ELSE 0 END AS recent_replies
  FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.id = :id;

-- name: list_recent
-- What the summary does not cover.
SELECT id, author, text, sentiment FROM (
    SELECT author, text, sentiment, created_at, id FROM messages
     WHERE conversation_id = :id AND NOT id = ANY (:waiting::uuid[])
       AND created_at > coalesce((SELECT v.summary_until FROM conversations v WHERE v.id = :id), '-infinity')
     ORDER BY created_at DESC, id DESC LIMIT :max_messages) recent
 ORDER BY created_at, id;

-- name: store_summary
-- It covers everything but the newest messages, of which :kept are still shown in full, and those that wait.
UPDATE conversations SET summary = :summary, summary_until = coalesce((
    SELECT created_at FROM messages WHERE conversation_id = :id AND NOT id = ANY (:waiting::uuid[])
     ORDER BY created_at DESC, messages.id DESC OFFSET :kept LIMIT 1), summary_until)
 WHERE id = :id;

-- name: add_fact
INSERT INTO customer_facts (id, conversation_id, message_id, fact) VALUES (:id, :conversation_id, :message_id, :fact)
ON CONFLICT (message_id, fact) DO NOTHING;

-- name: list_facts
-- Only from conversations whose customer is proven still.
SELECT fact FROM (
    SELECT DISTINCT ON (f.fact) f.fact, f.created_at, f.id
      FROM conversations v JOIN customer_facts f ON f.conversation_id = v.id
     WHERE v.customer_id = :customer_id AND v.identity_level = 'proven'
     ORDER BY f.fact, f.created_at DESC) known
 ORDER BY created_at DESC, id LIMIT :max_facts;

-- name: lock_owner
SELECT owner FROM conversations WHERE id = :id FOR UPDATE;

-- name: record_turn
-- The messages that the turn was about are one utterance, so they share what was felt in it.
WITH felt AS (UPDATE messages SET sentiment = :sentiment WHERE id = ANY (:message_ids::uuid[]))
UPDATE conversations
   SET owner = :owner, sentiment = :sentiment, sentiment_trend = :sentiment_trend,
       language = coalesce(:language::text, language),
       updated_at = now(), automatic_replies = automatic_replies + :automatic_replies
 WHERE id = :id;

-- name: view
-- Its cost is that of every turn, whether anything came of it or not, and unknown where that of one is.
SELECT v.id, v.channel, v.inbox, v.owner, v.identity_level, v.sentiment, v.sentiment_trend, v.language, v.created_at,
       v.updated_at,
       c.id AS customer_id, c.name AS customer_name, v.contact_name, c.plan,
       t.ref, t.status, t.subject, t.category, t.priority, t.confidence, t.route, t.team,
       t.handover_reason, t.handover_summary, t.handover_draft, t.delivery_problem,
       t.intent, t.intent_trust, t.intent_by, t.first_reply_due, t.created_at AS opened_at,
       (SELECT CASE WHEN count(*) = count(r.cost_usd) THEN coalesce(sum(r.cost_usd), 0) END
          FROM agent_runs r WHERE r.conversation_id = v.id) AS cost_usd
  FROM conversations v JOIN customers c ON c.id = v.customer_id LEFT JOIN tickets t ON t.conversation_id = v.id
 WHERE v.id = :id;

-- name: list_ratings
-- This and the next two the newest first: of a conversation that has gone on for years, staff need the end.
SELECT f.rating, f.is_resolved, f.comment, f.created_at FROM tickets t JOIN ticket_feedback f ON f.ticket_id = t.id
 WHERE t.conversation_id = :id ORDER BY f.created_at DESC, f.id DESC LIMIT :max_ratings;

-- name: list_messages
SELECT m.id, m.author, m.written_by, m.text, m.quoted, m.citations, m.created_at, m.source_id, m.language, m.sentiment,
       o.state AS delivery,
       o.error AS delivery_error
  FROM messages m LEFT JOIN outbox o ON o.id = m.id
 WHERE m.conversation_id = :id ORDER BY m.created_at DESC, m.id DESC LIMIT :max_messages;

-- name: list_runs
SELECT r.id, r.attempt, r.brain, r.model, r.fallback, r.prompt_hash, r.knowledge_version, r.outcome, r.decision,
       r.stages, r.input_tokens, r.cached_tokens, r.output_tokens, r.cost_usd, r.created_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                            'purpose', c.purpose, 'model', c.model, 'input_tokens', c.input_tokens,
                            'cached_tokens', c.cached_tokens, 'output_tokens', c.output_tokens, 'cost_usd', c.cost_usd,
                            'milliseconds', c.milliseconds, 'finish_reason', c.finish_reason, 'error', c.error)
                        ORDER BY c.position)
                   FROM model_calls c WHERE c.run_id = r.id), '[]') AS model_calls,
       coalesce((SELECT jsonb_agg(jsonb_build_object('tool', k.tool, 'arguments', k.arguments, 'output', k.output,
                                                     'milliseconds', k.milliseconds, 'model_call', k.model_call)
                                  ORDER BY k.position)
                   FROM tool_calls k WHERE k.run_id = r.id), '[]') AS tool_calls,
       coalesce((SELECT jsonb_agg(jsonb_build_object('kind', l.kind, 'value', l.value, 'is_right', l.is_right,
                                                     'given_by', l.given_by, 'created_at', l.created_at)
                                  ORDER BY l.created_at, l.kind)
                   FROM run_labels l WHERE l.run_id = r.id), '[]') AS labels
  FROM agent_runs r WHERE r.conversation_id = :id ORDER BY r.created_at DESC LIMIT :max_runs;
