-- name: list_unknown
-- Which of these texts this model has not embedded yet.
SELECT hash FROM unnest(:hashes::bytea[]) hash
 WHERE NOT EXISTS (SELECT FROM knowledge_vectors v WHERE v.hash = hash.hash AND v.model = :model);

-- name: add_vector
INSERT INTO knowledge_vectors (hash, model, small, large)
VALUES (:hash, :model, (:small::text)::halfvec(384), (:large::text)::halfvec(1536))
ON CONFLICT (hash, model) DO NOTHING;

-- name: list_missing
-- Passages of which this model has not embedded some text; what can be found comes first.
SELECT k.title, k.heading, k.content,
       array(SELECT t.question FROM knowledge_texts t WHERE t.passage_id = k.id AND t.part = 'question') AS questions
  FROM knowledge_base k JOIN knowledge_revisions r ON r.id = k.revision_id
 WHERE EXISTS (SELECT FROM knowledge_texts t WHERE t.passage_id = k.id
                  AND NOT EXISTS (SELECT FROM knowledge_vectors v WHERE v.hash = t.hash AND v.model = :model))
 ORDER BY upper_inf(r.published) DESC, k.id LIMIT :max_passages;

-- name: count_texts
-- How many different texts there are, and how many of them this model has embedded.
SELECT count(*) AS texts, count(v.hash) AS embedded
  FROM (SELECT DISTINCT hash FROM knowledge_texts) t
  LEFT JOIN knowledge_vectors v ON v.hash = t.hash AND v.model = :model;

-- name: mark_ready
INSERT INTO knowledge_models (model) VALUES (:model) ON CONFLICT (model) DO UPDATE SET ready_at = now();

-- name: mark_unready
DELETE FROM knowledge_models WHERE model = :model;

-- name: is_ready
SELECT EXISTS (SELECT FROM knowledge_models WHERE model = :model);

-- name: is_caught_up
-- Whether nothing was stored since the model was found complete. Ten minutes more, for what was committed afterwards
-- though it was begun before.
SELECT EXISTS (SELECT FROM knowledge_models m
                WHERE m.model = :model
                  AND NOT EXISTS (SELECT FROM knowledge_revisions r WHERE r.created_at > m.ready_at - interval '10 minutes'));

-- name: forget_unused
-- Of the next vectors in the order of their keys, delete those whose texts are gone; the key of the last one looked at.
-- Only after a day, since vectors are made before their texts are stored.
WITH looked AS MATERIALIZED (
    SELECT hash, model, created_at FROM knowledge_vectors
     WHERE (hash, model) > (:after_hash::bytea, :after_model::text) ORDER BY hash, model LIMIT :max_vectors
), forgotten AS (
    DELETE FROM knowledge_vectors v USING looked l
     WHERE v.hash = l.hash AND v.model = l.model AND l.created_at < now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM knowledge_texts t WHERE t.hash = l.hash OFFSET 0)  -- one by one, not all of them
)
SELECT hash, model FROM looked ORDER BY hash DESC, model DESC LIMIT 1;

-- name: forget_others
-- Vectors of models that are no longer in use, some at a time.
WITH forgotten AS (
    DELETE FROM knowledge_vectors
     WHERE (hash, model) IN (SELECT hash, model FROM knowledge_vectors
                              WHERE NOT model = ANY (:models::text[]) LIMIT :max_vectors)
    RETURNING hash
)
SELECT count(*) FROM forgotten;

-- name: forget_models
DELETE FROM knowledge_models WHERE NOT model = ANY (:models::text[]);
