-- name: find_article
-- The newest revision of a source. FOR UPDATE, so that two loads of one source follow each other.
SELECT a.id, r.id AS revision_id, r.content_hash, upper_inf(r.published) AS is_published
  FROM knowledge_articles a
  JOIN LATERAL (SELECT * FROM knowledge_revisions r WHERE r.article_id = a.id ORDER BY r.id DESC LIMIT 1) r ON true
 WHERE a.source = :source
   FOR UPDATE OF a;

-- name: put_article
INSERT INTO knowledge_articles AS a (id, source, kind, ticket_id, rests_on)
VALUES (:id, :source, :kind, :ticket_id, :rests_on)
ON CONFLICT (source) DO UPDATE SET updated_at = now()
RETURNING id;

-- name: add_revision
INSERT INTO knowledge_revisions (id, article_id, title, category, language, audience, content_hash, passages, words)
VALUES (:id, :article_id, :title, :category, :language, :audience, :content_hash, :passages, 0);

-- name: add_passage
-- A passage with its words, and the texts whose vectors stand for it.
WITH terms AS MATERIALIZED (
    SELECT term, occurrences FROM count_terms(concat_ws(E'\n', :title::text, :heading::text, :content::text))
), passage AS (
    INSERT INTO knowledge_base (id, revision_id, position, title, heading, content, words)
    VALUES (:id, :revision_id, :position, :title, :heading, :content, (SELECT coalesce(sum(occurrences), 0) FROM terms))
    RETURNING id, words
), lengthened AS (
    UPDATE knowledge_revisions r SET words = r.words + p.words FROM passage p WHERE r.id = :revision_id
), texts AS (
    INSERT INTO knowledge_texts (passage_id, part, hash)
    SELECT id, part, hash FROM passage,
           (VALUES ('title', :title_hash::bytea), ('passage', :passage_hash::bytea)) AS t (part, hash)
)
INSERT INTO knowledge_terms (term, passage_id, occurrences) SELECT term, :id, occurrences FROM terms;

-- name: add_question
-- How customers ask, kept with the likest passage of the revision: by meaning, else by words, else the first.
WITH asked AS MATERIALIZED (
    SELECT term, occurrences FROM count_terms(:question::text)
), likest AS MATERIALIZED (
    SELECT k.id FROM knowledge_base k
      LEFT JOIN LATERAL (
        SELECT max(1 - coalesce(v.small <=> q.small, v.large <=> q.large)) AS cosine
          FROM knowledge_texts t
          JOIN knowledge_vectors v ON v.hash = t.hash AND v.model = :model
          JOIN knowledge_vectors q ON q.hash = :hash AND q.model = :model
         WHERE t.passage_id = k.id AND t.part <> 'question') meaning ON true
      LEFT JOIN LATERAL (
        SELECT count(*) AS shared FROM knowledge_terms t JOIN asked USING (term) WHERE t.passage_id = k.id) words ON true
     WHERE k.revision_id = :revision_id
     ORDER BY meaning.cosine DESC NULLS LAST, words.shared DESC, k.position LIMIT 1
), kept AS (
    INSERT INTO knowledge_texts (passage_id, part, hash, question) SELECT id, 'question', :hash, :question FROM likest
    ON CONFLICT DO NOTHING
), counted AS (
    INSERT INTO knowledge_terms AS t (term, passage_id, occurrences)
    SELECT term, id, occurrences FROM asked, likest
    ON CONFLICT (term, passage_id) DO UPDATE SET occurrences = t.occurrences + excluded.occurrences
), lengthened AS (
    UPDATE knowledge_base k SET words = k.words + a.words
      FROM likest, (SELECT coalesce(sum(occurrences), 0) AS words FROM asked) a WHERE k.id = likest.id
)
UPDATE knowledge_revisions r SET words = r.words + (SELECT coalesce(sum(occurrences), 0) FROM asked)
 WHERE r.id = :revision_id;

-- name: publish
-- From now on, and no other revision of this article.
UPDATE knowledge_revisions
   SET published = CASE WHEN id = :revision_id THEN published + tstzmultirange(tstzrange(now(), NULL))
                        ELSE published - tstzmultirange(tstzrange(now(), NULL)) END
 WHERE article_id = (SELECT article_id FROM knowledge_revisions WHERE id = :revision_id)
   AND upper_inf(published) <> (id = :revision_id)
RETURNING article_id;

-- name: unpublish
UPDATE knowledge_revisions SET published = published - tstzmultirange(tstzrange(now(), NULL))
 WHERE article_id = :article_id AND upper_inf(published)
RETURNING article_id;

