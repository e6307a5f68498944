-- name: open
INSERT INTO sessions (id, user_id, created_at, rotated_at, expires_at) VALUES (:id, :user_id, :now, :now, :expires_at);

-- name: lock
-- Two tabs that refresh at once come one after the other.
SELECT s.id, s.user_id, s.generation, s.rotated_at, s.expires_at,
       s.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL AS is_revoked
  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = :id FOR UPDATE OF s;

-- name: rotate
UPDATE sessions SET generation = generation + 1, rotated_at = :now WHERE id = :id;

-- name: revoke
UPDATE sessions SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL RETURNING user_id;

-- name: revoke_others
UPDATE sessions SET revoked_at = :now
 WHERE user_id = :user_id AND revoked_at IS NULL AND id IS DISTINCT FROM :but::uuid;

-- name: find_caller
-- Looked up with every request, so that a sign-out and a disabled account work at once.
SELECT u.id, coalesce(nullif(u.name, ''), u.email) AS name, u.role, u.customer_id
  FROM sessions s JOIN users u ON u.id = s.user_id
 WHERE s.id = :session_id AND s.revoked_at IS NULL AND s.expires_at > :now AND u.disabled_at IS NULL
   AND EXISTS (SELECT FROM signing_keys WHERE id = :key_id);

-- name: find_signing_key
SELECT id FROM signing_keys ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: add_signing_key
-- Unless the newest is younger than so many days.
INSERT INTO signing_keys (id)
SELECT :id WHERE NOT EXISTS (SELECT FROM signing_keys WHERE created_at > now() - make_interval(days => :days::int))
RETURNING id;

-- name: delete_signing_keys
-- Those whose last token has expired: a successor has signed for longer than any access token lives.
DELETE FROM signing_keys k
 WHERE EXISTS (SELECT FROM signing_keys newer
                WHERE newer.created_at > k.created_at AND newer.created_at < now() - interval '1 day');

-- name: delete_old
WITH gone AS (
    DELETE FROM sessions WHERE id = ANY (ARRAY(
        SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
    RETURNING id
)
SELECT count(*) FROM gone;
