-- name: put
-- What is known becomes new again: no message refers to it yet, and retention must leave it to the one that will.
INSERT INTO attachments (digest, content) VALUES (:digest, :content)
ON CONFLICT (digest) DO UPDATE SET created_at = now();

-- name: get
SELECT content FROM attachments WHERE digest = :digest;

-- name: add
-- A message that waited for months, among the dead letters, comes without the content that retention has removed.
INSERT INTO message_attachments (id, message_id, position, name, content_type, size, digest, locator, problem)
SELECT :id, :message_id, :position, :name, :content_type, :size, a.digest, :locator,
       CASE WHEN a.digest IS NULL AND wanted.digest IS NOT NULL THEN 'its content is not kept any more'
            ELSE :problem::text END
  FROM (SELECT :digest::bytea AS digest) wanted LEFT JOIN attachments a ON a.digest = wanted.digest
ON CONFLICT (message_id, position) DO NOTHING;

-- name: claim_missing
-- Files to fetch. A claim is a lease: whoever dies with it leaves it to the next after `lease_seconds`.
WITH candidate AS (
    SELECT id FROM message_attachments WHERE digest IS NULL AND problem IS NULL AND ready_at <= now()
     ORDER BY ready_at LIMIT :max_files FOR UPDATE SKIP LOCKED
)
UPDATE message_attachments a
   SET attempts = a.attempts + 1, ready_at = now() + make_interval(secs => :lease_seconds::float8)
  FROM candidate, messages m, conversations c
 WHERE a.id = candidate.id AND m.id = a.message_id AND c.id = m.conversation_id
RETURNING a.id, a.name, a.content_type, a.size, a.locator, a.attempts, c.channel, c.inbox;

-- name: mark_fetched
UPDATE message_attachments SET digest = :digest, size = :size, content_type = :content_type, locator = NULL
 WHERE id = :id AND digest IS NULL;

-- name: mark_missing
UPDATE message_attachments SET problem = :problem WHERE id = :id AND digest IS NULL;

-- name: fetch_later
UPDATE message_attachments SET ready_at = now() + make_interval(secs => :delay_seconds::float8)
 WHERE id = :id AND digest IS NULL;

-- name: find
SELECT a.id, a.name, a.content_type, a.size, encode(a.digest, 'hex') AS digest, a.problem, t.ref AS ticket_ref
  FROM message_attachments a JOIN messages m ON m.id = a.message_id
  LEFT JOIN tickets t ON t.conversation_id = m.conversation_id
 WHERE a.id = :id;

-- name: list_of_conversation
SELECT a.id, a.message_id, a.name, a.content_type, a.size, a.problem, a.digest IS NOT NULL AS is_stored
  FROM messages m JOIN message_attachments a ON a.message_id = m.id
 WHERE m.conversation_id = :conversation_id ORDER BY m.created_at DESC, a.message_id DESC, a.position DESC LIMIT :max_files;
