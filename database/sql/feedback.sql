-- name: lock_ticket
-- Locked until the transaction ends, so that a worker that is about to answer waits and then sees what was said.
SELECT t.id, t.conversation_id FROM tickets t JOIN conversations v ON v.id = t.conversation_id
 WHERE t.ref = :ref FOR UPDATE OF v;

-- name: find_latest
-- The newest turn in which the agent said something or would have, and what has become of it since.
SELECT r.id, r.outcome, r.draft ->> 'text' AS draft,
       EXISTS (SELECT FROM messages m WHERE m.conversation_id = :conversation_id AND m.author = 'person'
                  AND m.created_at > r.created_at) AS is_answered_since,
       EXISTS (SELECT FROM run_labels l WHERE l.run_id = r.id AND l.is_right AND l.given_by = 'customer') AS is_confirmed
  FROM agent_runs r
 WHERE r.conversation_id = :conversation_id AND r.outcome IN ('answered', 'escalated', 'person_owns')
 ORDER BY r.created_at DESC LIMIT 1;

-- name: label_run
-- Said again, it is said once, with the latest word; but what says nothing of the answer takes back nothing.
INSERT INTO run_labels AS l (run_id, kind, value, is_right, given_by)
VALUES (:run_id, :kind, :value, :is_right, :given_by)
ON CONFLICT (run_id, kind) DO UPDATE
   SET value = excluded.value, is_right = coalesce(excluded.is_right, l.is_right), given_by = excluded.given_by,
       created_at = now();

-- name: add_rating
INSERT INTO ticket_feedback (id, ticket_id, rating, is_resolved, comment)
VALUES (:id, :ticket_id, :rating, :is_resolved, :comment);

-- name: close_ticket
-- What the customer writes next is a new matter, which the agent may answer as often as any other. While they have
-- words waiting the matter is not settled: the turn over those would go on, and its answer go out, whoever had it.
WITH closed AS (
    UPDATE tickets t SET status = 'closed', updated_at = now()
     WHERE conversation_id = :conversation_id AND status = ANY (:statuses::text[])
       AND NOT EXISTS (SELECT FROM conversations v JOIN queue_threads q ON q.id = v.thread_id
                        WHERE v.id = t.conversation_id AND q.done_seq < q.last_seq)
    RETURNING conversation_id
)
UPDATE conversations v SET owner = 'agent', automatic_replies = 0, updated_at = now() FROM closed
 WHERE v.id = closed.conversation_id;

-- name: give_to_person
-- The conversation is a person's from now on, and its ticket waits with the team it had, or that of its category. A
-- customer who says that it is not settled after all opens it again.
WITH taken AS (UPDATE conversations SET owner = 'person', updated_at = now() WHERE id = :conversation_id)
UPDATE tickets t
   SET status = 'escalated', route = r.category, team = r.team, handover_reason = :reason,
       handover_summary = coalesce(t.handover_summary, t.subject), updated_at = now(),
       reopenings = t.reopenings + (:is_reopening::boolean AND t.status <> 'open')::int
  FROM escalation_routes r
 WHERE t.conversation_id = :conversation_id AND t.status <> 'escalated'
   AND r.category = (SELECT e.category FROM escalation_routes e WHERE e.category IN (t.route, t.category, 'general')
                      ORDER BY e.category = t.route DESC NULLS LAST, e.category = 'general' LIMIT 1);

-- name: list_resolutions
-- What was learned from the conversation's ticket, and what its last answer cites of other tickets. In order, so that two
-- customers who call the same answers wrong do not wait for each other.
SELECT a.id, a.ticket_id FROM tickets t JOIN knowledge_articles a ON a.ticket_id = t.id
 WHERE t.conversation_id = :conversation_id
UNION
SELECT a.id, a.ticket_id
  FROM (SELECT m.citations FROM messages m
         WHERE m.conversation_id = :conversation_id AND m.author IN ('assistant', 'person')
         ORDER BY m.created_at DESC, m.id DESC LIMIT 1) answer
 CROSS JOIN jsonb_array_elements(answer.citations) c
  JOIN knowledge_base k ON k.id = (c ->> 'passage_id')::uuid
  JOIN knowledge_revisions r ON r.id = k.revision_id
  JOIN knowledge_articles a ON a.id = r.article_id AND a.kind = 'resolution'
 ORDER BY id;

-- name: correct_ticket
-- What is NULL stays as it is.
UPDATE tickets t
   SET intent = coalesce(:intent, t.intent),
       intent_trust = CASE WHEN :intent::text IS NULL THEN t.intent_trust END,
       intent_by = CASE WHEN :intent::text IS NULL THEN t.intent_by ELSE 'person' END,
       category = coalesce(:category, t.category),
       category_by = CASE WHEN :category::text IS NULL THEN t.category_by ELSE 'person' END,
       priority = coalesce(:priority, t.priority),
       priority_by = CASE WHEN :priority::text IS NULL THEN t.priority_by ELSE 'person' END,
       route = coalesce(:route, t.route),
       team = coalesce((SELECT r.team FROM escalation_routes r WHERE r.category = :route), t.team),
       updated_at = now()
 WHERE t.conversation_id = :conversation_id;

-- name: find_team
SELECT team FROM escalation_routes WHERE category = :route;
