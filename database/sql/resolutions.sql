-- name: list_due
-- Tickets closed, or answered automatically and confirmed, for long enough that their customer would have come back,
-- and not yet looked at. OFFSET 0: one by one, not all of them.
WITH ended AS (
    SELECT t.id, t.updated_at AS ended_at FROM tickets t
     WHERE t.status = 'closed' AND t.updated_at < now() - make_interval(hours => :quiet_hours::integer)
       AND t.updated_at > now() - make_interval(hours => :quiet_hours::integer) - interval '7 days'
    UNION ALL
    SELECT t.id, l.created_at
      FROM run_labels l
      JOIN LATERAL (SELECT r.conversation_id FROM agent_runs r WHERE r.id = l.run_id OFFSET 0) r ON true
      JOIN LATERAL (SELECT t.id FROM tickets t
                     WHERE t.conversation_id = r.conversation_id AND t.status = 'auto_resolved' OFFSET 0) t ON true
     WHERE l.kind = 'confirmed' AND l.is_right
       AND l.created_at < now() - make_interval(hours => :quiet_hours::integer)
       AND l.created_at > now() - make_interval(hours => :quiet_hours::integer) - interval '7 days'
)
SELECT id FROM ended
 WHERE NOT EXISTS (SELECT FROM learned_tickets l WHERE l.ticket_id = ended.id OFFSET 0)
 GROUP BY id ORDER BY min(ended_at) LIMIT :max_tickets;

-- name: find_resolved
-- A ticket with what was asked and answered. The answer of the agent is taken as it was drafted, without the letter
-- around it, and with the one article it cites, as published now. A model may draft again, in vain: only what was accepted was sent.
-- What a customer wrote behind the answer may be mere thanks; what is known of the answer is in its turn's labels.
SELECT t.id AS ticket_id, t.ref, t.status, t.subject, t.category, t.route, t.delivery_problem, v.sentiment,
       array[v.contact_name, c.name] AS names,
       array(SELECT m.text FROM messages m WHERE m.conversation_id = v.id AND m.author = 'customer'
              ORDER BY m.created_at, m.id) AS asked,
       array(SELECT m.text FROM messages m LEFT JOIN outbox o ON o.id = m.id
              WHERE m.conversation_id = v.id AND m.author IN ('assistant', 'person')
                AND coalesce(o.state, 'sent') IN ('sent', 'delivered', 'read')
              ORDER BY m.created_at, m.id) AS answered,
       (SELECT count(*) FROM messages m WHERE m.conversation_id = v.id AND m.author = 'customer'
           AND (m.created_at, m.id) > (answer.created_at, answer.id)) AS asked_after,
       answer.author AS answered_by, drafted.text AS drafted, cited.article_id AS cited_article,
       coalesce(cited.longest, 0) AS longest_cited,
       (SELECT f.rating FROM ticket_feedback f WHERE f.ticket_id = t.id ORDER BY f.created_at DESC, f.id DESC LIMIT 1) AS rating,
       coalesce(known.is_confirmed, false) AS is_confirmed, coalesce(known.is_refuted, false) AS is_refuted
  FROM tickets t JOIN conversations v ON v.id = t.conversation_id JOIN customers c ON c.id = v.customer_id
  LEFT JOIN LATERAL (SELECT m.id, m.author, m.citations, m.created_at FROM messages m
                      WHERE m.conversation_id = v.id AND m.author IN ('assistant', 'person')
                      ORDER BY m.created_at DESC, m.id DESC LIMIT 1) answer ON true
  LEFT JOIN LATERAL (SELECT bool_or(l.is_right AND l.given_by = 'customer') AS is_confirmed,
                            bool_or(NOT l.is_right) AS is_refuted
                       FROM agent_runs r JOIN run_labels l ON l.run_id = r.id
                      WHERE r.conversation_id = v.id AND r.outcome = 'answered') known ON true
  LEFT JOIN LATERAL (SELECT k.arguments ->> 'text' AS text FROM agent_runs r JOIN tool_calls k ON k.run_id = r.id
                      WHERE r.conversation_id = v.id AND r.outcome = 'answered' AND k.tool = 'send_response'
                        AND k.output = :accepted
                      ORDER BY r.created_at DESC, k.position LIMIT 1) drafted ON answer.author = 'assistant'
  LEFT JOIN LATERAL (SELECT CASE WHEN count(DISTINCT r.article_id) = 1
                                  AND bool_and(a.kind = 'article' AND r.audience = 'public' AND upper_inf(r.published))
                                 THEN (array_agg(r.article_id))[1] END AS article_id,
                            max(length(k.content)) AS longest
                       FROM jsonb_array_elements(answer.citations) c
                       JOIN knowledge_base k ON k.id = (c ->> 'passage_id')::uuid
                       JOIN knowledge_revisions r ON r.id = k.revision_id
                       JOIN knowledge_articles a ON a.id = r.article_id) cited ON true
 WHERE t.id = :ticket_id;

-- name: note_outcome
INSERT INTO learned_tickets (ticket_id, outcome) VALUES (:ticket_id, :outcome)
ON CONFLICT (ticket_id) DO UPDATE SET outcome = excluded.outcome, decided_at = now();

-- name: lock_conversation
-- Until the transaction ends: nobody says meanwhile what the answer was worth.
SELECT v.id FROM tickets t JOIN conversations v ON v.id = t.conversation_id WHERE t.id = :ticket_id FOR UPDATE OF v;

-- name: lock_article
-- Until the transaction ends: a load or `kb publish` that changes what it says waits, or is seen.
SELECT id FROM knowledge_articles WHERE id = :article_id FOR SHARE;

-- name: list_public_words
-- Which of these words stand, written just so, in an article that customers may read.
SELECT word FROM unnest(:words::text[]) word
 WHERE EXISTS (
    SELECT FROM knowledge_terms t
     CROSS JOIN LATERAL (SELECT k.revision_id FROM knowledge_base k
                          WHERE k.id = t.passage_id
                            AND strpos(concat_ws(' ', k.title, k.heading, k.content), word) > 0 OFFSET 0) k
     CROSS JOIN LATERAL (SELECT r.article_id FROM knowledge_revisions r
                          WHERE r.id = k.revision_id AND upper_inf(r.published) AND r.audience = 'public' OFFSET 0) r
      JOIN knowledge_articles a ON a.id = r.article_id AND a.kind = 'article'
     WHERE t.term = ANY (array(SELECT term FROM count_terms(word))));
