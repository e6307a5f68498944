-- name: publish
-- One statement, so that a lone publish is one round trip. A redelivery finds the first message and changes nothing.
-- The thread row is locked before seq is taken, so that seq rises in commit order within a thread.
-- A publisher that loses the race for an external id fails on its unique index and takes nothing: were the loss
-- ignored, the thread would keep a number without a message.
WITH known AS (
    SELECT thread_id, seq, id FROM message_queue
     WHERE channel = :channel AND inbox = :inbox AND external_id = :external_id
), thread AS (
    INSERT INTO queue_threads AS t (id, channel, inbox, contact, last_seq, ready_at)
    SELECT :thread_id::uuid, :channel, :inbox, :contact, 1, now() + make_interval(secs => :quiet_seconds::float8)
     WHERE NOT EXISTS (SELECT FROM known)
    ON CONFLICT (channel, inbox, contact) DO UPDATE
       SET last_seq = t.last_seq + 1, ready_at = coalesce(t.ready_at, excluded.ready_at)
    RETURNING id, last_seq
)
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at)
-- Not now(): a publish that waited for a turn's commit comes after the reply that this commit wrote.
SELECT thread.id, thread.last_seq, :id::uuid, :channel, :inbox, :external_id, :payload::jsonb, clock_timestamp()
  FROM thread
RETURNING thread_id;

-- name: find_published
SELECT q.thread_id, q.id, q.payload
  FROM message_queue q
 WHERE q.channel = :channel AND q.inbox = :inbox AND q.external_id = :external_id;

-- name: claim
-- Attempts rise here, so that a message which kills its worker still runs out of them.
-- A thread arrives with all its waiting messages: a burst is one turn.
WITH candidate AS (
    SELECT id FROM queue_threads WHERE ready_at <= now()
     ORDER BY ready_at LIMIT :max_threads FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE queue_threads t
       SET lease_token = gen_random_uuid(), leased_by = :worker_id, attempts = t.attempts + 1,
           ready_at = now() + make_interval(secs => :lease_seconds::float8)
      FROM candidate WHERE t.id = candidate.id
    RETURNING t.id, t.contact, t.lease_token, t.attempts, t.last_seq, t.done_seq, t.ready_at
)
SELECT l.id AS thread_id, l.contact, l.lease_token, l.attempts, l.last_seq, l.done_seq, l.ready_at,
       m.id, m.seq, m.received_at, m.payload
  FROM leased l LEFT JOIN LATERAL (
       SELECT q.id, q.seq, q.received_at, q.payload FROM message_queue q
        WHERE q.thread_id = l.id AND q.seq > l.done_seq ORDER BY q.seq LIMIT :max_messages) m ON true
 ORDER BY l.id, m.seq;

-- name: claim_thread
-- The same for one thread alone, for `nightdesk ask`, which must not take other customers' messages.
WITH held AS MATERIALIZED (
    SELECT id, ready_at FROM queue_threads WHERE id = :thread_id FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE queue_threads t
       SET lease_token = gen_random_uuid(), leased_by = :worker_id, attempts = t.attempts + 1,
           ready_at = now() + make_interval(secs => :lease_seconds::float8)
     WHERE t.id = (SELECT id FROM held WHERE ready_at <= now())
    RETURNING t.id, t.contact, t.lease_token, t.attempts, t.last_seq, t.done_seq, t.ready_at
)
SELECT l.id AS thread_id, l.contact, l.lease_token, l.attempts, l.last_seq, l.done_seq, l.ready_at,
       m.id, m.seq, m.received_at, m.payload
  FROM leased l LEFT JOIN LATERAL (
       SELECT q.id, q.seq, q.received_at, q.payload FROM message_queue q
        WHERE q.thread_id = l.id AND q.seq > l.done_seq ORDER BY q.seq LIMIT :max_messages) m ON true
 ORDER BY m.seq;

-- name: renew
-- Every lease of one worker at once; the threads that come back are still held.
UPDATE queue_threads SET ready_at = now() + make_interval(secs => :lease_seconds::float8)
 WHERE leased_by = :worker_id AND lease_token = ANY (:tokens::uuid[]) AND ready_at > now()
RETURNING lease_token;

-- name: fence
-- Locks the thread for the rest of the transaction; nothing comes back when the lease is no longer ours.
-- An expired lease counts as lost even before somebody else has claimed the thread. The time is not in the WHERE:
-- on a quiet desk the planner would walk the index of waiting threads, which in a flood is all of them.
SELECT ready_at > now() AS is_held FROM queue_threads
 WHERE id = :thread_id AND lease_token = :token FOR UPDATE;

-- name: has_newer
SELECT EXISTS (SELECT FROM message_queue WHERE thread_id = :thread_id AND seq > :last_seq);

-- name: complete
-- Only behind `fence`, in the same transaction: this statement's snapshot is then younger than any publish
-- that held the thread before us, so a message that arrived meanwhile is seen and the thread stays claimable.
UPDATE queue_threads t
   SET done_seq = :through_seq, attempts = 0, lease_token = NULL, leased_by = NULL,
       ready_at = CASE WHEN EXISTS (SELECT FROM message_queue q WHERE q.thread_id = t.id AND q.seq > :through_seq)
                       THEN now() END
 WHERE t.id = :thread_id AND t.lease_token = :token
RETURNING ready_at IS NOT NULL AS waiting;

-- name: release
-- Give the thread back without blame: the attempt does not count.
UPDATE queue_threads
   SET ready_at = now(), attempts = attempts - 1, lease_token = NULL, leased_by = NULL
 WHERE id = :thread_id AND lease_token = :token
RETURNING id;

-- name: retry
UPDATE queue_threads
   SET ready_at = now() + make_interval(secs => :delay_seconds::float8), lease_token = NULL, leased_by = NULL
 WHERE id = :thread_id AND lease_token = :token
RETURNING id;

-- name: add_dead_letter
INSERT INTO dead_letters (id, thread_id, first_seq, through_seq, attempts, reason)
VALUES (:id, :thread_id, :first_seq, :through_seq, :attempts, :reason);

-- name: measure_depth
-- Threads in work or waiting, and how long the oldest waiting one has been claimable.
SELECT count(*) AS threads,
       count(*) FILTER (WHERE ready_at <= now()) AS claimable,
       greatest(coalesce(extract(epoch FROM now() - min(ready_at)), 0), 0)::float8 AS oldest_seconds
  FROM queue_threads WHERE ready_at IS NOT NULL;

-- name: count_dead_letters
SELECT count(*) FROM dead_letters;
