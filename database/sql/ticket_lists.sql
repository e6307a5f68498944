-- part: wanted
-- What a list does not leave out. Tickets of probes are the desk's own. CASE: the planner would take all these conditions
-- for so rare that it sorted a whole status, instead of walking its index until the page is full.
        CASE WHEN (:route::text IS NULL OR t.route = :route::text)
              AND (:priority::text IS NULL OR t.priority = :priority::text)
              AND (:category::text IS NULL OR t.category = :category::text)
              AND (:assignee_id::uuid IS NULL OR t.assignee_id = :assignee_id::uuid)
              AND (NOT :unassigned::boolean OR t.assignee_id IS NULL)
              AND (:has_delivery_problem::boolean IS NULL
                   OR (t.delivery_problem IS NOT NULL) = :has_delivery_problem::boolean)
              AND t.created_at >= :created_from::timestamptz AND t.created_at < :created_to::timestamptz
             THEN true ELSE false END
        AND CASE WHEN v.inbox <> 'probe'
                  AND (:channel::text IS NULL OR v.channel = :channel::text)
                  AND (:customer_id::uuid IS NULL OR v.customer_id = :customer_id::uuid)
                 THEN true ELSE false END

-- name: list_by_activity
-- The newest of each status, merged: so each is found through its index, in order, whatever the others hold.
SELECT p.id, 0 AS rank, p.at
  FROM unnest(:statuses::text[]) AS s (status)
 CROSS JOIN LATERAL (
       SELECT t.id, t.updated_at AS at FROM tickets t JOIN conversations v ON v.id = t.conversation_id
        WHERE t.status = s.status AND (t.updated_at, t.id) < (:at::timestamptz, :id::uuid) AND {{wanted}}
        ORDER BY t.updated_at DESC, t.id DESC LIMIT :max_rows) p
 ORDER BY p.at DESC, p.id DESC LIMIT :max_rows;

-- name: list_by_creation
SELECT p.id, 0 AS rank, p.at
  FROM unnest(:statuses::text[]) AS s (status)
 CROSS JOIN LATERAL (
       SELECT t.id, t.created_at AS at FROM tickets t JOIN conversations v ON v.id = t.conversation_id
        WHERE t.status = s.status AND (t.created_at, t.id) < (:at::timestamptz, :id::uuid) AND {{wanted}}
        ORDER BY t.created_at DESC, t.id DESC LIMIT :max_rows) p
 ORDER BY p.at DESC, p.id DESC LIMIT :max_rows;

-- name: list_by_waiting
-- What a person has to answer comes first, and of that what is due first.
SELECT p.id, s.rank::integer AS rank, p.at
  FROM unnest(:statuses::text[]) AS g (status)
  JOIN unnest(ARRAY['escalated', 'open', 'auto_resolved', 'closed']) WITH ORDINALITY AS s (status, rank) USING (status)
 CROSS JOIN LATERAL (
       SELECT t.id, t.first_reply_due AS at FROM tickets t JOIN conversations v ON v.id = t.conversation_id
        WHERE t.status = s.status AND s.rank >= :rank::integer AND {{wanted}}
          AND (t.first_reply_due, t.id) > (CASE WHEN s.rank > :rank::integer THEN '-infinity' ELSE :at::timestamptz END,
                                           :id::uuid)
        ORDER BY t.first_reply_due, t.id LIMIT :max_rows) p
 ORDER BY s.rank, p.at, p.id LIMIT :max_rows;

-- name: list_by_priority
-- The most urgent first, and of those the oldest.
SELECT p.id, u.rank::integer AS rank, p.at
  FROM unnest(:statuses::text[]) AS s (status)
 CROSS JOIN unnest(ARRAY['urgent', 'high', 'medium', 'low']) WITH ORDINALITY AS u (priority, rank)
 CROSS JOIN LATERAL (
       SELECT t.id, t.created_at AS at FROM tickets t JOIN conversations v ON v.id = t.conversation_id
        WHERE t.status = s.status AND t.priority = u.priority AND u.rank >= :rank::integer AND {{wanted}}
          AND (t.created_at, t.id) > (CASE WHEN u.rank > :rank::integer THEN '-infinity' ELSE :at::timestamptz END,
                                      :id::uuid)
        ORDER BY t.created_at, t.id LIMIT :max_rows) p
 ORDER BY u.rank, p.at, p.id LIMIT :max_rows;

-- name: list_chosen
-- The same orders for tickets that are few and known.
SELECT c.id, c.rank, c.at
  FROM (SELECT t.id,
               CASE :order::text
                   WHEN 'waiting' THEN array_position(ARRAY['escalated', 'open', 'auto_resolved', 'closed'], t.status)
                   WHEN 'priority' THEN array_position(ARRAY['urgent', 'high', 'medium', 'low'], t.priority)
                   ELSE 0 END AS rank,
               CASE :order::text WHEN 'activity' THEN t.updated_at WHEN 'waiting' THEN t.first_reply_due
                                 ELSE t.created_at END AS at
          FROM unnest(:ids::uuid[]) AS g (id) JOIN tickets t ON t.id = g.id
          JOIN conversations v ON v.id = t.conversation_id
         WHERE t.status = ANY (:statuses::text[]) AND {{wanted}}) c
 WHERE CASE WHEN :order::text IN ('activity', 'created') THEN (c.at, c.id) < (:at::timestamptz, :id::uuid)
            ELSE (c.rank, c.at, c.id) > (:rank::integer, :at::timestamptz, :id::uuid) END
 ORDER BY CASE WHEN :order::text IN ('activity', 'created') THEN c.at END DESC,
          CASE WHEN :order::text IN ('activity', 'created') THEN c.id END DESC, c.rank, c.at, c.id
 LIMIT :max_rows;

