-- name: find_active
SELECT id FROM intent_models WHERE basis = :basis AND is_active;

-- name: has_version
SELECT EXISTS (SELECT FROM intent_models WHERE basis = :basis AND version = :version);

-- name: read_artifact
SELECT artifact FROM intent_models WHERE id = :id;

-- name: read_version
SELECT artifact FROM intent_models WHERE basis = :basis AND version = :version ORDER BY created_at DESC LIMIT 1;

-- name: deactivate
UPDATE intent_models SET is_active = false WHERE basis = :basis AND is_active;

-- name: add_model
INSERT INTO intent_models (id, version, basis, source, artifact, examples, metrics, compared, is_active, learned_from)
VALUES (:id, :version, :basis, :source, :artifact, :examples, :metrics::jsonb, :compared::jsonb, :is_active,
        :learned_from::uuid[]);

-- name: forget_old
-- All but the newest few, each of which is megabytes. The one at work stays however old it is, and the one that no
-- ticket has taught: replays ask it about the tickets that have taught the others.
DELETE FROM intent_models
 WHERE NOT (basis = :basis AND is_active)
   AND id IS DISTINCT FROM (SELECT id FROM intent_models WHERE basis = :basis AND source = 'taxonomy'
                             ORDER BY created_at DESC LIMIT 1)
   AND id NOT IN (SELECT id FROM intent_models ORDER BY created_at DESC LIMIT :kept);

-- name: list_models
SELECT created_at, source, is_active, examples, metrics, compared
  FROM intent_models ORDER BY created_at DESC LIMIT :kept;

-- name: list_thresholds
SELECT scale, intent, channel, threshold FROM decision_thresholds;
