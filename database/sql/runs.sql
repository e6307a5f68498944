-- name: add_run
INSERT INTO agent_runs (id, conversation_id, attempt, through_seq, brain, model, fallback, prompt_hash,
                        instructions_hash, input, knowledge_version, outcome, decision, stages, input_tokens,
                        cached_tokens, output_tokens, cost_usd, turn, draft)
VALUES (:id, :conversation_id, :attempt, :through_seq, :brain, :model, :fallback, :prompt_hash, :instructions_hash,
        :input::jsonb, :knowledge_version, :outcome, :decision::jsonb, :stages::jsonb, :input_tokens, :cached_tokens,
        :output_tokens, :cost_usd, :turn::jsonb, :draft::jsonb);

-- name: add_model_call
INSERT INTO model_calls (run_id, position, purpose, model, output, input_tokens, cached_tokens, output_tokens, cost_usd,
                         milliseconds, finish_reason, error)
VALUES (:run_id, :position, :purpose, :model, :output::jsonb, :input_tokens, :cached_tokens, :output_tokens, :cost_usd,
        :milliseconds, :finish_reason, :error);

-- name: add_tool_call
INSERT INTO tool_calls (run_id, position, tool, arguments, output, milliseconds, model_call)
VALUES (:run_id, :position, :tool, :arguments::jsonb, :output, :milliseconds, :model_call);

-- name: add_metric
INSERT INTO agent_metrics (run_id, channel, inbox, outcome, confidence, sentiment, agent_ms, reply_ms)
VALUES (:run_id, :channel, :inbox, :outcome, :confidence, :sentiment, :agent_ms,
        extract(epoch FROM clock_timestamp() - :received_at::timestamptz) * 1000);

-- name: find_outcome
-- The newest settled run of a thread's conversation, with the reply it left and when that was sent. What the desk says
-- later, as when the customer rates the answer, is not what the run said; and a silent one said nothing. A reply may
-- be in parts, which are stored at once.
SELECT r.id, r.conversation_id, r.outcome, r.brain, r.model, r.decision, r.stages, t.ref, t.team, m.citations,
       coalesce((SELECT string_agg(p.text, E'\n\n' ORDER BY p.created_at, p.id)
                   FROM messages p JOIN outbox q ON q.id = p.id
                  WHERE p.conversation_id = v.id AND p.created_at BETWEEN m.created_at - interval '10 seconds' AND m.created_at
                    AND p.author = m.author AND q.in_reply_to = o.in_reply_to), m.text) AS text,
       o.state AS delivery, extract(epoch FROM o.sent_at - o.created_at)::float8 * 1000 AS deliver_ms
  FROM conversations v
  JOIN tickets t ON t.conversation_id = v.id
  JOIN LATERAL (SELECT * FROM agent_runs r WHERE r.conversation_id = v.id AND r.outcome <> 'superseded'
                 ORDER BY r.created_at DESC LIMIT 1) r ON true
  LEFT JOIN LATERAL (SELECT m.id, m.author, m.text, m.citations, m.created_at FROM messages m
                      WHERE m.conversation_id = v.id
                         AND m.author = CASE r.outcome WHEN 'answered' THEN 'assistant' WHEN 'escalated' THEN 'system' END
                      ORDER BY m.created_at DESC LIMIT 1) m ON true
  LEFT JOIN outbox o ON o.id = m.id
 WHERE v.thread_id = :thread_id;

-- name: count_superseded
-- Turns in vain over messages that are still not settled.
SELECT count(*) FROM agent_runs
 WHERE conversation_id = :conversation_id AND outcome = 'superseded' AND through_seq > :after_seq;
