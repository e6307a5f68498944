-- name: spend
-- Rows are taken in one order, or two requests would wait for each other. A new bucket has spent its first request. What
-- was refused is told by a look at the buckets as they were: it may be a moment old, and it is only advice.
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(:keys::uuid[], :intervals::interval[], :wholes::interval[]) AS a (key, step, whole)
), spent AS (
    INSERT INTO rate_limits AS r (key, full_at)
    SELECT key, now() + step FROM asked ORDER BY key
    ON CONFLICT (key) DO UPDATE SET full_at = greatest(r.full_at, now()) + (excluded.full_at - now())
     WHERE greatest(r.full_at, now()) + (excluded.full_at - now())
           <= now() + (SELECT whole FROM asked WHERE asked.key = r.key)
    RETURNING key
)
SELECT max(greatest(r.full_at + step - whole - now(), step / 10))
  FROM asked LEFT JOIN rate_limits r USING (key)
 WHERE key NOT IN (SELECT key FROM spent);

-- name: delete_full
-- A walk through all buckets by their keys. One that is being spent from is locked, and left alone.
WITH next AS MATERIALIZED (
    SELECT key FROM rate_limits WHERE key > :after ORDER BY key LIMIT 1000
), deleted AS (
    DELETE FROM rate_limits WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM rate_limits
         WHERE key > :after AND key <= (SELECT key FROM next ORDER BY key DESC LIMIT 1) AND full_at < now()
           FOR UPDATE SKIP LOCKED))
)
SELECT count(*) AS seen, (SELECT key FROM next ORDER BY key DESC LIMIT 1) AS last FROM next;
