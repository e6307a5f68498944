-- name: find
SELECT customer_id, subjects, erased_by, counts, begun_at, finished_at FROM erasures WHERE customer_id = :customer_id;

-- name: begin
-- Begun again after an interruption, it also names what the customer has come to be known by meanwhile.
INSERT INTO erasures AS e (customer_id, subjects, erased_by) VALUES (:customer_id, :subjects::text[], :erased_by)
ON CONFLICT (customer_id) DO UPDATE
   SET subjects = array(SELECT DISTINCT subject FROM unnest(e.subjects || excluded.subjects) AS s (subject) ORDER BY 1);

-- name: add_counts
UPDATE erasures e
   SET counts = (SELECT coalesce(jsonb_object_agg(name, rows), '{}')
                   FROM (SELECT name, sum(rows) AS rows
                           FROM (SELECT key AS name, value::bigint AS rows FROM jsonb_each_text(e.counts)
                                 UNION ALL SELECT key, value::bigint FROM jsonb_each_text(:counts::jsonb)) both_
                          GROUP BY name) summed)
 WHERE customer_id = :customer_id;

-- name: finish
UPDATE erasures SET finished_at = now() WHERE customer_id = :customer_id AND finished_at IS NULL;

-- name: list_identifiers
SELECT kind, value, level FROM customer_identifiers WHERE customer_id = :customer_id ORDER BY kind, value, level;

-- name: has_customer
SELECT EXISTS (SELECT FROM customers WHERE id = :customer_id);

-- name: list_threads
SELECT thread_id FROM conversations WHERE customer_id = :customer_id ORDER BY thread_id;

-- name: list_waiting
-- Threads that no worker has seen, begun by somebody whom this customer is known as.
SELECT DISTINCT t.id AS thread_id
  FROM queue_threads t
  JOIN LATERAL (SELECT m.payload -> 'sender' AS sender FROM message_queue m
                 WHERE m.thread_id = t.id AND m.seq > t.done_seq OFFSET 0) m ON true
 WHERE t.ready_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM conversations v WHERE v.thread_id = t.id OFFSET 0)
   AND EXISTS (SELECT FROM customer_identifiers i
                WHERE i.customer_id = :customer_id AND i.kind = m.sender ->> 'kind' AND i.value = m.sender ->> 'value'
                  AND i.level = m.sender ->> 'level' OFFSET 0);

-- name: list_buried
-- Dead letters without a conversation, some at a time: `is_theirs` marks those of this customer.
WITH looked AS MATERIALIZED (
    SELECT id, thread_id, first_seq, through_seq FROM dead_letters WHERE id > :after ORDER BY id LIMIT 500
)
SELECT l.id, l.thread_id,
       NOT EXISTS (SELECT FROM conversations v WHERE v.thread_id = l.thread_id OFFSET 0)
       AND EXISTS (SELECT FROM message_queue m JOIN customer_identifiers i
                       ON i.kind = m.payload -> 'sender' ->> 'kind' AND i.value = m.payload -> 'sender' ->> 'value'
                      AND i.level = m.payload -> 'sender' ->> 'level'
                    WHERE m.thread_id = l.thread_id AND m.seq BETWEEN l.first_seq AND l.through_seq
                      AND i.customer_id = :customer_id OFFSET 0) AS is_theirs
  FROM looked l ORDER BY l.id;

-- name: lock_thread
-- Whoever has leased the thread fails at the fence once its row is gone, and writes nothing. One that arrives meanwhile
-- waits for this transaction, and begins the thread anew.
SELECT t.id, t.channel, t.inbox, t.contact, t.ready_at IS NULL AS is_asleep, v.id AS conversation_id, v.customer_id,
       (SELECT k.id FROM tickets k WHERE k.conversation_id = v.id) AS ticket_id
  FROM queue_threads t LEFT JOIN conversations v ON v.thread_id = t.id
 WHERE t.id = :thread_id FOR UPDATE OF t;

-- name: bury
-- So that a redelivery, or a mailbox that is read once more, does not bring them back.
INSERT INTO erased_messages (hash)
SELECT hash_message(channel, inbox, external_id) FROM message_queue WHERE thread_id = :thread_id
ON CONFLICT (hash) DO NOTHING;

