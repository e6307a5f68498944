-- name: delete_finished
-- The oldest finished messages, but none of a dead letter that nobody has settled. A row that is being moved back to
-- the end of its thread is locked, and left alone. A constant limit: with a parameter the planner expects a tenth of
-- the table and sorts it.
WITH old AS MATERIALIZED (
    SELECT m.thread_id, m.seq
      FROM message_queue m JOIN queue_threads t ON t.id = m.thread_id
     WHERE m.received_at < now() - make_interval(days => :days) AND m.seq <= t.done_seq
       AND NOT EXISTS (SELECT FROM dead_letters d
                        WHERE d.thread_id = m.thread_id AND m.seq BETWEEN d.first_seq AND d.through_seq
                          AND d.state = 'open')
     ORDER BY m.received_at LIMIT 1000 FOR UPDATE OF m SKIP LOCKED
), deleted AS (
    DELETE FROM message_queue m USING old WHERE m.thread_id = old.thread_id AND m.seq = old.seq RETURNING m.seq
)
SELECT count(*) FROM deleted;

-- name: delete_failures
-- The history of turns that succeeded in the end.
WITH old AS MATERIALIZED (
    SELECT f.thread_id, f.first_seq, f.failed_at
      FROM queue_failures f JOIN queue_threads t ON t.id = f.thread_id
     WHERE f.failed_at < now() - make_interval(days => :days) AND t.done_seq >= f.first_seq
     ORDER BY f.failed_at LIMIT 1000
), deleted AS (
    DELETE FROM queue_failures f USING old
     WHERE f.thread_id = old.thread_id AND f.first_seq = old.first_seq AND f.failed_at = old.failed_at
    RETURNING f.attempt
)
SELECT count(*) FROM deleted;

-- name: delete_settled_dead_letters
WITH old AS MATERIALIZED (
    SELECT id FROM dead_letters
     WHERE state <> 'open' AND settled_at < now() - make_interval(days => :days)
     ORDER BY settled_at LIMIT 1000
), deleted AS (
    DELETE FROM dead_letters d USING old WHERE d.id = old.id RETURNING d.id
)
SELECT count(*) FROM deleted;

-- name: delete_sources
-- What is listed and not fetched yet stays, however long its inbox needs to be signed in to again.
WITH old AS MATERIALIZED (
    SELECT id FROM message_sources
     WHERE received_at < now() - make_interval(days => :days) AND state <> 'listed'
     ORDER BY received_at LIMIT 1000
), deleted AS (
    DELETE FROM message_sources s USING old WHERE s.id = old.id RETURNING s.id
)
SELECT count(*) FROM deleted;

-- name: delete_thread_keys
-- Names of mail that nobody will answer any more. Those of WhatsApp stay: they are few, and without them a number would
-- lead to the thread of its former owner.
WITH old AS MATERIALIZED (
    SELECT channel, inbox, participant, key FROM thread_keys
     WHERE created_at < now() - make_interval(days => :days) AND participant <> ''
     ORDER BY created_at LIMIT 1000
), deleted AS (
    DELETE FROM thread_keys k USING old
     WHERE (k.channel, k.inbox, k.participant, k.key) = (old.channel, old.inbox, old.participant, old.key)
    RETURNING k.key
)
SELECT count(*) FROM deleted;

-- name: delete_codes
-- And the address that the letter with the code went to; the letter itself belongs to its conversation.
WITH old AS MATERIALIZED (
    SELECT id, conversation_id FROM identity_codes WHERE created_at < now() - make_interval(days => :days)
     ORDER BY created_at LIMIT 1000
), forgotten AS (
    UPDATE outbox o SET path = NULL FROM old, messages m
     WHERE m.conversation_id = old.conversation_id AND o.id = m.id AND o.code_id = old.id
       AND o.state NOT IN ('queued', 'sending')
), deleted AS (
    DELETE FROM identity_codes c USING old WHERE c.id = old.id RETURNING c.id
)
SELECT count(*) FROM deleted;

-- name: delete_orphans
-- Contents that no message of ours came to have: their transaction was rolled back, or their conversation is gone. The
-- age is looked at again in the end, because one may have been put once more meanwhile.
WITH old AS MATERIALIZED (
    SELECT a.digest FROM attachments a
     WHERE a.created_at < now() - make_interval(days => :days)
       AND NOT EXISTS (SELECT FROM message_attachments m WHERE m.digest = a.digest)
     ORDER BY a.created_at LIMIT 1000
), deleted AS (
    DELETE FROM attachments a USING old
     WHERE a.digest = old.digest AND a.created_at < now() - make_interval(days => :days) RETURNING a.digest
)
SELECT count(*) FROM deleted;

-- name: strip_runs
-- The words of old runs: what the brain was shown, wrote and had its tools do. Decision and figures stay.
WITH old AS MATERIALIZED (
    SELECT id FROM agent_runs WHERE has_trace AND created_at < now() - make_interval(days => :days)
     ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED
), tools AS (
    DELETE FROM tool_calls c USING old WHERE c.run_id = old.id
), models AS (
    UPDATE model_calls c SET output = '[]' FROM old WHERE c.run_id = old.id
), stripped AS (
    UPDATE agent_runs r SET has_trace = false, input = '[]', turn = NULL, draft = NULL FROM old WHERE r.id = old.id
    RETURNING r.id
)
SELECT count(*) FROM stripped;

-- name: list_ended
-- Threads whose ticket has ended so many days ago, and in which nothing waits.
SELECT v.thread_id
  FROM tickets k JOIN conversations v ON v.id = k.conversation_id JOIN queue_threads t ON t.id = v.thread_id
 WHERE k.status IN ('closed', 'auto_resolved') AND k.updated_at < now() - make_interval(days => :days)
   AND t.ready_at IS NULL
 ORDER BY k.updated_at LIMIT 100;
