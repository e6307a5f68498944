-- name: report_undelivered
-- The ticket says so, and its team is told once; and again if it fails after it was settled. What surely did not arrive
-- takes the conversation to a person; a reply in doubt has probably arrived, and the agent goes on.
WITH reply AS (
    SELECT o.id, o.conversation_id FROM outbox o WHERE o.id = :message_id AND o.kind <> 'code'
), owned AS (
    UPDATE conversations c SET owner = 'person', updated_at = now() FROM reply
     WHERE c.id = reply.conversation_id AND :kind::text = 'undelivered'
), ticket AS (
    UPDATE tickets t
       SET delivery_problem = :text,
           status = CASE WHEN :kind::text = 'undelivered' THEN 'escalated' ELSE t.status END,
           route = coalesce(t.route, 'general'),
           team = coalesce(t.team, (SELECT team FROM escalation_routes WHERE category = 'general')),
           handover_reason = CASE WHEN :kind::text = 'undelivered' THEN coalesce(t.handover_reason, :text)
                                  ELSE t.handover_reason END,
           updated_at = now()
      FROM reply WHERE t.conversation_id = reply.conversation_id
    RETURNING t.team, t.conversation_id
)
INSERT INTO notices (id, team, kind, conversation_id, message_id, text)
SELECT :id, ticket.team, :kind, ticket.conversation_id, :message_id, :text FROM ticket
ON CONFLICT (message_id, kind) DO UPDATE SET text = excluded.text, created_at = now(), settled_at = NULL
 WHERE notices.settled_at IS NOT NULL;

-- name: settle
-- Unless it has failed: a callback that says so may be faster than the worker that records the send.
WITH settled AS (
    UPDATE notices SET settled_at = now()
     WHERE message_id = :message_id AND settled_at IS NULL
       AND NOT EXISTS (SELECT FROM outbox o WHERE o.id = :message_id AND o.state = 'failed')
    RETURNING conversation_id
)
UPDATE tickets t SET delivery_problem = NULL, updated_at = now()
  FROM settled WHERE t.conversation_id = settled.conversation_id
   AND NOT EXISTS (SELECT FROM notices n WHERE n.conversation_id = t.conversation_id AND n.settled_at IS NULL
                                           AND n.message_id <> :message_id);

-- name: list_open
SELECT n.id, n.team, n.kind, n.conversation_id, n.message_id,
       (SELECT ref FROM tickets t WHERE t.conversation_id = n.conversation_id) AS ticket_ref, n.text, n.created_at
  FROM notices n
 WHERE n.settled_at IS NULL AND (:team::text IS NULL OR n.team = :team::text)
 ORDER BY n.created_at, n.id LIMIT :max_rows;
