-- name: count_open
SELECT count(*) FROM dead_letters WHERE state = 'open';

-- name: list_open
SELECT d.id, d.created_at, t.channel, t.inbox, t.contact, d.through_seq - d.first_seq + 1 AS messages, d.attempts,
       d.errors -> -1 ->> 'error_class' AS error_class, d.reason, k.ref AS ticket_ref
  FROM dead_letters d
  JOIN queue_threads t ON t.id = d.thread_id
  LEFT JOIN conversations v ON v.thread_id = d.thread_id
  LEFT JOIN tickets k ON k.conversation_id = v.id
 WHERE d.state = 'open' ORDER BY d.created_at, d.id LIMIT :max_rows;

-- name: find
SELECT d.id, d.thread_id, d.created_at, t.channel, t.inbox, t.contact, d.attempts, d.reason, d.errors, d.state,
       d.settled_at, k.ref AS ticket_ref,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', q.id, 'received_at', q.received_at, 'payload', q.payload)
                                  ORDER BY q.seq)
                   FROM message_queue q
                  WHERE q.thread_id = d.thread_id AND q.seq BETWEEN d.first_seq AND d.through_seq), '[]') AS messages
  FROM dead_letters d
  JOIN queue_threads t ON t.id = d.thread_id
  LEFT JOIN conversations v ON v.thread_id = d.thread_id
  LEFT JOIN tickets k ON k.conversation_id = v.id
 WHERE d.id = :id;

-- name: settle
UPDATE dead_letters SET state = :state, settled_at = now() WHERE id = :id AND state = 'open'
RETURNING thread_id, first_seq, through_seq;

-- name: requeue
-- The messages move to the end of their thread, behind whatever has arrived meanwhile, and keep their ids, so that a
-- late redelivery is still a no-op. The thread's row is locked before its last number is taken, as in publish.
WITH old AS (
    SELECT seq, row_number() OVER (ORDER BY seq) AS place, count(*) OVER () AS messages
      FROM message_queue WHERE thread_id = :thread_id AND seq BETWEEN :first_seq AND :through_seq
), thread AS (
    UPDATE queue_threads t
       SET last_seq = t.last_seq + (SELECT max(messages) FROM old), ready_at = coalesce(t.ready_at, clock_timestamp())
     WHERE t.id = :thread_id AND EXISTS (SELECT FROM old)
    RETURNING t.last_seq
)
UPDATE message_queue q SET seq = thread.last_seq - old.messages + old.place
  FROM old, thread
 WHERE q.thread_id = :thread_id AND q.seq = old.seq
RETURNING q.id;

-- name: return_to_agent
-- The ticket was with a person because the machine had failed, so it comes back with the retry; not where a person
-- has written already.
WITH conversation AS (
    UPDATE conversations v SET owner = 'agent', updated_at = now()
     WHERE v.thread_id = :thread_id
       AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = v.id AND m.author = 'person')
    RETURNING v.id
)
UPDATE tickets k SET status = 'open', updated_at = now()
  FROM conversation c WHERE k.conversation_id = c.id AND (k.status = 'escalated') IS TRUE
RETURNING k.ref;

-- name: forget_stored
-- What was stored of these messages is stored again by the retry: this time they may be readable.
DELETE FROM messages WHERE id = ANY (:ids::uuid[]);
