-- name: count_runs
SELECT count(*) FROM agent_runs WHERE created_at >= :since AND created_at < :until;

-- name: list_runs
-- The oldest first, from the one on that comes behind (:since, :after_id).
SELECT r.id, r.created_at, r.outcome, r.brain, r.model, r.decision, r.turn, r.draft, r.cost_usd, r.conversation_id,
       v.customer_id, v.contact_name, v.channel, v.inbox, t.id AS ticket_id, t.ref,
       m.text AS first_message, array[v.contact_name, c.name] AS names
  FROM agent_runs r JOIN conversations v ON v.id = r.conversation_id JOIN tickets t ON t.conversation_id = v.id
  JOIN customers c ON c.id = v.customer_id
  LEFT JOIN LATERAL (SELECT m.text FROM messages m WHERE m.conversation_id = v.id AND m.author = 'customer'
                      ORDER BY m.created_at, m.id LIMIT 1) m ON true
 WHERE (r.created_at, r.id) > (:since, :after_id::uuid) AND r.created_at < :until
 ORDER BY r.created_at, r.id LIMIT :max_runs;

-- name: list_said
SELECT id, author, text FROM messages WHERE id = ANY (:ids::uuid[]);