-- name: count_rows
SELECT (SELECT count(*) FROM messages WHERE conversation_id = v.id) AS messages,
       (SELECT count(*) FROM tickets WHERE conversation_id = v.id) AS tickets,
       (SELECT count(*) FROM agent_runs WHERE conversation_id = v.id) AS agent_runs,
       (SELECT count(*) FROM agent_runs r JOIN tool_calls c ON c.run_id = r.id WHERE r.conversation_id = v.id)
       AS tool_calls,
       (SELECT count(*) FROM agent_runs r JOIN model_calls c ON c.run_id = r.id WHERE r.conversation_id = v.id)
       AS model_calls,
       (SELECT count(*) FROM agent_runs r JOIN run_labels l ON l.run_id = r.id WHERE r.conversation_id = v.id)
       AS run_labels,
       (SELECT count(*) FROM messages m JOIN outbox o ON o.id = m.id WHERE m.conversation_id = v.id) AS outbox,
       (SELECT count(*) FROM notices WHERE conversation_id = v.id) AS notices,
       (SELECT count(*) FROM customer_facts WHERE conversation_id = v.id) AS customer_facts,
       (SELECT count(*) FROM tickets k JOIN ticket_feedback f ON f.ticket_id = k.id WHERE k.conversation_id = v.id)
       AS ticket_feedback,
       (SELECT count(*) FROM tickets k JOIN ticket_notes n ON n.ticket_id = k.id WHERE k.conversation_id = v.id)
       AS ticket_notes,
       (SELECT count(*) FROM tickets k JOIN knowledge_articles a ON a.ticket_id = k.id WHERE k.conversation_id = v.id)
       AS knowledge_articles
  FROM (SELECT :conversation_id::uuid AS id) v;

-- name: forget_sources
-- The name of a source stays, so that the same webhook is known when it is sent again.
WITH forgotten AS (
    UPDATE message_sources SET state = 'gone', reason = 'erased', facts = '{}', body = NULL
     WHERE id IN (SELECT source_id FROM messages WHERE conversation_id = :conversation_id AND source_id IS NOT NULL
                  UNION SELECT (payload ->> 'source_id')::uuid FROM message_queue
                         WHERE thread_id = :thread_id AND payload ->> 'source_id' IS NOT NULL)
    RETURNING id
)
SELECT count(*) FROM forgotten;

-- name: forget_vectors
-- Of what was learned from this ticket, unless another passage has the very same text.
WITH learned AS MATERIALIZED (
    SELECT DISTINCT t.hash
      FROM knowledge_articles a JOIN knowledge_revisions r ON r.article_id = a.id
      JOIN knowledge_base k ON k.revision_id = r.id JOIN knowledge_texts t ON t.passage_id = k.id
     WHERE a.ticket_id = :ticket_id
), forgotten AS (
    DELETE FROM knowledge_vectors v USING learned
     WHERE v.hash = learned.hash
       AND NOT EXISTS (SELECT FROM knowledge_texts o JOIN knowledge_base k ON k.id = o.passage_id
                         JOIN knowledge_revisions r ON r.id = k.revision_id
                         JOIN knowledge_articles a ON a.id = r.article_id
                        WHERE o.hash = learned.hash AND a.ticket_id IS DISTINCT FROM :ticket_id OFFSET 0)
    RETURNING v.hash
)
SELECT count(*) FROM forgotten;

-- name: forget_models
-- Classifiers that hold a ticket's words among their examples, and those of which nobody knows.
DELETE FROM intent_models WHERE :ticket_id::uuid = ANY (learned_from) OR learned_from IS NULL RETURNING basis;

-- name: fall_back
-- Until the desk has learned anew, the model that no ticket has taught is at work.
UPDATE intent_models SET is_active = true
 WHERE id = (SELECT id FROM intent_models WHERE basis = :basis AND source = 'taxonomy' ORDER BY created_at DESC LIMIT 1)
   AND NOT EXISTS (SELECT FROM intent_models WHERE basis = :basis AND is_active);