-- name: withdraw_resting
-- Answers that were taken from what an article said before. Published again, they would say it again.
WITH withdrawn AS (
    UPDATE knowledge_revisions SET published = published - tstzmultirange(tstzrange(now(), NULL))
     WHERE article_id = ANY (array(SELECT id FROM knowledge_articles WHERE rests_on = :article_id)) AND upper_inf(published)
    RETURNING article_id
)
UPDATE learned_tickets SET outcome = 'withdrawn', decided_at = now()
 WHERE ticket_id = ANY (array(SELECT a.ticket_id FROM withdrawn JOIN knowledge_articles a ON a.id = withdrawn.article_id));

-- name: drop_draft
-- An answer that nobody was ever told.
DELETE FROM knowledge_articles a
 WHERE a.id = :article_id
   AND NOT EXISTS (SELECT FROM knowledge_revisions r WHERE r.article_id = a.id AND NOT isempty(r.published))
RETURNING a.id;

-- name: list_passages
SELECT title, heading, content FROM knowledge_base WHERE revision_id = :revision_id ORDER BY position;

-- name: add_version
INSERT INTO knowledge_versions (id) VALUES (:id);

-- name: find_version
-- What is in force, or was, and in what languages customers can be answered from it alone. In two, as in search.
SELECT v.id, v.published_at, ARRAY(
    SELECT language FROM knowledge_revisions
     WHERE :as_of::timestamptz IS NULL AND upper_inf(published) AND audience = 'public' AND language IS NOT NULL
    UNION
    SELECT language FROM knowledge_revisions
     WHERE :as_of::timestamptz IS NOT NULL AND published @> :as_of::timestamptz
       AND audience = 'public' AND language IS NOT NULL
     ORDER BY language) AS languages
  FROM knowledge_versions v WHERE v.published_at <= coalesce(:as_of::timestamptz, now())
 ORDER BY v.published_at DESC, v.id DESC LIMIT 1;

-- name: count_articles
SELECT count(*) FROM knowledge_articles WHERE kind = 'article';

-- name: list_articles
SELECT a.source, a.kind, r.title, r.category, r.language, r.audience, r.passages,
       upper_inf(r.published) AS is_published, r.created_at,
       (SELECT count(*) FROM knowledge_revisions o WHERE o.article_id = a.id) AS revisions,
       (SELECT count(*) FROM knowledge_hints h JOIN knowledge_base k ON k.id = h.passage_id
         WHERE k.revision_id = r.id) AS hints
  FROM knowledge_articles a
  JOIN LATERAL (SELECT * FROM knowledge_revisions r WHERE r.article_id = a.id ORDER BY r.id DESC LIMIT 1) r ON true
 ORDER BY a.kind, a.source;

-- name: list_untold
-- Revisions of which nobody knows yet what language they are in, each with its first words.
SELECT r.id, concat_ws(E'\n', r.title, (SELECT string_agg(k.content, E'\n' ORDER BY k.position) FROM knowledge_base k
                                         WHERE k.revision_id = r.id AND k.position < 10)) AS text
  FROM knowledge_revisions r WHERE r.language IS NULL ORDER BY r.id LIMIT :max_revisions;

-- name: set_language
UPDATE knowledge_revisions SET language = :language WHERE id = :revision_id;

