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
RETURNING thread_id, first_seq, through_seq, handed_over;

-- name: return_to_agent
-- Only what this letter has handed over, and not where a person has written already.
WITH conversation AS (
    UPDATE conversations v SET owner = 'agent', updated_at = now()
     WHERE v.thread_id = :thread_id
       AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = v.id AND m.author = 'person')
    RETURNING v.id
), ticket AS (
    UPDATE tickets k
       SET status = 'open', route = NULL, team = NULL, handover_reason = NULL, handover_summary = NULL,
           handover_draft = NULL, updated_at = now()
      FROM conversation c WHERE k.conversation_id = c.id AND (k.status = 'escalated') IS TRUE
)
SELECT EXISTS (SELECT FROM conversation);

-- name: requeue
-- The messages move to the end of their thread and keep their ids, so that a late redelivery is still a no-op. What was
-- settled after them, unanswered because a person had the conversation, comes with them if :with_later; what belongs
-- to another open letter stays. The thread's row is locked before its last number is taken, as in publish.
WITH thread AS MATERIALIZED (
    SELECT id, last_seq, done_seq FROM queue_threads WHERE id = :thread_id FOR UPDATE
), old AS (
    SELECT q.seq, row_number() OVER (ORDER BY q.seq) AS place
      FROM thread t JOIN message_queue q ON q.thread_id = t.id
     WHERE q.seq >= :first_seq AND q.seq <= CASE WHEN :with_later THEN t.done_seq ELSE :through_seq END
       AND NOT EXISTS (SELECT FROM dead_letters d
                        WHERE d.thread_id = q.thread_id AND d.state = 'open' AND q.seq BETWEEN d.first_seq AND d.through_seq)
), moved AS (
    UPDATE queue_threads t
       SET last_seq = t.last_seq + (SELECT count(*) FROM old), ready_at = coalesce(t.ready_at, clock_timestamp())
      FROM thread WHERE t.id = thread.id AND EXISTS (SELECT FROM old)
)
UPDATE message_queue q SET seq = thread.last_seq + old.place
  FROM old, thread
 WHERE q.thread_id = thread.id AND q.seq = old.seq
RETURNING q.id;

-- name: forget_stored
-- What was stored of these messages is stored again by the retry: this time they may be readable.
DELETE FROM messages WHERE id = ANY (:ids::uuid[]);
