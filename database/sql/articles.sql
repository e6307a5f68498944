-- name: list_page
-- Articles as they stand, changed last first, from behind a revision on. The newest revision of an article stands for it.
SELECT r.id AS revision_id, a.id, a.source, a.kind, r.title, r.category, r.language, r.audience, r.passages,
       upper_inf(r.published) AS is_published, r.created_at, a.updated_at,
       (SELECT count(*) FROM knowledge_revisions o WHERE o.article_id = a.id) AS revisions,
       (SELECT count(*) FROM knowledge_base k JOIN knowledge_hints h ON h.passage_id = k.id
         WHERE k.revision_id = r.id) AS hints
  FROM knowledge_revisions r JOIN knowledge_articles a ON a.id = r.article_id
 WHERE (:before::uuid IS NULL OR r.id < :before::uuid)
   AND NOT EXISTS (SELECT FROM knowledge_revisions n WHERE n.article_id = r.article_id AND n.id > r.id)
   AND (:kind::text IS NULL OR a.kind = :kind::text)
   AND (:category::text IS NULL OR r.category = :category::text)
   AND (:audience::text IS NULL OR r.audience = :audience::text)
   AND (:language::text IS NULL OR r.language = :language::text)
   AND (:is_published::boolean IS NULL OR upper_inf(r.published) = :is_published::boolean)
   -- Every word in some passage, in any inflection.
   AND (:words::text IS NULL OR NOT EXISTS (
        SELECT FROM count_terms(:words::text) w
         WHERE NOT EXISTS (SELECT FROM knowledge_base k JOIN knowledge_terms t ON t.passage_id = k.id AND t.term = w.term
                            WHERE k.revision_id = r.id)))
 ORDER BY r.id DESC LIMIT :max_articles;

-- name: view
SELECT r.id AS revision_id, a.id, a.source, a.kind, r.title, r.category, r.language, r.audience, r.passages,
       upper_inf(r.published) AS is_published, r.created_at, a.updated_at, a.rests_on,
       (SELECT ref FROM tickets t WHERE t.id = a.ticket_id) AS ticket_ref,
       (SELECT count(*) FROM knowledge_revisions o WHERE o.article_id = a.id) AS revisions,
       (SELECT count(*) FROM knowledge_base k JOIN knowledge_hints h ON h.passage_id = k.id
         WHERE k.revision_id = r.id) AS hints
  FROM knowledge_articles a
  JOIN LATERAL (SELECT * FROM knowledge_revisions r WHERE r.article_id = a.id ORDER BY r.id DESC LIMIT 1) r ON true
 WHERE a.id = :article_id;

-- name: list_revisions
SELECT id, title, language, audience, passages, words, upper_inf(published) AS is_published, created_at
  FROM knowledge_revisions WHERE article_id = :article_id ORDER BY id DESC LIMIT 100;

-- name: list_passages
SELECT id, heading, content,
       array(SELECT t.question FROM knowledge_texts t WHERE t.passage_id = k.id AND t.part = 'question') AS questions
  FROM knowledge_base k WHERE revision_id = :revision_id ORDER BY position;

-- name: list_hints
SELECT h.kind, h.reason, k.heading, r.article_id AS other_article_id, o.title AS other_title, o.heading AS other_heading
  FROM knowledge_base k JOIN knowledge_hints h ON h.passage_id = k.id
  JOIN knowledge_base o ON o.id = h.other_id JOIN knowledge_revisions r ON r.id = o.revision_id
 WHERE k.revision_id = :revision_id ORDER BY h.kind, k.position;
