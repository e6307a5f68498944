-- name: add
INSERT INTO jobs (id, kind, subject, request, content, content_hash)
VALUES (:id, :kind, :subject, :request::jsonb, :content, :content_hash)
ON CONFLICT (subject, content_hash) WHERE kind = 'upload' AND state IN ('queued', 'working') DO NOTHING
RETURNING id;

-- name: find_same
SELECT id FROM jobs
 WHERE subject = :subject AND content_hash = :content_hash AND kind = 'upload' AND state IN ('queued', 'working');

-- name: claim
-- The oldest that nobody holds. Files for one source go one after the other, or an older one could have the last word.
WITH candidate AS (
    SELECT j.id FROM jobs j
     WHERE j.kind = :kind AND j.state IN ('queued', 'working') AND j.ready_at <= now() AND j.attempts < :max_attempts::int
       AND (j.kind <> 'test_message' OR (SELECT paused_at IS NULL FROM desk_state))
       AND NOT EXISTS (SELECT FROM jobs e WHERE e.subject = j.subject AND e.id < j.id AND e.kind = 'upload'
                                            AND e.state IN ('queued', 'working') AND j.kind = 'upload')
     ORDER BY j.ready_at LIMIT :max_jobs FOR UPDATE OF j SKIP LOCKED
)
UPDATE jobs j
   SET state = 'working', attempts = j.attempts + 1, lease_token = gen_random_uuid(), total = NULL, embedded = 0,
       ready_at = now() + make_interval(secs => :lease_seconds::float8)
  FROM candidate WHERE j.id = candidate.id
RETURNING j.id, j.kind, j.request, j.content, j.lease_token;

-- name: give_up
-- Those whose workers died of them, as often as they may.
UPDATE jobs SET state = 'failed', problem = :problem, content = NULL, lease_token = NULL, finished_at = now()
 WHERE kind = :kind AND state = 'working' AND ready_at <= now() AND attempts >= :max_attempts::int
RETURNING id;

-- name: give_up_older
-- After a restore: test messages that the desk before this one may have sent.
UPDATE jobs SET state = 'failed', problem = :problem, lease_token = NULL, finished_at = now()
 WHERE kind = 'test_message' AND state IN ('queued', 'working') AND created_at < :before
RETURNING id;

-- name: may_send
-- The desk may have been paused since the job was claimed; without its row it counts as paused.
SELECT (SELECT paused_at IS NULL FROM desk_state) IS TRUE AS may_send
  FROM jobs WHERE id = :id AND lease_token = :token AND state = 'working';

-- name: renew
UPDATE jobs SET ready_at = now() + make_interval(secs => :lease_seconds::float8)
 WHERE id = :id AND lease_token = :token AND state = 'working'
RETURNING id;

-- name: note_progress
UPDATE jobs SET total = :total, embedded = :embedded
 WHERE id = :id AND lease_token = :token AND state = 'working'
RETURNING id;

-- name: finish
UPDATE jobs
   SET state = CASE WHEN :problem::text IS NULL THEN 'done' ELSE 'failed' END, answer = :answer::jsonb,
       problem = :problem::text, content = NULL, lease_token = NULL, finished_at = now()
 WHERE id = :id AND lease_token = :token AND state = 'working'
RETURNING id;

-- name: find
SELECT id, kind, state, request, total, embedded, answer, problem, created_at, finished_at
  FROM jobs WHERE id = :id AND kind = :kind;

-- name: list_newest
SELECT id, kind, state, request, total, embedded, answer, problem, created_at, finished_at
  FROM jobs
 WHERE kind = :kind AND (:before::uuid IS NULL OR id < :before::uuid)
 ORDER BY id DESC LIMIT :max_jobs;

-- name: take_back
-- A question that nobody waits for any more, and its answer.
DELETE FROM jobs WHERE id = :id AND kind = :kind;

-- name: lock_tests
-- Until the end of the transaction: test messages are counted one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('test messages', 0));

-- name: count_recent
SELECT count(*) FROM jobs
 WHERE kind = :kind AND created_at > now() - make_interval(secs => :seconds::float8);

-- name: delete_old
-- A question is nobody's any more after a while, also if no worker has taken it.
WITH deleted AS (
    DELETE FROM jobs WHERE id = ANY (ARRAY(
        SELECT id FROM jobs
         WHERE kind = :kind AND created_at < now() - make_interval(secs => :seconds::float8)
           AND (state IN ('done', 'failed') OR kind = 'search')
         ORDER BY created_at LIMIT 1000))
    RETURNING id
)
SELECT count(*) FROM deleted;
