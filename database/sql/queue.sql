-- part: running
-- A paused desk claims nothing; read in the claim itself, so that no worker goes by what it knew before. One row, once.
(SELECT paused_at IS NULL FROM desk_state)

-- name: publish
-- One statement, so that a lone publish is one round trip. A redelivery finds the first message and changes nothing,
-- and one of a message that was erased brings nothing back.
-- The thread row is locked before seq is taken, so that seq rises in commit order within a thread.
-- A publisher that loses the race for an external id fails on its unique index and takes nothing: were the loss
-- ignored, the thread would keep a number without a message.
-- Not now(): a publish that waited for a turn's commit comes after the reply that this commit wrote.
WITH known AS (
    SELECT FROM message_queue
     WHERE channel = :channel AND inbox = :inbox AND external_id = :external_id
), arrival AS (
    SELECT clock_timestamp() AS at, make_interval(secs => coalesce(
               (SELECT quiet_seconds FROM channel_configs WHERE channel = :channel AND inbox = :inbox),
               :default_quiet_seconds::float8)) AS quiet
     WHERE NOT EXISTS (SELECT FROM known)
       AND NOT EXISTS (SELECT FROM erased_messages WHERE hash = hash_message(:channel, :inbox, :external_id))
), thread AS (
    INSERT INTO queue_threads AS t (id, channel, inbox, contact, last_seq, ready_at, quiet_until, quiet_limit)
    SELECT :thread_id::uuid, :channel, :inbox, :contact, 1, at + quiet,
           CASE WHEN quiet > '0' THEN at + quiet END,
           CASE WHEN quiet > '0' THEN at + make_interval(secs => :quiet_limit_seconds::float8) END
      FROM arrival
    ON CONFLICT (id) DO UPDATE
       SET last_seq = t.last_seq + 1,
           quiet_limit = coalesce(t.quiet_limit, excluded.quiet_limit),
           quiet_until = least(excluded.quiet_until, t.quiet_limit),
           -- A thread that is leased or backing off keeps its time; so does every thread without a quiet period.
           ready_at = CASE
               WHEN t.ready_at IS NULL THEN excluded.ready_at
               WHEN excluded.quiet_until IS NULL OR t.lease_token IS NOT NULL OR t.attempts > 0 THEN t.ready_at
               ELSE greatest(t.ready_at, least(excluded.quiet_until, coalesce(t.quiet_limit, excluded.quiet_limit)))
           END
    RETURNING id, last_seq
)
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at, trace)
SELECT thread.id, thread.last_seq, :id::uuid, :channel, :inbox, :external_id, :payload::jsonb, clock_timestamp(),
       :trace
  FROM thread
RETURNING thread_id;

-- name: publish_many
-- The same for many messages. Threads are locked in the order of their ids, as complete_many does, so that no two
-- of these wait for each other.
WITH given AS (
    SELECT g.*, make_interval(secs => coalesce(f.quiet_seconds, g.default_quiet_seconds)) AS quiet
      FROM unnest(:thread_ids::uuid[], :channels::text[], :inboxes::text[], :contacts::text[], :ids::uuid[],
                  :external_ids::text[], :payloads::jsonb[], :default_quiet_seconds::float8[])
           WITH ORDINALITY AS g (thread_id, channel, inbox, contact, id, external_id, payload,
                                 default_quiet_seconds, place)
      LEFT JOIN channel_configs f ON f.channel = g.channel AND f.inbox = g.inbox
     WHERE NOT EXISTS (SELECT FROM message_queue q
                        WHERE q.channel = g.channel AND q.inbox = g.inbox AND q.external_id = g.external_id)
       AND NOT EXISTS (SELECT FROM erased_messages e WHERE e.hash = hash_message(g.channel, g.inbox, g.external_id))
), burst AS (
    SELECT thread_id, channel, inbox, contact, max(quiet) AS quiet, count(*) AS messages
      FROM given GROUP BY thread_id, channel, inbox, contact
), thread AS (
    INSERT INTO queue_threads AS t (id, channel, inbox, contact, last_seq, ready_at, quiet_until, quiet_limit)
    SELECT thread_id, channel, inbox, contact, messages, clock_timestamp() + quiet,
           CASE WHEN quiet > '0' THEN clock_timestamp() + quiet END,
           CASE WHEN quiet > '0' THEN clock_timestamp() + make_interval(secs => :quiet_limit_seconds::float8) END
      FROM burst ORDER BY thread_id
    ON CONFLICT (id) DO UPDATE
       SET last_seq = t.last_seq + excluded.last_seq,
           quiet_limit = coalesce(t.quiet_limit, excluded.quiet_limit),
           quiet_until = least(excluded.quiet_until, t.quiet_limit),
           ready_at = CASE
               WHEN t.ready_at IS NULL THEN excluded.ready_at
               WHEN excluded.quiet_until IS NULL OR t.lease_token IS NOT NULL OR t.attempts > 0 THEN t.ready_at
               ELSE greatest(t.ready_at, least(excluded.quiet_until, coalesce(t.quiet_limit, excluded.quiet_limit)))
           END
    RETURNING id, last_seq
)
INSERT INTO message_queue (thread_id, seq, id, channel, inbox, external_id, payload, received_at, trace)
SELECT t.id, t.last_seq - b.messages + row_number() OVER (PARTITION BY t.id ORDER BY g.place), g.id, g.channel,
       g.inbox, g.external_id, g.payload, clock_timestamp(), :trace
  FROM given g
  JOIN burst b USING (thread_id)
  JOIN thread t ON t.id = g.thread_id
