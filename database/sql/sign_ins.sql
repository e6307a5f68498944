-- name: take_try
-- Counted before the password is looked at: of many tries at once no more than are free get so far. While it is blocked
-- nothing is counted, so that nobody can keep an account blocked for good by trying on. `last_at` is up to when tries
-- have been forgotten: the rest of the time that one takes to be forgotten is not lost.
INSERT INTO sign_in_tries AS t (bucket, tries, blocked_until, last_at)
VALUES (:bucket, 1, :now, :now)
ON CONFLICT (bucket) DO UPDATE
   SET (tries, blocked_until, last_at) = (
           SELECT kept + 1,
                  :now + CASE WHEN kept < :free::int THEN interval '0'
                              ELSE make_interval(secs => least(:longest_seconds::float8, 2 ^ least(kept + 1 - :free::int, 20)))
                         END,
                  CASE WHEN kept = 0 THEN :now::timestamptz
                       ELSE t.last_at + gone * make_interval(secs => :forget_seconds::float8) END
             FROM (SELECT floor(greatest(0, extract(epoch FROM :now - t.last_at)) / :forget_seconds)::int AS gone) g
            CROSS JOIN LATERAL (SELECT greatest(0, t.tries - gone) AS kept) k)
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