-- name: find_by_words
-- Nobody looks for a word that stands in every tenth of a million messages: of such, as many are looked at as can be
-- in a moment, and the newest of their tickets are chosen. Constant limits: of a parameter the planner expects a tenth
-- of the rows, and reads the table from its beginning.
WITH found AS (
    (SELECT id, updated_at FROM tickets
      WHERE search @@ websearch_to_tsquery('simple', :words) LIMIT 100000)
    UNION
    SELECT t.id, t.updated_at
      FROM (SELECT conversation_id FROM messages
             WHERE search @@ websearch_to_tsquery('simple', :words) LIMIT 100000) said
      JOIN tickets t ON t.conversation_id = said.conversation_id
)
SELECT f.id FROM found f ORDER BY f.updated_at DESC LIMIT :max_chosen;

-- name: find_words_of_customer
-- Through their conversations, which are few: a word that many others have said hides none of theirs.
SELECT t.id
  FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.customer_id = :customer_id
   AND (t.search @@ websearch_to_tsquery('simple', :words)
        OR EXISTS (SELECT FROM messages m
                    WHERE m.conversation_id = v.id AND m.search @@ websearch_to_tsquery('simple', :words) OFFSET 0))
 ORDER BY t.updated_at DESC LIMIT :max_chosen;

-- name: find_of_customer
SELECT t.id FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.customer_id = :customer_id ORDER BY v.created_at DESC LIMIT :max_chosen;

-- name: find_assigned
SELECT id FROM tickets WHERE assignee_id = :assignee_id ORDER BY updated_at DESC LIMIT :max_chosen;

-- name: find_undelivered
SELECT id FROM tickets WHERE delivery_problem IS NOT NULL ORDER BY updated_at DESC LIMIT :max_chosen;

-- name: describe
-- Tickets as a list shows them, in the order given. What a customer is not shown is not the last message for them. The
-- markers of sources lead nowhere in a list.
SELECT t.ref AS ticket_ref, t.subject, t.status, t.priority, t.category, t.intent, v.channel, v.inbox, v.customer_id,
       coalesce(nullif(v.contact_name, ''), c.name) AS customer_name, t.route, t.team, u.id AS assignee_id,
       coalesce(nullif(u.name, ''), u.email) AS assignee_name, v.owner,
       v.owner = 'person' AND t.status <> 'closed' AND said.author IS DISTINCT FROM 'person' AS awaits_person,
       v.owner = 'agent' AND q.ready_at IS NOT NULL AS answering,
       t.delivery_problem, t.first_reply_due, t.created_at, t.updated_at,
       said.author AS last_author, said.excerpt AS last_excerpt, said.created_at AS last_at
  FROM unnest(:ids::uuid[]) WITH ORDINALITY AS g (id, place)
  JOIN tickets t ON t.id = g.id JOIN conversations v ON v.id = t.conversation_id
  JOIN customers c ON c.id = v.customer_id JOIN queue_threads q ON q.id = v.thread_id
  LEFT JOIN users u ON u.id = t.assignee_id
  LEFT JOIN LATERAL (
       SELECT m.author, m.created_at,
              left(CASE m.author WHEN 'assistant' THEN regexp_replace(m.text, ' ?\[\d{1,3}\]', '', 'g') ELSE m.text END, 200)
                  AS excerpt
         FROM messages m LEFT JOIN outbox o ON o.id = m.id
        WHERE m.conversation_id = v.id AND m.author <> 'system'
          AND (NOT :only_visible::boolean OR m.author = 'customer' OR o.state IN ('sent', 'delivered', 'read'))
        ORDER BY m.created_at DESC, m.id DESC LIMIT 1) said ON true
 ORDER BY g.place;

-- name: count
-- For tabs: where there are more than the limit, it stands for them all. In the order of an index, so that a status with
-- few tickets is not looked for among all the others.
SELECT s.status,
       (SELECT count(*) FROM (SELECT FROM tickets t JOIN conversations v ON v.id = t.conversation_id
                               WHERE t.status = s.status AND v.inbox <> 'probe'
                               ORDER BY t.updated_at DESC, t.id DESC LIMIT :max_count) counted) AS tickets
  FROM unnest(:statuses::text[]) AS s (status);

-- name: count_work
-- What waits for a person and has nobody, and what one of them has. Nobody is given a probe's ticket.
SELECT (SELECT count(*) FROM (SELECT FROM tickets t JOIN conversations v ON v.id = t.conversation_id
                               WHERE t.status = 'escalated' AND t.assignee_id IS NULL AND v.inbox <> 'probe'
                               LIMIT :max_count) counted) AS unassigned,
       (SELECT count(*) FROM (SELECT FROM tickets t WHERE t.assignee_id = :user_id AND t.status <> 'closed'
                               LIMIT :max_count) counted) AS mine;

-- name: count_of_customer
SELECT t.status, count(*) AS tickets FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.customer_id = :customer_id GROUP BY t.status;