RETURNING id;

-- name: confirm_stored
-- Writes a word to the log, so that this commit waits until the log up to here is on disk, and at the replicas that the
-- server waits for. Where an earlier commit's waiting was cut short, its rows are seen here and may be nowhere else.
SELECT pg_logical_emit_message(true, 'nightdesk', ''::text);

-- name: find_published
SELECT q.thread_id, q.id, q.payload, q.trace
  FROM message_queue q
 WHERE q.channel = :channel AND q.inbox = :inbox AND q.external_id = :external_id;

-- name: find_many_published
SELECT q.channel, q.inbox, q.external_id, q.thread_id, q.id, q.payload, q.trace
  FROM unnest(:channels::text[], :inboxes::text[], :external_ids::text[]) AS g (channel, inbox, external_id)
  JOIN message_queue q USING (channel, inbox, external_id);

-- name: claim
-- The longest waiting threads of each channel, from its floor on and up to its share, shares in the order given.
-- A thread whose lease has run out for the third time is suspect: its workers died of it, or beside it. Suspects are
-- found by an index of their own and taken first, as many as the caller wants. Attempts rise here, so that a message
-- which kills its worker still runs out of them; the lease that such a worker left behind is noted as a failure.
-- A thread arrives with all its waiting messages: a burst is one turn.
WITH suspect AS (
    SELECT t.id, t.ready_at, t.lease_token, t.leased_by, t.attempts, t.done_seq, true AS is_suspect
      FROM queue_threads t
     WHERE t.lease_token IS NOT NULL AND t.attempts > 2 AND t.ready_at <= statement_timestamp()
       AND t.channel = ANY (:channels::text[]) AND {{running}}
     ORDER BY t.ready_at LIMIT :max_suspects FOR UPDATE SKIP LOCKED
), waiting AS (
    SELECT w.*
      FROM unnest(:channels::text[], :floors::timestamptz[], :shares::integer[]) AS s (channel, floor, share)
     CROSS JOIN LATERAL (
           SELECT t.id, t.ready_at, t.lease_token, t.leased_by, t.attempts, t.done_seq, false AS is_suspect
             FROM queue_threads t
            WHERE t.channel = s.channel AND t.ready_at >= s.floor AND t.ready_at <= statement_timestamp()
              AND NOT (t.lease_token IS NOT NULL AND t.attempts > 2) AND {{running}}
            ORDER BY t.ready_at LIMIT s.share FOR UPDATE SKIP LOCKED) w
     LIMIT :max_threads - (SELECT count(*) FROM suspect)
), candidate AS (
    SELECT * FROM suspect UNION ALL SELECT * FROM waiting
), crashed AS (
    INSERT INTO queue_failures (thread_id, first_seq, attempt, worker, error_class, message)
    SELECT c.id, c.done_seq + 1, c.attempts,
           coalesce((SELECT host || ':' || pid FROM workers WHERE id = c.leased_by), c.leased_by::text),
           'LeaseExpired', 'the worker was killed, stalled or cut off before it could settle the turn'
      FROM candidate c WHERE c.lease_token IS NOT NULL
), leased AS (
    UPDATE queue_threads t
       SET lease_token = :token, leased_by = :worker_id, attempts = t.attempts + 1, quiet_limit = NULL,
           ready_at = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
      FROM candidate c WHERE t.id = c.id
    RETURNING t.id, t.channel, t.inbox, t.contact, t.attempts, t.last_seq, t.done_seq, t.ready_at,
              c.ready_at AS ready_since, c.is_suspect
)
SELECT l.id AS thread_id, l.channel, l.inbox, l.contact, l.attempts, l.last_seq, l.done_seq, l.ready_at,
       l.ready_since, l.is_suspect, (SELECT answered_before FROM desk_state) AS answered_before,
       m.id, m.seq, m.received_at, m.payload, m.trace
  FROM leased l LEFT JOIN LATERAL (
       SELECT q.id, q.seq, q.received_at, q.payload, q.trace FROM message_queue q
        WHERE q.thread_id = l.id AND q.seq > l.done_seq ORDER BY q.seq LIMIT :max_messages) m ON true
 ORDER BY l.ready_since, l.id, m.seq;

