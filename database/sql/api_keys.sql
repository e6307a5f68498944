-- name: add
INSERT INTO api_keys (id, name, key_hash, prefix, scopes, tier, expires_at)
VALUES (:id, :name, :key_hash, :prefix, :scopes::text[], :tier, now() + make_interval(days => :days::int));

-- name: use
-- last_used_at is for people, a minute's precision is enough, and most calls then write nothing.
WITH found AS (
    SELECT id, name, scopes, tier, last_used_at FROM api_keys
     WHERE key_hash = :key_hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
), touched AS (
    UPDATE api_keys k SET last_used_at = now() FROM found
     WHERE k.id = found.id AND (found.last_used_at IS NULL OR found.last_used_at < now() - interval '1 minute')
)
SELECT id, name, scopes, tier FROM found;

-- name: find
SELECT id, name, prefix, scopes, tier, created_at, last_used_at, expires_at, revoked_at FROM api_keys WHERE id = :id;

-- name: list_page
SELECT id, name, prefix, scopes, tier, created_at, last_used_at, expires_at, revoked_at FROM api_keys
 WHERE id < coalesce(:before::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY id DESC LIMIT :max_rows;

-- name: revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = :id RETURNING id;
