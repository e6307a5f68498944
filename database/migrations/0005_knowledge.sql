-- Knowledge with a past: revisions of articles and when each was published, their words and vectors, resolutions, hints.

-- The words of a text as the search counts them and, behind a '#', its identifiers as a whole (HL-2310, request_id):
-- the parser for English cuts those into pieces that many texts have. 64 characters keep junk out of the index.
CREATE FUNCTION count_terms(text) RETURNS TABLE (term text, occurrences integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('english', $1))
    UNION ALL
    SELECT '#' || name, count(*)::integer
      FROM (SELECT (regexp_matches(lower($1), '[a-z0-9]+(?:[-_.][a-z0-9]+)*', 'g'))[1]) names (name)
     WHERE length(name) <= 64 AND (name ~ '_' OR (name ~ '[0-9]' AND name ~ '[a-z]'))
     GROUP BY name
$$;

-- What an article said at one time, never changed afterwards but for when the agent may read it. A draft was never
-- published; a superseded revision stays, so that a replay reads what was known then.
CREATE TABLE knowledge_revisions (
    id           uuid PRIMARY KEY,
    article_id   uuid NOT NULL REFERENCES knowledge_articles (id) ON DELETE CASCADE,
    title        text NOT NULL,
    category     text NOT NULL,
    language     text,              -- ISO 639-1; NULL until it was told, and may be any
    audience     text NOT NULL CHECK (audience IN ('public', 'internal')),
    content_hash text NOT NULL,
    passages     integer NOT NULL,
    words        integer NOT NULL,  -- over all its passages: what the search measures their lengths by
    published    tstzmultirange NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_revisions_article ON knowledge_revisions (article_id, id);
CREATE INDEX knowledge_revisions_created ON knowledge_revisions (created_at);
CREATE INDEX knowledge_revisions_published ON knowledge_revisions (audience, language) INCLUDE (article_id, passages, words)
    WHERE upper_inf(published);
CREATE INDEX knowledge_revisions_untold ON knowledge_revisions (id) WHERE language IS NULL;

-- Each state of the published knowledge. A run records the newest; searching as of its time finds the same again.
CREATE TABLE knowledge_versions (
    id           uuid PRIMARY KEY,
    published_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX knowledge_versions_published ON knowledge_versions (published_at, id);

-- An answer that helped is an article of its own kind. It goes where its ticket goes.
ALTER TABLE knowledge_articles
    ADD COLUMN kind text NOT NULL DEFAULT 'article' CHECK (kind IN ('article', 'resolution')),
    ADD COLUMN ticket_id uuid UNIQUE REFERENCES tickets (id) ON DELETE CASCADE,
    ADD COLUMN rests_on uuid REFERENCES knowledge_articles (id) ON DELETE SET NULL,  -- the article it was taken from
    ADD CHECK ((kind = 'resolution') = (ticket_id IS NOT NULL));
CREATE INDEX knowledge_articles_rests_on ON knowledge_articles (rests_on);
ALTER TABLE knowledge_base ADD COLUMN revision_id uuid REFERENCES knowledge_revisions (id) ON DELETE CASCADE;

INSERT INTO knowledge_revisions (id, article_id, title, category, language, audience, content_hash, passages, words,
                                 published, created_at)
    SELECT a.id, a.id, a.title, a.category, NULL, 'public', a.content_hash, count(k.id), 0,
           tstzmultirange(tstzrange(a.updated_at, NULL)), a.updated_at
      FROM knowledge_articles a LEFT JOIN knowledge_base k ON k.article_id = a.id GROUP BY a.id;
INSERT INTO knowledge_versions (id, published_at)
    SELECT gen_random_uuid(), max(updated_at) FROM knowledge_articles HAVING count(*) > 0;
UPDATE knowledge_base SET revision_id = article_id;

-- How often each passage has each word: what BM25 counts. No passage is read to be ranked by words.
CREATE TABLE knowledge_terms (
    term        text NOT NULL,
    passage_id  uuid NOT NULL REFERENCES knowledge_base (id) ON DELETE CASCADE,
    occurrences integer NOT NULL,
    PRIMARY KEY (term, passage_id) INCLUDE (occurrences)
);
CREATE INDEX knowledge_terms_passage ON knowledge_terms (passage_id);
INSERT INTO knowledge_terms (term, passage_id, occurrences)
    SELECT t.term, k.id, t.occurrences
      FROM knowledge_base k, count_terms(concat_ws(E'\n', k.title, k.heading, k.content)) t;

-- Which texts stand for a passage: its title with the heading, and the whole of it.
CREATE TABLE knowledge_texts (
    passage_id uuid NOT NULL REFERENCES knowledge_base (id) ON DELETE CASCADE,
    part       text NOT NULL CHECK (part IN ('title', 'passage')),
    hash       bytea NOT NULL,
    PRIMARY KEY (passage_id, part)
);
CREATE INDEX knowledge_texts_hash ON knowledge_texts (hash);
INSERT INTO knowledge_texts (passage_id, part, hash)
    SELECT id, 'title', sha256(convert_to(concat_ws('. ', title, nullif(heading, '')), 'UTF8')) FROM knowledge_base
    UNION ALL
    SELECT id, 'passage', sha256(convert_to(concat_ws('. ', title, nullif(heading, '')) || E'\n' || content, 'UTF8'))
      FROM knowledge_base;

-- A vector for each text and model, under the text's hash: what was embedded once is never embedded again. Vectors of
-- different models do not meet: each search names its model. halfvec takes half of the room: with 100,000 vectors the
-- index has 116 MB instead of 204, and finds .990 of the ten nearest instead of .983 (ef_search 100).
CREATE TABLE knowledge_vectors (
    hash       bytea NOT NULL,
    model      text NOT NULL,
    small      halfvec(384),
    large      halfvec(1536),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hash, model),
    CHECK (num_nonnulls(small, large) = 1)
);
CREATE INDEX knowledge_vectors_small ON knowledge_vectors USING hnsw (small halfvec_cosine_ops);
CREATE INDEX knowledge_vectors_large ON knowledge_vectors USING hnsw (large halfvec_cosine_ops);
CREATE INDEX knowledge_vectors_model ON knowledge_vectors (model);
INSERT INTO knowledge_vectors (hash, model, small)
    SELECT DISTINCT ON (t.hash) t.hash, k.embedding_model || '@1110a243', k.embedding::halfvec(384)
      FROM knowledge_base k JOIN knowledge_texts t ON t.passage_id = k.id AND t.part = 'passage'
     WHERE k.embedding IS NOT NULL;

-- Models whose vectors are complete, and when that was found last. Until then a new model is not searched with.
CREATE TABLE knowledge_models (
    model    text PRIMARY KEY,
    ready_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE knowledge_base
    DROP COLUMN search,  -- and their indexes
    DROP COLUMN embedding_model,
    DROP COLUMN embedding,
    DROP COLUMN article_id,
    ADD COLUMN words integer NOT NULL DEFAULT 0,
    ALTER COLUMN revision_id SET NOT NULL,
    ADD UNIQUE (revision_id, position);
UPDATE knowledge_base k SET words = t.words
  FROM (SELECT passage_id, sum(occurrences) AS words FROM knowledge_terms GROUP BY passage_id) t WHERE t.passage_id = k.id;
ALTER TABLE knowledge_base ALTER COLUMN words DROP DEFAULT;
UPDATE knowledge_revisions r SET words = t.words
  FROM (SELECT revision_id, sum(words) AS words FROM knowledge_base GROUP BY revision_id) t WHERE t.revision_id = r.id;
ALTER TABLE knowledge_articles
    DROP COLUMN title,
    DROP COLUMN category,
    DROP COLUMN content_hash;

-- What a person should look at: two passages that say the same, or of which one may contradict the other.
CREATE TABLE knowledge_hints (
    passage_id uuid NOT NULL REFERENCES knowledge_base (id) ON DELETE CASCADE,
    other_id   uuid NOT NULL REFERENCES knowledge_base (id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('duplicate', 'contradiction')),
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (passage_id, other_id)
);
CREATE INDEX knowledge_hints_other ON knowledge_hints (other_id);

-- Whether a ticket's answer was learned and, if not, why; each ticket is looked at once.
CREATE TABLE learned_tickets (
    ticket_id  uuid PRIMARY KEY REFERENCES tickets (id) ON DELETE CASCADE,
    outcome    text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tickets_closed ON tickets (updated_at) WHERE status = 'closed';
