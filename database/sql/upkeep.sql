-- name: elect
-- Held as long as the connection lives; whoever dies loses it without a word. Whoever is paused or frozen keeps a
-- connection, so the server ends one that has been silent for too long, be it between two transactions or within one.
SELECT pg_try_advisory_lock(:key), set_config('idle_session_timeout', :silence_ms::text, false),
       set_config('idle_in_transaction_session_timeout', :silence_ms::text, false);

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
