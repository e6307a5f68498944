-- name: take_try
-- Counted before the password is looked at: of many tries at once no more than are free get so far. While it is blocked
-- nothing is counted, so that nobody can keep an account blocked for good by trying on.
INSERT INTO sign_in_tries AS t (bucket, tries, blocked_until, last_at)
VALUES (:bucket, 1, :now, :now)
ON CONFLICT (bucket) DO UPDATE
   SET tries = CASE WHEN t.last_at < :now - make_interval(secs => :forget_seconds::float8) THEN 1 ELSE t.tries + 1 END,
       blocked_until = :now + CASE
           WHEN t.last_at < :now - make_interval(secs => :forget_seconds::float8) OR t.tries < :free::int
           THEN interval '0' ELSE make_interval(secs => least(:longest_seconds::float8, 2 ^ least(t.tries + 1 - :free::int, 20))) END,
       last_at = :now
 WHERE t.blocked_until <= :now
RETURNING tries;

-- name: find_block
SELECT blocked_until FROM sign_in_tries WHERE bucket = :bucket;

-- name: clear
DELETE FROM sign_in_tries WHERE bucket = :bucket;

-- name: give_back
UPDATE sign_in_tries SET tries = greatest(0, tries - 1), blocked_until = :now WHERE bucket = :bucket;

-- name: delete_old
WITH gone AS (
    DELETE FROM sign_in_tries WHERE bucket = ANY (ARRAY(
        SELECT bucket FROM sign_in_tries WHERE last_at < now() - interval '1 day'
         ORDER BY last_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
    RETURNING bucket
)
SELECT count(*) FROM gone;