-- name: find_next_due
-- When the next thread becomes claimable whose quiet period, delay or lease is still running: one index entry a channel.
SELECT extract(epoch FROM min(w.ready_at) - statement_timestamp())::float8
  FROM unnest(:channels::text[]) AS c (channel)
 CROSS JOIN LATERAL (
       SELECT t.ready_at FROM queue_threads t
        WHERE t.channel = c.channel AND t.ready_at > statement_timestamp()
        ORDER BY t.ready_at LIMIT 1) w;

-- name: claim_thread
-- The same for one thread alone, for `nightdesk ask`, which must not take other customers' messages.
WITH held AS MATERIALIZED (
    SELECT id, ready_at FROM queue_threads WHERE id = :thread_id AND {{running}} FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE queue_threads t
       SET lease_token = :token, leased_by = :worker_id, attempts = t.attempts + 1, quiet_limit = NULL,
           ready_at = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
      FROM held h WHERE t.id = h.id AND h.ready_at <= statement_timestamp()
    RETURNING t.id, t.channel, t.inbox, t.contact, t.attempts, t.last_seq, t.done_seq, t.ready_at,
              h.ready_at AS ready_since
)
SELECT l.id AS thread_id, l.channel, l.inbox, l.contact, l.attempts, l.last_seq, l.done_seq, l.ready_at,
       l.ready_since, false AS is_suspect, (SELECT answered_before FROM desk_state) AS answered_before,
       m.id, m.seq, m.received_at, m.payload, m.trace
  FROM leased l LEFT JOIN LATERAL (
       SELECT q.id, q.seq, q.received_at, q.payload, q.trace FROM message_queue q
        WHERE q.thread_id = l.id AND q.seq > l.done_seq ORDER BY q.seq LIMIT :max_messages) m ON true
 ORDER BY m.seq;

-- name: renew
-- Every lease of one worker at once; those that come back are still held. A thread that somebody has locked,
-- to settle it or to publish into it, is left to the next beat: waiting for it would endanger all the others.
WITH given AS (
    SELECT * FROM unnest(:thread_ids::uuid[], :tokens::uuid[]) AS g (id, token)
), free AS MATERIALIZED (
    SELECT t.id FROM given g JOIN queue_threads t ON t.id = g.id
     WHERE t.lease_token = g.token AND (t.ready_at > clock_timestamp()) IS TRUE
       FOR UPDATE OF t SKIP LOCKED
), renewed AS (
    UPDATE queue_threads t SET ready_at = statement_timestamp() + make_interval(secs => :lease_seconds::float8)
      FROM free WHERE t.id = free.id
)
SELECT g.id, g.token FROM given g JOIN queue_threads t ON t.id = g.id
 WHERE t.lease_token = g.token AND (t.ready_at > clock_timestamp()) IS TRUE;

-- name: fence
-- Locks the thread for the rest of the transaction; nothing comes back when the lease is no longer ours.
-- An expired lease counts as lost even before somebody else has claimed the thread. The time is not in the WHERE:
-- on a quiet desk the planner would walk the index of waiting threads, which in a flood is all of them.
SELECT ready_at > clock_timestamp() AS is_held, last_seq > :last_seq AS has_newer
  FROM queue_threads
 WHERE id = :thread_id AND lease_token = :token FOR UPDATE;

-- name: complete
-- Whether more is waiting is read from the row that is being updated, so that a publish which held the row until a
-- moment ago is seen. Looked up elsewhere, under the snapshot from before the wait, it would be missed for ever.
-- IS TRUE keeps the planner from looking for the time in the index of waiting threads.
UPDATE queue_threads t
   SET done_seq = :through_seq, attempts = 0, lease_token = NULL, leased_by = NULL,
       ready_at = CASE WHEN t.last_seq > :through_seq THEN greatest(clock_timestamp(), t.quiet_until) END
 WHERE t.id = :thread_id AND t.lease_token = :token AND (t.ready_at > clock_timestamp()) IS TRUE
RETURNING t.ready_at IS NOT NULL AS waiting;

-- name: skip_gap
-- Only behind `fence`: numbers above done_seq that have no message (a row was removed by hand) are passed over.
UPDATE queue_threads t
   SET done_seq = t.last_seq
 WHERE t.id = :thread_id AND NOT EXISTS (SELECT FROM message_queue q WHERE q.thread_id = t.id AND q.seq > t.done_seq)
