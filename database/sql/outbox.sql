-- name: add
INSERT INTO outbox (id, conversation_id, in_reply_to, channel, inbox)
VALUES (:id, :conversation_id, :in_reply_to, :channel, :inbox);

-- name: claim
-- The oldest unsent reply of each conversation, and none while an earlier one is on its way: replies keep order.
WITH candidate AS (
    SELECT o.id FROM outbox o
     WHERE o.state = 'queued' AND o.ready_at <= now()
       AND (:only_thread::uuid IS NULL
            OR o.conversation_id = (SELECT id FROM conversations WHERE thread_id = :only_thread::uuid))
       AND NOT EXISTS (
           SELECT FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.state IN ('queued', 'sending')
              AND (e.created_at, e.id) < (o.created_at, o.id))
     ORDER BY o.ready_at LIMIT :max_replies FOR UPDATE OF o SKIP LOCKED
)
UPDATE outbox o
   SET state = 'sending', lease_token = gen_random_uuid(), attempts = o.attempts + 1,
       ready_at = now() + make_interval(secs => :lease_seconds::float8)
  FROM candidate, messages m, conversations c, queue_threads t
 WHERE o.id = candidate.id AND m.id = o.id AND c.id = o.conversation_id AND t.id = c.thread_id
RETURNING o.id, o.conversation_id, o.in_reply_to, t.contact, o.channel, o.inbox, m.text, o.attempts, o.lease_token;

-- name: mark_sent
UPDATE outbox SET state = 'sent', sent_at = clock_timestamp(), vendor_id = :vendor_id, lease_token = NULL, error = NULL
 WHERE id = :id AND lease_token = :token
RETURNING id;

-- name: mark_queued
UPDATE outbox SET state = 'queued', lease_token = NULL, error = :error,
       ready_at = now() + make_interval(secs => :delay_seconds::float8)
 WHERE id = :id AND lease_token = :token
RETURNING id;

-- name: mark_given_up
UPDATE outbox SET state = :state, lease_token = NULL, error = :error
 WHERE id = :id AND lease_token = :token
RETURNING id;

-- name: requeue_expired
-- Sends that died with their worker, on channels where sending again is harmless.
UPDATE outbox SET state = 'queued', lease_token = NULL, ready_at = now()
 WHERE state = 'sending' AND ready_at <= now() AND channel = ANY (:repeatable_channels::text[])
RETURNING id;

-- name: doubt_expired
-- The same where the vendor may have accepted the message: never sent blindly again, shown to a person.
UPDATE outbox SET state = 'unknown', lease_token = NULL, error = 'the worker died while sending'
 WHERE state = 'sending' AND ready_at <= now() AND NOT channel = ANY (:repeatable_channels::text[])
RETURNING id;
