-- name: elect
-- Held as long as the connection lives; whoever dies loses it without a word. Whoever is paused or frozen keeps a
-- connection, so the server ends one that has been silent for too long.
SELECT pg_try_advisory_lock(:key), set_config('idle_session_timeout', :silence_ms::text, false);

-- name: delete_finished
-- The oldest finished messages, but none of a dead letter that nobody has settled. A row that is being moved back to
-- the end of its thread is locked, and left alone. A constant limit: with a parameter the planner expects a tenth of
-- the table and sorts it.
WITH old AS MATERIALIZED (
    SELECT m.thread_id, m.seq
      FROM message_queue m JOIN queue_threads t ON t.id = m.thread_id
     WHERE m.received_at < now() - make_interval(days => :days) AND m.seq <= t.done_seq
       AND NOT EXISTS (SELECT FROM dead_letters d
                        WHERE d.thread_id = m.thread_id AND m.seq BETWEEN d.first_seq AND d.through_seq
                          AND d.state = 'open')
     ORDER BY m.received_at LIMIT 1000 FOR UPDATE OF m SKIP LOCKED
), deleted AS (
    DELETE FROM message_queue m USING old WHERE m.thread_id = old.thread_id AND m.seq = old.seq RETURNING m.seq
)
SELECT count(*) FROM deleted;

-- name: delete_failures
-- The history of turns that succeeded in the end.
WITH old AS MATERIALIZED (
    SELECT f.thread_id, f.first_seq, f.failed_at
      FROM queue_failures f JOIN queue_threads t ON t.id = f.thread_id
     WHERE f.failed_at < now() - make_interval(days => :days) AND t.done_seq >= f.first_seq
     ORDER BY f.failed_at LIMIT 1000
), deleted AS (
    DELETE FROM queue_failures f USING old
     WHERE f.thread_id = old.thread_id AND f.first_seq = old.first_seq AND f.failed_at = old.failed_at
    RETURNING f.attempt
)
SELECT count(*) FROM deleted;

-- name: delete_settled_dead_letters
WITH old AS MATERIALIZED (
    SELECT id FROM dead_letters
     WHERE state <> 'open' AND settled_at < now() - make_interval(days => :days)
     ORDER BY settled_at LIMIT 1000
), deleted AS (
    DELETE FROM dead_letters d USING old WHERE d.id = old.id RETURNING d.id
)
SELECT count(*) FROM deleted;

-- name: delete_sources
-- What is listed and not fetched yet stays, however long its inbox needs to be signed in to again.
WITH old AS MATERIALIZED (
    SELECT id FROM message_sources
     WHERE received_at < now() - make_interval(days => :days) AND state <> 'listed'
     ORDER BY received_at LIMIT 1000
), deleted AS (
    DELETE FROM message_sources s USING old WHERE s.id = old.id RETURNING s.id
)
SELECT count(*) FROM deleted;

-- name: delete_thread_keys
-- Names of mail that nobody will answer any more. Those of WhatsApp stay: they are few, and without them a number would
-- lead to the thread of its former owner.
WITH old AS MATERIALIZED (
    SELECT channel, inbox, participant, key FROM thread_keys
     WHERE created_at < now() - interval '400 days' AND participant <> ''
     ORDER BY created_at LIMIT 1000
), deleted AS (
    DELETE FROM thread_keys k USING old
     WHERE (k.channel, k.inbox, k.participant, k.key) = (old.channel, old.inbox, old.participant, old.key)
    RETURNING k.key
)
SELECT count(*) FROM deleted;

-- name: delete_codes
WITH deleted AS (DELETE FROM identity_codes WHERE created_at < now() - interval '1 day' RETURNING id)
SELECT count(*) FROM deleted;

-- name: delete_orphans
-- Contents that no message of ours came to have: their transaction was rolled back, or their conversation is gone. The
-- age is looked at again in the end, because one may have been put once more meanwhile.
WITH old AS MATERIALIZED (
    SELECT a.digest FROM attachments a
     WHERE a.created_at < now() - make_interval(days => :days)
       AND NOT EXISTS (SELECT FROM message_attachments m WHERE m.digest = a.digest)
     ORDER BY a.created_at LIMIT 1000
), deleted AS (
    DELETE FROM attachments a USING old
     WHERE a.digest = old.digest AND a.created_at < now() - make_interval(days => :days) RETURNING a.digest
)
SELECT count(*) FROM deleted;

-- name: count_overdue
-- Threads that have been claimable for long although somebody claims: no worker serves their channel, or too few do.
SELECT channel, count(*) AS threads, extract(epoch FROM now() - min(ready_at))::float8 AS oldest_seconds
  FROM queue_threads WHERE ready_at < now() - make_interval(secs => :overdue_seconds::float8)
 GROUP BY channel ORDER BY channel;

-- name: rescue
-- Nothing of ours puts a thread off for so long: the server's clock has been set back. Tokens stay, so that whoever
-- holds such a lease loses it only to the next claim.
WITH far AS MATERIALIZED (
    SELECT id FROM queue_threads WHERE ready_at > now() + make_interval(secs => :longest_seconds::float8)
     ORDER BY channel, ready_at LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE queue_threads t SET ready_at = now() FROM far WHERE t.id = far.id
RETURNING t.id;