RETURNING t.done_seq;

-- name: complete_many
WITH held AS MATERIALIZED (
    SELECT t.id, g.through_seq
      FROM unnest(:thread_ids::uuid[], :tokens::uuid[], :through_seqs::bigint[]) AS g (id, token, through_seq)
      JOIN queue_threads t ON t.id = g.id
     WHERE t.lease_token = g.token AND (t.ready_at > clock_timestamp()) IS TRUE
     ORDER BY t.id FOR UPDATE OF t
)
UPDATE queue_threads t
   SET done_seq = h.through_seq, attempts = 0, lease_token = NULL, leased_by = NULL,
       ready_at = CASE WHEN t.last_seq > h.through_seq THEN greatest(clock_timestamp(), t.quiet_until) END
  FROM held h WHERE t.id = h.id
RETURNING t.id;

-- name: release
-- Give the thread back without blame: the attempt does not count. In a chat the customer may still be typing.
UPDATE queue_threads t
   SET attempts = t.attempts - 1, lease_token = NULL, leased_by = NULL,
       ready_at = greatest(clock_timestamp() + make_interval(secs => :delay_seconds::float8), t.quiet_until)
 WHERE t.id = :thread_id AND t.lease_token = :token AND (t.ready_at > clock_timestamp()) IS TRUE
RETURNING t.id;

-- name: retry
WITH settled AS (
    UPDATE queue_threads t
       SET ready_at = clock_timestamp() + make_interval(secs => :delay_seconds::float8),
           lease_token = NULL, leased_by = NULL
     WHERE t.id = :thread_id AND t.lease_token = :token AND (t.ready_at > clock_timestamp()) IS TRUE
    RETURNING t.id, t.done_seq, t.attempts
)
INSERT INTO queue_failures (thread_id, first_seq, attempt, worker, error_class, message)
SELECT id, done_seq + 1, attempts, :worker, :error_class, :message FROM settled
RETURNING thread_id;

-- name: fail
-- The messages of the lease become a dead letter with the whole history of their failures, and the thread goes on.
WITH settled AS (
    UPDATE queue_threads t
       SET done_seq = :through_seq, attempts = 0, lease_token = NULL, leased_by = NULL,
           ready_at = CASE WHEN t.last_seq > :through_seq THEN greatest(clock_timestamp(), t.quiet_until) END
     WHERE t.id = :thread_id AND t.lease_token = :token AND (t.ready_at > clock_timestamp()) IS TRUE
    RETURNING t.id
), history AS (
    DELETE FROM queue_failures f USING settled s WHERE f.thread_id = s.id AND f.first_seq = :first_seq
    RETURNING f.failed_at, f.attempt, f.worker, f.error_class, f.message
)
INSERT INTO dead_letters (id, thread_id, first_seq, through_seq, attempts, handed_over, reason, errors)
SELECT :id::uuid, s.id, :first_seq::bigint, :through_seq::bigint, :attempts::integer, :handed_over, :message::text,
       coalesce((SELECT jsonb_agg(to_jsonb(h) ORDER BY h.failed_at) FROM history h), '[]')
       || jsonb_build_array(jsonb_build_object(
              'failed_at', clock_timestamp(), 'attempt', :attempts::integer, 'worker', :worker::text,
              'error_class', :error_class::text, 'message', :message::text))
  FROM settled s
RETURNING id;

-- name: measure_depth
-- Threads in work or waiting, and how long the oldest waiting one has been claimable.
SELECT count(*) AS threads,
       count(*) FILTER (WHERE ready_at <= statement_timestamp()) AS claimable,
       greatest(coalesce(extract(epoch FROM statement_timestamp() - min(ready_at)), 0), 0)::float8 AS oldest_seconds
  FROM queue_threads WHERE ready_at IS NOT NULL;

-- name: measure_channels
-- The same by channel and state, for people.
SELECT channel,
       count(*) FILTER (WHERE ready_at <= statement_timestamp()) AS claimable,
       count(*) FILTER (WHERE lease_token IS NOT NULL AND ready_at > statement_timestamp()) AS leased,
       count(*) FILTER (WHERE lease_token IS NULL AND ready_at > statement_timestamp() AND ready_at <= quiet_until)
           AS quiet,
       count(*) FILTER (WHERE lease_token IS NULL AND ready_at > statement_timestamp()
                          AND (ready_at <= quiet_until) IS NOT TRUE) AS delayed,
       sum(last_seq - done_seq)::bigint AS messages,
       greatest(coalesce(extract(epoch FROM statement_timestamp() - min(ready_at)), 0), 0)::float8 AS oldest_seconds
  FROM queue_threads WHERE ready_at IS NOT NULL
 GROUP BY channel ORDER BY channel;
