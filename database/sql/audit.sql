-- name: record
-- Whoever records waits here for the transaction that recorded before. With quiet seconds, what the same actor has done
-- to the same object a moment ago is not said again, and nobody waits. The hashes are HMAC-SHA256 by hand, with the
-- padded keys as parameters: the server has no function for it, and nobody who has the database alone has the keys.
WITH head AS MATERIALIZED (
    SELECT seq + 1 AS seq, hash AS earlier, greatest(at, clock_timestamp()) AS at
      FROM audit_head
     WHERE :quiet_seconds::float8 = 0 OR NOT EXISTS (
        SELECT FROM (SELECT * FROM audit_log
                      WHERE (actor_id, seq) BETWEEN (:actor_id::uuid, 1) AND (:actor_id, 9223372036854775807)
                      ORDER BY actor_id DESC, seq DESC LIMIT 100) AS lately
         WHERE action = :action AND object_kind = :object_kind AND object_id IS NOT DISTINCT FROM :object_id
           AND lately.at > now() - make_interval(secs => :quiet_seconds::float8))
       FOR UPDATE
), entry AS MATERIALIZED (
    SELECT seq, at, sha256(:outer_key || sha256(:inner_key || earlier || convert_to(
           seq || ' ' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || ' ' || :text::text, 'UTF8')))
           AS hash
      FROM head
), moved AS (
    UPDATE audit_head h
       SET seq = entry.seq, at = entry.at, hash = entry.hash,
           seal = sha256(:outer_seal || sha256(:inner_seal || entry.hash || convert_to(entry.seq::text, 'UTF8')))
      FROM entry
)
INSERT INTO audit_log (seq, at, actor_kind, actor_id, action, object_kind, object_id, before, after, address,
                       user_agent, request_id, hash)
SELECT seq, at, :actor_kind, :actor_id, :action, :object_kind, :object_id, :before::jsonb, :after::jsonb,
       :address::inet, :user_agent, :request_id, hash
  FROM entry
RETURNING seq;

-- name: read_head
SELECT seq, hash, seal, (SELECT max(seq) FROM audit_log) AS last_seq FROM audit_head;

-- name: list_from
SELECT * FROM audit_log WHERE seq BETWEEN :first::bigint AND :last::bigint ORDER BY seq LIMIT :max_rows;

-- name: find_first_since
-- Numbers and times rise together, so a stretch of time is a stretch of numbers.
SELECT seq FROM audit_log WHERE at >= :since ORDER BY at, seq LIMIT 1;

-- name: find_last_until
SELECT seq FROM audit_log WHERE at < :until ORDER BY at DESC, seq DESC LIMIT 1;

-- name: list_all
SELECT * FROM audit_log WHERE seq BETWEEN :first::bigint AND :last::bigint ORDER BY seq DESC LIMIT :max_rows;

-- name: list_of_object
-- Here and below as a range of pairs: by equality the planner walks back through the whole log instead of the index.
SELECT * FROM audit_log
 WHERE (object_kind, object_id, seq) BETWEEN (:object_kind::text, :object_id::text, :first::bigint)
                                         AND (:object_kind, :object_id, :last::bigint)
   AND (:actor_id::uuid IS NULL OR actor_id = :actor_id) AND (:action::text IS NULL OR action = :action)
 ORDER BY object_kind DESC, object_id DESC, seq DESC LIMIT :max_rows;

-- name: list_of_actor
SELECT * FROM audit_log
 WHERE (actor_id, seq) BETWEEN (:actor_id::uuid, :first::bigint) AND (:actor_id, :last::bigint)
   AND (:action::text IS NULL OR action = :action)
 ORDER BY actor_id DESC, seq DESC LIMIT :max_rows;

-- name: list_of_action
SELECT * FROM audit_log
 WHERE (action, seq) BETWEEN (:action::text, :first::bigint) AND (:action, :last::bigint)
 ORDER BY action DESC, seq DESC LIMIT :max_rows;