-- name: search
-- The nearest passages by meaning and the best by words, and what each part of the score is.
--
-- Meaning: cosine with the passage, with its title and with what customers ask that it answers; the nearest of them
-- counts three quarters, the farther of passage and title the rest. Words: BM25 over the
-- words of the question in any order, scaled to the best; with AND, 82 of 100 questions find nothing. Identifiers: an
-- HL-2310 of the question stands in the passage; the fewer have it the surer. A resolution goes before an article
-- that fits as well. The weights were chosen by looking at the sets they are reported on, which have no train part:
-- MRR@10 in percent, with ts_rank and without titles, and as it is: StackFAQ 96.0 and 97.8, Bitext by its intents'
-- names and one answer each 84.7 and 88.5. Identifiers that one article alone has, taken from StackFAQ's answers, are
-- first for all 753 questions; without their own part for 46 in 100.
WITH question AS MATERIALIZED (  -- read once: for each vector compared, its text took longer than comparing
    SELECT (:small::text)::halfvec(384) AS small, (:large::text)::halfvec(1536) AS large
), shelf AS NOT MATERIALIZED (
    SELECT r.* FROM knowledge_revisions r
     -- As a CASE, of which the planner takes half to be true. Of `published @>` alone it takes 1 in 100, and then
     -- compares every vector rather than walk the graph.
     WHERE CASE WHEN :as_of::timestamptz IS NULL THEN upper_inf(r.published) ELSE r.published @> :as_of::timestamptz END
       AND r.audience = ANY (:audiences::text[])
       AND (:language::text IS NULL OR r.language IS NULL OR r.language = :language)
       AND r.article_id IS DISTINCT FROM (SELECT id FROM knowledge_articles WHERE ticket_id = :without_ticket)
), corpus AS (
    SELECT greatest(sum(passages), 1)::float8 AS passages,
           greatest(sum(words), 1)::float8 / greatest(sum(passages), 1) AS words,
           -- Where comparing all of it takes less time than the walk, which gets longer the rarer its passages are: in
           -- 100,000 passages a shelf below 2,400, of which 1,000 take a sixth of the walk's time.
           sum(passages)::float8 ^ 2 < 60 * (SELECT reltuples FROM pg_class WHERE oid = 'knowledge_base'::regclass) AS is_small
      FROM (  -- the shelf again, in two: what is published now is found by an index that has nothing else
        SELECT * FROM knowledge_revisions WHERE :as_of::timestamptz IS NULL AND upper_inf(published)
        UNION ALL
        SELECT * FROM knowledge_revisions WHERE :as_of::timestamptz IS NOT NULL AND published @> :as_of::timestamptz) r
     WHERE r.audience = ANY (:audiences::text[])
       AND (:language::text IS NULL OR r.language IS NULL OR r.language = :language)
       AND r.article_id IS DISTINCT FROM (SELECT id FROM knowledge_articles WHERE ticket_id = :without_ticket)
), by_meaning AS (
    -- The number stands here: of a parameter the planner takes a tenth of all rows, and then compares every vector
    -- rather than walk the graph: 10 s instead of 20 ms in 100,000 passages.
    (SELECT t.passage_id FROM knowledge_vectors v JOIN knowledge_texts t USING (hash)
       JOIN knowledge_base k ON k.id = t.passage_id JOIN shelf r ON r.id = k.revision_id
      WHERE v.model = :model AND :small::text IS NOT NULL AND (SELECT NOT is_small FROM corpus)
      ORDER BY v.small <=> (SELECT small FROM question) LIMIT 60)
    UNION ALL
    (SELECT t.passage_id FROM knowledge_vectors v JOIN knowledge_texts t USING (hash)
       JOIN knowledge_base k ON k.id = t.passage_id JOIN shelf r ON r.id = k.revision_id
      WHERE v.model = :model AND :large::text IS NOT NULL AND (SELECT NOT is_small FROM corpus)
      ORDER BY v.large <=> (SELECT large FROM question) LIMIT 60)
    UNION ALL
    -- A small shelf is compared whole, by its keys: the graph has few of it among many others, and finds them late.
    (SELECT n.passage_id FROM shelf r CROSS JOIN LATERAL (
            SELECT t.passage_id, coalesce(v.small <=> (SELECT small FROM question),
                                          v.large <=> (SELECT large FROM question)) AS distance
              FROM knowledge_base k JOIN knowledge_texts t ON t.passage_id = k.id JOIN knowledge_vectors v USING (hash)
             WHERE k.revision_id = r.id AND v.model = :model OFFSET 0) n
      WHERE (SELECT is_small FROM corpus) ORDER BY n.distance LIMIT 60)
), hits AS (
    SELECT t.passage_id, t.term, t.occurrences::float8, k.words, count(*) OVER (PARTITION BY t.term)::float8 AS known
      FROM knowledge_terms t
     -- One by one, with OFFSET 0: the planner takes every word to be frequent, and would read all passages.
     CROSS JOIN LATERAL (SELECT k.words FROM knowledge_base k JOIN shelf r ON r.id = k.revision_id
                          WHERE k.id = t.passage_id OFFSET 0) k
     -- A word that so many passages have tells few of them apart, and takes as long as all the others: left to meaning.
     WHERE t.term = ANY (array(
            SELECT q.term FROM count_terms(:words) q
             WHERE :model::text IS NULL
                OR (SELECT count(*) FROM (SELECT FROM knowledge_terms c WHERE c.term = q.term LIMIT :common) few) < :common))
), ranked AS (
    SELECT h.passage_id,
           coalesce(sum(ln(1 + (c.passages - known + 0.5) / (known + 0.5)) * occurrences * 2.2
                        / (occurrences + 1.2 * (0.25 + 0.75 * h.words / c.words))) FILTER (WHERE term NOT LIKE '#%'), 0) AS bm25,
           coalesce(max(1 / sqrt(known)) FILTER (WHERE term LIKE '#%'), 0) AS named
      FROM hits h, corpus c GROUP BY h.passage_id
), by_words AS (
    SELECT passage_id, bm25 / greatest(max(bm25) OVER (), 1e-9) AS lexical, named
      FROM ranked ORDER BY bm25 + 10 * named DESC LIMIT :candidates
), scored AS (
    SELECT k.id, k.revision_id, k.title, k.heading, k.content, m.similarity, coalesce(w.lexical, 0) AS lexical,
           coalesce(w.named, 0) AS named
      FROM (SELECT passage_id FROM by_meaning UNION SELECT passage_id FROM by_words) c
      JOIN knowledge_base k ON k.id = c.passage_id
      LEFT JOIN by_words w ON w.passage_id = k.id
      CROSS JOIN LATERAL (
        SELECT 0.75 * max(cosine) + 0.25 * min(cosine) FILTER (WHERE part <> 'question') AS similarity FROM (
            SELECT part, 1 - coalesce(v.small <=> (SELECT small FROM question), v.large <=> (SELECT large FROM question)) AS cosine
              FROM knowledge_texts t JOIN knowledge_vectors v USING (hash)
             WHERE t.passage_id = k.id AND v.model = :model) parts) m
)
SELECT s.id, a.id AS article_id, a.source, a.kind, a.rests_on, r.category, r.language, s.title, s.heading,
       s.content, s.similarity, s.lexical::float8, s.named::float8,
       (SELECT b.title FROM knowledge_revisions b
         WHERE b.article_id = a.rests_on AND upper_inf(b.published) AND b.audience = 'public') AS rests_on_title,
       (coalesce(s.similarity, 0) + 0.15 * s.lexical + 0.5 * s.named
        + CASE a.kind WHEN 'resolution' THEN 0.05 ELSE 0 END)::float8 AS score
  FROM scored s JOIN knowledge_revisions r ON r.id = s.revision_id JOIN knowledge_articles a ON a.id = r.article_id
 ORDER BY score DESC, s.id LIMIT :max_passages;

