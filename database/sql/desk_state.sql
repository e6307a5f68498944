-- name: find_pause
-- Also where there is no row, because somebody has restored a backup by hand: then nothing is claimed either.
SELECT d.paused_at, d.reason, d.restored_at, d.answered_before
  FROM (SELECT) nothing LEFT JOIN desk_state d ON true
 WHERE d.is_only IS NULL OR d.paused_at IS NOT NULL;

-- name: pause
INSERT INTO desk_state AS d (paused_at, reason) VALUES (clock_timestamp(), :reason)
ON CONFLICT (is_only) DO UPDATE SET paused_at = excluded.paused_at, reason = excluded.reason
 WHERE d.paused_at IS NULL
RETURNING true;

-- name: pause_restored
-- Also over a pause that the backup had.
INSERT INTO desk_state (paused_at, reason, restored_at) VALUES (clock_timestamp(), :reason, clock_timestamp())
ON CONFLICT (is_only) DO UPDATE
   SET paused_at = excluded.paused_at, reason = excluded.reason, restored_at = excluded.restored_at;

-- name: lock_pause
-- One resumes at a time; without a row the moment of the restore is now.
INSERT INTO desk_state AS d (paused_at, restored_at) VALUES (clock_timestamp(), clock_timestamp())
ON CONFLICT (is_only) DO UPDATE SET paused_at = d.paused_at
RETURNING paused_at, reason, restored_at, answered_before;

-- name: resume
UPDATE desk_state SET paused_at = NULL, reason = NULL, restored_at = NULL,
       answered_before = coalesce(:answered_before, answered_before);
