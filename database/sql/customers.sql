-- name: find_by_identifier
SELECT customer_id FROM customer_identifiers WHERE kind = :kind AND value = :value AND level = :level;

-- name: add_customer
INSERT INTO customers (id, name) VALUES (:id, :name);

-- name: add_identifier
-- Returns the customer who holds the identifier, also when another transaction was first.
INSERT INTO customer_identifiers AS i (kind, value, level, customer_id)
VALUES (:kind, :value, :level, :customer_id)
ON CONFLICT (kind, value, level) DO UPDATE SET value = i.value
RETURNING customer_id;

-- name: has_rival
-- Numbers begin with a plus; anything else stays with its person.
SELECT EXISTS (SELECT FROM customer_identifiers
                WHERE customer_id = :id AND kind = :kind AND level = 'proven' AND value <> :value
                  AND value NOT LIKE '+%' AND :value NOT LIKE '+%');

-- name: take_identifier
DELETE FROM customer_identifiers WHERE kind = :kind AND value = :value AND level = :level;

-- name: drop_customer
DELETE FROM customers WHERE id = :id;

-- name: find_plans
-- The paid plans of customers with this address; the caller turns them into a time, never into a name.
SELECT array(SELECT c.plan FROM customer_identifiers i JOIN customers c ON c.id = i.customer_id
              WHERE i.kind = :kind AND i.value = :value AND c.plan <> 'free');

-- name: look_up
SELECT c.id, c.name, c.plan, c.created_at, i.kind, i.value, i.level,
       coalesce((SELECT jsonb_agg(to_jsonb(recent)) FROM (
           SELECT v.id, t.ref AS ticket_ref, t.status, v.channel, v.created_at
             FROM conversations v JOIN tickets t ON t.conversation_id = v.id
            WHERE v.customer_id = c.id ORDER BY v.created_at DESC LIMIT :max_conversations) recent), '[]')
       AS conversations
  FROM customer_identifiers i JOIN customers c ON c.id = i.customer_id
 WHERE i.kind = :kind AND i.value = :value
 ORDER BY c.created_at;

-- name: list_holders
-- Everybody who is known by this, of whatever kind and proof.
SELECT i.customer_id AS id, min(i.level) AS level,
       (SELECT count(*) FROM conversations v WHERE v.customer_id = i.customer_id) AS conversations
  FROM customer_identifiers i
 WHERE i.kind IN ('email', 'phone', 'whatsapp') AND i.value = :value
 GROUP BY i.customer_id ORDER BY i.customer_id;

-- name: list_history
SELECT t.ref, t.subject, t.category, t.status, v.channel, v.sentiment, t.created_at
  FROM conversations v JOIN tickets t ON t.conversation_id = v.id
 WHERE v.customer_id = :customer_id AND v.id <> :conversation_id
   AND v.created_at <= coalesce(:as_of::timestamptz, 'infinity')
 ORDER BY v.created_at DESC LIMIT :max_rows;

-- name: find_proven_email
SELECT i.value, coalesce(nullif(u.name, ''), c.name) AS name
  FROM customers c JOIN customer_identifiers i ON i.customer_id = c.id AND i.kind = 'email' AND i.level = 'proven'
  LEFT JOIN users u ON u.customer_id = c.id AND u.email = i.value
 WHERE c.id = :customer_id ORDER BY u.id IS NULL, i.created_at LIMIT 1;
