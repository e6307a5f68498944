-- name: start_learning
-- Nothing comes back where the last attempt is not this old yet.
INSERT INTO learnings AS l (basis, attempted_at) VALUES (:basis, now())
ON CONFLICT (basis) DO UPDATE SET attempted_at = now() WHERE l.attempted_at <= now() - :least_age::interval
RETURNING true;

-- name: list_examples
-- What customers first wrote in tickets whose intent a person gave, and in those whose answers or drafts all proved
-- right. OFFSET 0: one by one, from the newest on, instead of joining all that a desk has ever had.
WITH verified AS (
    (SELECT t.id, t.conversation_id, t.intent FROM tickets t
      WHERE t.intent_by = 'person' ORDER BY t.updated_at DESC LIMIT :max_tickets)
    UNION
    (SELECT t.id, t.conversation_id, t.intent
       FROM run_labels l
       JOIN LATERAL (SELECT r.conversation_id FROM agent_runs r WHERE r.id = l.run_id OFFSET 0) r ON true
       JOIN LATERAL (SELECT * FROM tickets t WHERE t.conversation_id = r.conversation_id OFFSET 0) t
            ON t.intent_by = 'model' AND t.intent_trust >= :least_trust
      WHERE l.is_right
        AND NOT EXISTS (SELECT FROM run_labels w WHERE w.run_id = l.run_id AND NOT w.is_right OFFSET 0)
      ORDER BY l.created_at DESC LIMIT :max_tickets)
)
SELECT k.id, k.intent, m.text, array[v.contact_name, v.name] AS names
  FROM verified k
  JOIN LATERAL (SELECT v.contact_name, c.name FROM conversations v JOIN customers c ON c.id = v.customer_id
                 WHERE v.id = k.conversation_id OFFSET 0) v ON true
  JOIN LATERAL (SELECT m.text FROM messages m WHERE m.conversation_id = k.conversation_id AND m.author = 'customer'
                 ORDER BY m.created_at, m.id LIMIT 1) m ON true
 ORDER BY k.id;

-- name: list_labelled
-- Answers of which it is known whether they were right, and drafts that were not sent for want of confidence alone, or
-- because a person was there first: one word against an answer outweighs those for it.
SELECT r.decision -> 'intent' ->> 'label' AS intent, coalesce((r.decision -> 'intent' ->> 'trust')::float8, 0) AS trust,
       r.channel, (r.decision ->> 'confidence')::float8 AS confidence, l.is_right,
       CASE WHEN r.decision -> 'best_passage' ->> 'similarity' IS NULL THEN 'words' ELSE 'meaning' END AS scale
  FROM (SELECT run_id, bool_and(is_right) AS is_right
          FROM (SELECT run_id, is_right FROM run_labels WHERE is_right IS NOT NULL
                 ORDER BY created_at DESC LIMIT :max_labels) newest
         GROUP BY run_id) l
  JOIN LATERAL (SELECT r.decision, v.channel FROM agent_runs r JOIN conversations v ON v.id = r.conversation_id
                 WHERE r.id = l.run_id AND (r.decision ->> 'action' = 'answer' OR r.decision ->> 'rule' = 'low_confidence')
                OFFSET 0) r ON true;

-- name: forget_thresholds
DELETE FROM decision_thresholds;

-- name: add_threshold
INSERT INTO decision_thresholds (id, scale, intent, channel, threshold, wanted_precision, verified, bound)
VALUES (:id, :scale, :intent, :channel, :threshold, :wanted_precision, :verified, :bound);