-- name: delete_files
-- The list of the conversation's files. Their contents go by `delete_contents`, unless another message has them too.
DELETE FROM message_attachments a USING messages m
 WHERE m.conversation_id = :conversation_id AND a.message_id = m.id
RETURNING a.digest;

-- name: delete_contents
WITH deleted AS (
    DELETE FROM attachments a
     WHERE a.digest = ANY (:digests::bytea[])
       AND NOT EXISTS (SELECT FROM message_attachments m WHERE m.digest = a.digest)
    RETURNING a.digest
)
SELECT count(*) FROM deleted;

-- name: delete_letters
WITH deleted AS (DELETE FROM dead_letters WHERE thread_id = :thread_id RETURNING id) SELECT count(*) FROM deleted;

-- name: delete_failures
WITH deleted AS (DELETE FROM queue_failures WHERE thread_id = :thread_id RETURNING attempt)
SELECT count(*) FROM deleted;

-- name: delete_queued
WITH deleted AS (DELETE FROM message_queue WHERE thread_id = :thread_id RETURNING seq) SELECT count(*) FROM deleted;

-- name: delete_keys
-- The names under which the thread is known, and whose it is by the id that stays with a person.
WITH deleted AS (
    DELETE FROM thread_keys WHERE channel = :channel AND inbox = :inbox AND contact = :contact RETURNING key
), disowned AS (
    DELETE FROM thread_keys
     WHERE channel = :channel AND inbox = :inbox AND participant = '' AND key = :owner_key::uuid
)
SELECT count(*) FROM deleted;

-- name: delete_conversation
-- Messages, ticket, runs and everything else of it go by their foreign keys.
DELETE FROM conversations WHERE id = :conversation_id;

-- name: delete_thread
DELETE FROM queue_threads WHERE id = :thread_id;

-- name: lock_customer
-- Whoever is just giving them a conversation is waited for, and whoever comes later finds nobody.
SELECT id FROM customers WHERE id = :customer_id FOR UPDATE;

-- name: drop_lonely
-- A customer who has nothing any more, and does not sign in.
WITH deleted AS (
    DELETE FROM customers c
     WHERE c.id = :customer_id AND NOT EXISTS (SELECT FROM conversations v WHERE v.customer_id = c.id)
       AND NOT EXISTS (SELECT FROM users u WHERE u.customer_id = c.id)
    RETURNING c.id
)
SELECT count(*) FROM deleted;

-- name: delete_users
WITH deleted AS (DELETE FROM users WHERE customer_id = :customer_id RETURNING id) SELECT count(*) FROM deleted;

-- name: delete_code_letters
-- One-time codes that were sent to these addresses for conversations of others, who only claimed them.
DELETE FROM messages m USING identity_codes c, outbox o
 WHERE c.value = ANY (:addresses::text[]) AND m.conversation_id = c.conversation_id AND o.id = m.id AND o.code_id = c.id;

-- name: delete_codes
WITH deleted AS (DELETE FROM identity_codes WHERE value = ANY (:addresses::text[]) RETURNING id)
SELECT count(*) FROM deleted;

-- name: look_into_sources
-- Sources that name an address, whoever's they are: bounces, reports, what was ignored. Some at a time; returns the last
-- that was looked at, and how many were forgotten. Bytes that are no ASCII are escaped, which changes no address. What
-- holds a needle is looked at again by its pattern, which tells ann@… from joann@….
WITH looked AS MATERIALIZED (
    SELECT id, lower(encode(coalesce(body, ''), 'escape') || facts::text || coalesce(reason, '')) AS said
      FROM message_sources WHERE id > :after ORDER BY id LIMIT 200
), forgotten AS (
    UPDATE message_sources s SET state = 'gone', reason = 'erased', facts = '{}', body = NULL
      FROM looked l
     WHERE s.id = l.id AND s.state <> 'listed'
       AND EXISTS (SELECT FROM unnest(:needles::text[], :patterns::text[]) AS n (needle, pattern)
                    WHERE strpos(l.said, n.needle) > 0 AND l.said ~ n.pattern)
    RETURNING s.id
)
SELECT (SELECT max(id::text)::uuid FROM looked) AS last, (SELECT count(*) FROM forgotten) AS forgotten;
