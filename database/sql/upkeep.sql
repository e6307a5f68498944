-- name: elect
-- Held as long as the connection lives: whoever dies loses it without a word.
SELECT pg_try_advisory_lock(:key);

-- name: end_silent
-- Whoever is paused or frozen keeps the connection, and the lock with it. The server's own time limits do not help: none
-- of them runs between the preparation of a statement and its execution.
SELECT pg_terminate_backend(a.pid)
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = :key
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND a.wait_event = 'ClientRead' AND a.state_change < now() - make_interval(secs => :silence_seconds::float8);

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
