-- name: take_number
-- The counter row is the one thing all submissions share. Its own statement and no wait for the disk: the lock is
-- held for microseconds. A crash can lose a number nobody was told, never repeat one: the ticket's own commit
-- flushes the log up to and including this increment.
WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO ticket_days AS d (day, last) SELECT :day::date, 1 FROM relaxed
ON CONFLICT (day) DO UPDATE SET last = d.last + 1
RETURNING last;

-- name: prepare_submission
-- What a submission must have before it is published, in one round trip: its number (as above), how its inbox
-- behaves, and the paid plans of customers with this address. The plans become a time, never a name.
WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true)),
number AS (
    INSERT INTO ticket_days AS d (day, last) SELECT :day::date, 1 FROM relaxed
    ON CONFLICT (day) DO UPDATE SET last = d.last + 1
    RETURNING last
)
SELECT number.last, coalesce(f.enabled, true) AS enabled,
       array(SELECT c.plan FROM customer_identifiers i JOIN customers c ON c.id = i.customer_id
              WHERE i.kind = 'email' AND i.value = :email AND c.plan <> 'free') AS plans
  FROM number LEFT JOIN channel_configs f ON f.channel = :channel AND f.inbox = :inbox;

-- name: add_ticket
INSERT INTO tickets (id, ref, conversation_id, subject, category, priority, first_reply_due)
VALUES (:id, :ref, :conversation_id, :subject, :category, :priority, :first_reply_due)
ON CONFLICT (conversation_id) DO NOTHING;

-- name: categorise
-- A category or a priority that a person gave stays.
UPDATE tickets
   SET subject = :subject, updated_at = now(),
       priority = CASE WHEN priority_by = 'person' THEN priority ELSE :priority END,
       priority_by = CASE WHEN priority_by = 'person' THEN priority_by ELSE 'model' END,
       category = CASE WHEN category_by = 'person' THEN category ELSE :category END,
       category_by = CASE WHEN category_by = 'person' THEN category_by ELSE 'model' END
 WHERE conversation_id = :conversation_id;

-- name: note_intent
UPDATE tickets SET intent = :intent, intent_trust = :trust, intent_by = 'model', updated_at = now()
 WHERE conversation_id = :conversation_id AND intent_by IS DISTINCT FROM 'person'
   AND (intent_trust IS NULL OR intent_trust <= :trust);

-- name: reopen
UPDATE tickets SET reopened_from = status, status = 'open', reopenings = reopenings + 1, updated_at = now()
 WHERE conversation_id = :conversation_id AND status IN ('auto_resolved', 'closed');

-- name: touch
-- Something that belongs to the ticket has changed. What this transaction has moved already is not written again.
UPDATE tickets SET updated_at = now() WHERE conversation_id = :conversation_id AND updated_at <> now();

-- name: undo_reopening
UPDATE tickets SET status = reopened_from, reopenings = greatest(reopenings - 1, 0), updated_at = now()
 WHERE conversation_id = :conversation_id AND status = 'open' AND reopened_from IS NOT NULL;

-- name: resolve_automatically
UPDATE tickets SET status = 'auto_resolved', confidence = :confidence, updated_at = now()
 WHERE conversation_id = :conversation_id AND status = 'open';

-- name: escalate
UPDATE tickets t
   SET status = 'escalated', confidence = :confidence, route = r.category, team = r.team, updated_at = now(),
       handover_reason = :reason, handover_summary = :summary, handover_draft = :draft
  FROM escalation_routes r
 WHERE t.conversation_id = :conversation_id
   AND r.category = (SELECT category FROM escalation_routes WHERE category IN (:route, 'general')
                      ORDER BY category = 'general' LIMIT 1)
RETURNING t.team;

-- name: find_handle
SELECT t.ref, q.contact, v.thread_id, q.last_seq, q.done_seq, t.status, t.conversation_id, v.customer_id
  FROM tickets t JOIN conversations v ON v.id = t.conversation_id JOIN queue_threads q ON q.id = v.thread_id
 WHERE t.ref = :ref;

-- name: view_by_ref
SELECT t.conversation_id, t.ref, t.status, t.subject, t.category, t.priority, t.team, t.first_reply_due,
       t.created_at, t.updated_at, q.ready_at IS NOT NULL AND v.owner = 'agent' AS answering, q.id AS thread_id,
       q.done_seq
  FROM tickets t JOIN conversations v ON v.id = t.conversation_id JOIN queue_threads q ON q.id = v.thread_id
 WHERE t.ref = :ref;

-- name: view_queued
-- A ticket that no worker has seen yet lives in its thread alone.
SELECT q.id AS thread_id, q.last_seq, q.done_seq, q.ready_at IS NOT NULL AS answering
  FROM queue_threads q
 WHERE q.id = :thread_id;

-- name: list_visible
-- What the customer may see: their own words, and replies that have been sent.
SELECT m.id, m.author, m.text, m.citations, m.created_at
  FROM messages m LEFT JOIN outbox o ON o.id = m.id
 WHERE m.conversation_id = :conversation_id
   AND (m.author = 'customer' OR o.state IN ('sent', 'delivered', 'read'))
 ORDER BY m.created_at DESC, m.id DESC LIMIT :max_messages;

-- name: find_feedback
-- The latest counts.
SELECT f.rating, f.is_resolved, f.comment, f.created_at
  FROM tickets t JOIN ticket_feedback f ON f.ticket_id = t.id
 WHERE t.conversation_id = :conversation_id ORDER BY f.created_at DESC, f.id DESC LIMIT 1;

-- name: list_waiting
SELECT id, payload, received_at FROM message_queue
 WHERE thread_id = :thread_id AND seq > :done_seq ORDER BY seq LIMIT :max_messages;
