-- name: count_recent
-- How many codes were asked for lately: by this conversation, and for this address by anybody.
SELECT (SELECT count(*) FROM identity_codes
         WHERE conversation_id = :conversation_id AND created_at > now() - interval '1 hour') AS by_conversation,
       (SELECT count(*) FROM identity_codes
         WHERE value = :value AND created_at > now() - interval '1 hour') AS for_value;

-- name: lock_address
-- Until the end of the transaction; codes for one address are counted one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('code for ' || :value, 0));

-- name: add
INSERT INTO identity_codes (id, conversation_id, kind, value, code_hash, expires_at)
VALUES (:id, :conversation_id, :kind, :value, :code_hash, now() + make_interval(secs => :valid_seconds::float8));

-- name: try_code
-- The newest code of the conversation. Every try counts, also one that races with another.
UPDATE identity_codes
   SET attempts = attempts + 1,
       tried_by = CASE WHEN :message_id::uuid IS NULL THEN tried_by ELSE tried_by || :message_id::uuid END
 WHERE id = (SELECT id FROM identity_codes WHERE conversation_id = :conversation_id
              ORDER BY created_at DESC, id DESC LIMIT 1)
   AND used_at IS NULL AND expires_at > now() AND attempts < :max_attempts::int
RETURNING id, kind, value, code_hash, attempts;

-- name: list_tried
-- Which of these messages were tries already.
SELECT message_id FROM identity_codes, unnest(tried_by) AS tries (message_id)
 WHERE conversation_id = :conversation_id AND message_id = ANY (:message_ids::uuid[]);

-- name: use
UPDATE identity_codes SET used_at = now() WHERE id = :id AND used_at IS NULL RETURNING id;

-- name: find_open
SELECT id FROM identity_codes
 WHERE conversation_id = :conversation_id AND used_at IS NULL AND expires_at > now() AND attempts < :max_attempts::int
 ORDER BY created_at DESC LIMIT 1;

-- name: lock_customer
-- And whether this conversation speaks for everything that its customer has proven.
SELECT c.id, v.identity_level = 'proven'
             AND EXISTS (SELECT FROM customer_identifiers i WHERE i.customer_id = c.id AND i.level = 'proven')
       AS is_proven
  FROM conversations v JOIN customers c ON c.id = v.customer_id WHERE v.id = :conversation_id FOR UPDATE OF c, v;

-- name: find_holder
SELECT customer_id FROM customer_identifiers WHERE kind = :kind AND value = :value AND level = 'proven' FOR UPDATE;

-- name: prove
-- Returns the customer who holds the address, also when another conversation was first.
INSERT INTO customer_identifiers AS i (kind, value, level, customer_id) VALUES (:kind, :value, 'proven', :customer_id)
ON CONFLICT (kind, value, level) DO UPDATE SET value = i.value
RETURNING customer_id;

-- name: move_conversation
-- Only this conversation: who typed an address in another one has proven nothing there.
UPDATE conversations SET customer_id = :customer_id, identity_level = 'proven', updated_at = now()
 WHERE id = :conversation_id;

-- name: move_proven
-- Everything that the customer of this conversation has proven elsewhere comes along, and whoever signs in as them.
WITH moved AS (
    UPDATE customer_identifiers SET customer_id = :to_id WHERE customer_id = :from_id AND level = 'proven' RETURNING value
), signing_in AS (
    UPDATE users SET customer_id = :to_id WHERE customer_id = :from_id
)
UPDATE conversations SET customer_id = :to_id
 WHERE customer_id = :from_id AND identity_level = 'proven' AND EXISTS (SELECT FROM moved);

-- name: find_conversation_by_ref
SELECT conversation_id FROM tickets WHERE ref = :ref;