-- name: count_known_words
-- Which of these words the knowledge has, in any inflection, and in how many passages; a thousand are enough to know.
SELECT word, passages
  FROM unnest(:words::text[]) word
 CROSS JOIN LATERAL (
    SELECT count(*) AS passages
      FROM (SELECT FROM count_terms(word) c JOIN knowledge_terms t ON t.term = c.term LIMIT 1000) few) counted
 WHERE passages > 0;

-- name: drop_hints
DELETE FROM knowledge_hints WHERE passage_id IN (SELECT id FROM knowledge_base WHERE revision_id = :revision_id);

-- name: list_nearest
-- For each passage of a revision, those published of other articles that are like it. The number stands here for the
-- reason that it does in the search.
SELECT k.id, k.title, k.content, o.id AS other_id, o.title AS other_title, o.content AS other_content, a.source AS other_source,
       n.cosine
  FROM knowledge_base k
  JOIN knowledge_texts t ON t.passage_id = k.id AND t.part = 'passage'
  JOIN knowledge_vectors v ON v.hash = t.hash AND v.model = :model
  CROSS JOIN LATERAL (
    SELECT u.passage_id, 1 - (w.small <=> v.small) AS cosine
      FROM knowledge_vectors w JOIN knowledge_texts u ON u.hash = w.hash AND u.part = 'passage'
     WHERE w.model = :model ORDER BY w.small <=> v.small LIMIT 20) n
  JOIN knowledge_base o ON o.id = n.passage_id
  JOIN knowledge_revisions r ON r.id = o.revision_id AND upper_inf(r.published)
  JOIN knowledge_revisions own ON own.id = k.revision_id AND own.article_id <> r.article_id
  JOIN knowledge_articles a ON a.id = r.article_id AND a.kind = 'article'
 WHERE k.revision_id = :revision_id AND n.cosine >= :least
 ORDER BY k.position, n.cosine DESC;

-- name: add_hint
INSERT INTO knowledge_hints (passage_id, other_id, kind, reason) VALUES (:passage_id, :other_id, :kind, :reason)
ON CONFLICT (passage_id, other_id) DO UPDATE SET kind = excluded.kind, reason = excluded.reason, created_at = now();

-- name: list_hints
SELECT h.kind, h.reason, a.source, k.heading, b.source AS other_source, o.heading AS other_heading
  FROM knowledge_hints h
  JOIN knowledge_base k ON k.id = h.passage_id JOIN knowledge_revisions r ON r.id = k.revision_id AND upper_inf(r.published)
  JOIN knowledge_articles a ON a.id = r.article_id
  JOIN knowledge_base o ON o.id = h.other_id JOIN knowledge_revisions s ON s.id = o.revision_id AND upper_inf(s.published)
  JOIN knowledge_articles b ON b.id = s.article_id
 ORDER BY a.source, h.kind, k.position;

-- name: refresh_statistics
-- After a load the planner still takes the tables to be empty, and searches ten times slower.
ANALYZE knowledge_articles, knowledge_revisions, knowledge_base, knowledge_terms, knowledge_texts, knowledge_vectors;
