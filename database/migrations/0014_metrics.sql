-- Metrics: what counts, when, and the sums of hours and days that are kept when the rows are gone.

-- How often a customer had to write once more about what was settled. Thanks take their own reopening back.
ALTER TABLE tickets ADD COLUMN reopenings integer NOT NULL DEFAULT 0;
UPDATE tickets SET reopenings = 1 WHERE reopened_from IS NOT NULL AND status <> reopened_from;

-- The facts of a time are found by that time.
CREATE INDEX messages_created ON messages (created_at);
CREATE INDEX tickets_came ON tickets (created_at);
CREATE INDEX outbox_created ON outbox (created_at);
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX ticket_feedback_created ON ticket_feedback (created_at);
DROP INDEX agent_metrics_channel;
CREATE INDEX agent_metrics_created ON agent_metrics (created_at);

-- In which bucket of a histogram a latency falls, counted in units of it: each bucket ends a tenth above where it begins,
-- so that whatever falls into one is at most 4.8 % away from its middle. The last one ends at 28 million units.
CREATE FUNCTION latency_bucket(units float8) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(floor(ln(greatest(units, 1)) / ln(1.1::float8)), 179)::integer;

-- A histogram with all of its counts in one bucket. Histograms are vectors, because pgvector has a fast sum of those.
CREATE FUNCTION make_histogram(bucket integer, count bigint) RETURNS vector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (array_fill(0::real, ARRAY[bucket]) || count::real || array_fill(0::real, ARRAY[179 - bucket]))::vector;

-- One row for each thing that counts: the only place that says what counts, and in which hour. The inbox of probes is
-- the desk talking to itself. Tickets count in the hour in which they came in, replies in that in which they were
-- written, a rating only as long as its ticket has no later one. A notice that a person will answer is no first reply.
-- What belongs to a fact is looked up fact by fact (LIMIT 1): a join would be planned for any length of time, and read
-- all conversations for two hours.
CREATE VIEW channel_facts (channel, at, fact, bucket, value) AS
SELECT v.channel, m.created_at, CASE m.author WHEN 'customer' THEN 'message_in' ELSE 'message_out' END, 0, 1::float8
  FROM messages m
 CROSS JOIN LATERAL (
    SELECT channel FROM conversations WHERE id = m.conversation_id AND inbox <> 'probe' LIMIT 1) v
UNION ALL
SELECT v.channel, t.created_at, f.fact, 0, 1
  FROM tickets t
 CROSS JOIN LATERAL (
    SELECT channel FROM conversations WHERE id = t.conversation_id AND inbox <> 'probe' LIMIT 1) v
 CROSS JOIN LATERAL (VALUES
    ('ticket', true),
    ('auto_resolved', t.status IN ('auto_resolved', 'closed') AND t.handover_reason IS NULL),
    ('escalated', t.handover_reason IS NOT NULL),
    ('reopened', t.reopenings > 0)) f (fact, is_so)
 WHERE f.is_so
UNION ALL
SELECT o.channel, o.created_at, f.fact, 0, 1
  FROM outbox o CROSS JOIN LATERAL (VALUES ('reply', true), ('failed_reply', o.state = 'failed')) f (fact, is_so)
 WHERE o.inbox <> 'probe' AND o.kind = 'reply' AND f.is_so
UNION ALL
SELECT o.channel, o.sent_at, 'first_reply', latency_bucket(w.milliseconds / 100), w.milliseconds
  FROM outbox o
 CROSS JOIN LATERAL (
    SELECT s.id FROM messages r JOIN outbox s ON s.id = r.id
     WHERE r.conversation_id = o.conversation_id AND r.author IN ('assistant', 'person') AND s.kind = 'reply'
       AND s.sent_at IS NOT NULL
     ORDER BY s.sent_at, s.id LIMIT 1) first
 CROSS JOIN LATERAL (
    SELECT 1000 * extract(epoch FROM o.sent_at - min(m.created_at))::float8 AS milliseconds
      FROM messages m WHERE m.conversation_id = o.conversation_id AND m.author = 'customer') w
 WHERE o.inbox <> 'probe' AND o.sent_at IS NOT NULL AND first.id = o.id AND w.milliseconds IS NOT NULL
UNION ALL
SELECT a.channel, a.created_at, f.fact, f.bucket, f.value
  FROM agent_metrics a
 CROSS JOIN LATERAL (VALUES
    ('turn', latency_bucket(a.agent_ms), a.agent_ms::float8), ('sentiment', 0, a.sentiment::float8))
    f (fact, bucket, value)
 WHERE a.inbox <> 'probe' AND (f.fact <> 'turn' OR a.agent_ms > 0)  -- 0: no brain was asked
UNION ALL
SELECT v.channel, r.created_at, f.fact, 0, f.value
  FROM agent_runs r
 CROSS JOIN LATERAL (
    SELECT channel FROM conversations WHERE id = r.conversation_id AND inbox <> 'probe' LIMIT 1) v
 CROSS JOIN LATERAL (VALUES
    ('input_tokens', r.input_tokens::float8), ('cached_tokens', r.cached_tokens), ('output_tokens', r.output_tokens),
    ('cost', r.cost_usd::float8), ('unpriced', CASE WHEN r.cost_usd IS NULL THEN 1 END)) f (fact, value)
 WHERE f.value > 0
UNION ALL
SELECT v.channel, f.created_at, 'rating', 0, f.rating
  FROM ticket_feedback f
 CROSS JOIN LATERAL (
    SELECT id FROM ticket_feedback l WHERE l.ticket_id = f.ticket_id ORDER BY l.created_at DESC, l.id DESC LIMIT 1) last
 CROSS JOIN LATERAL (
    SELECT c.channel FROM tickets t JOIN conversations c ON c.id = t.conversation_id
     WHERE t.id = f.ticket_id AND c.inbox <> 'probe' LIMIT 1) v
 WHERE last.id = f.id;

-- The facts of whole hours and days, in UTC. Latencies are histograms: of first replies in units of 100 ms, of the
-- agent's turns in milliseconds; NULL where there were none.
CREATE TABLE channel_figures (
    width             text NOT NULL,
    at                timestamptz NOT NULL,
    channel           text NOT NULL,
    messages_in       bigint NOT NULL,
    messages_out      bigint NOT NULL,
    tickets           bigint NOT NULL,
    auto_resolved     bigint NOT NULL,
    escalated         bigint NOT NULL,
    reopened          bigint NOT NULL,
    replies           bigint NOT NULL,
    delivery_failures bigint NOT NULL,
    ratings           bigint NOT NULL,
    rating_total      float8 NOT NULL,
    sentiments        bigint NOT NULL,
    sentiment_total   float8 NOT NULL,
    input_tokens      bigint NOT NULL,
    cached_tokens     bigint NOT NULL,
    output_tokens     bigint NOT NULL,
    cost_usd          float8 NOT NULL,
    unpriced_turns    bigint NOT NULL,
    first_replies     vector(180),
    agent_turns       vector(180),
    PRIMARY KEY (width, at, channel),
    CHECK (width IN ('hour', 'day'))
);

-- The same from rows, for hours that are about to be counted and for those that are not over yet.
CREATE FUNCTION sum_facts(width text, step interval, starts_at timestamptz, ends_at timestamptz)
RETURNS SETOF channel_figures LANGUAGE sql STABLE AS $$
SELECT width, f.at, f.channel,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'message_in'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'message_out'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'ticket'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'auto_resolved'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'escalated'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'reopened'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'reply'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'failed_reply'), 0)::bigint,
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'rating'), 0)::bigint,
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'rating'), 0),
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'sentiment'), 0)::bigint,
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'sentiment'), 0),
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'input_tokens'), 0)::bigint,
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'cached_tokens'), 0)::bigint,
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'output_tokens'), 0)::bigint,
       coalesce(sum(f.total) FILTER (WHERE f.fact = 'cost'), 0),
       coalesce(sum(f.count) FILTER (WHERE f.fact = 'unpriced'), 0)::bigint,
       sum(make_histogram(f.bucket, f.count)) FILTER (WHERE f.fact = 'first_reply'),
       sum(make_histogram(f.bucket, f.count)) FILTER (WHERE f.fact = 'turn')
  FROM (SELECT date_bin(step, c.at, '2000-01-03 00:00+00') AS at, c.channel, c.fact, c.bucket, count(*), sum(c.value) AS total
          FROM channel_facts c WHERE c.at >= starts_at AND c.at < ends_at GROUP BY 1, 2, 3, 4) f
 GROUP BY f.at, f.channel
$$;

-- Every hour before this one has its figures; NULL until a worker looks for the first time.
CREATE TABLE channel_figures_horizon (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    hour    timestamptz
);
INSERT INTO channel_figures_horizon DEFAULT VALUES;

-- Hours about which something became known when they were over: they are counted again. Not unique, so that nobody
-- waits for anybody.
CREATE TABLE channel_figures_stale (hour timestamptz NOT NULL);
CREATE INDEX channel_figures_stale_hour ON channel_figures_stale (hour);

-- Hours of which rows were deleted: their figures stay as they are, because counting again would forget.
CREATE TABLE channel_figures_frozen (hour timestamptz PRIMARY KEY);

CREATE FUNCTION begin_of_hour(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_bin('1 hour', at, '2000-01-01 00:00+00');

-- The triggers' WHEN keeps what happens within its hour, which is nearly everything, from ever calling these.
CREATE FUNCTION note_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO channel_figures_stale (hour)
    VALUES (begin_of_hour((to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz));
    RETURN NULL;
END $$;

-- A message or a sent reply that comes late may change which reply of its conversation was the first, and how late it was.
CREATE FUNCTION note_stale_replies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO channel_figures_stale (hour)
    SELECT begin_of_hour((to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz)
    UNION
    SELECT begin_of_hour(o.sent_at) FROM messages m JOIN outbox o ON o.id = m.id
     WHERE m.conversation_id = NEW.conversation_id AND o.sent_at IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION note_further_rating() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO channel_figures_stale (hour)
    SELECT DISTINCT begin_of_hour(created_at) FROM ticket_feedback WHERE ticket_id = NEW.ticket_id;
    RETURN NULL;
END $$;

CREATE FUNCTION freeze_hour() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO channel_figures_frozen (hour)
    SELECT begin_of_hour((to_jsonb(OLD) ->> TG_ARGV[0])::timestamptz) AS hour FROM channel_figures_horizon h
     WHERE begin_of_hour((to_jsonb(OLD) ->> TG_ARGV[0])::timestamptz) < h.hour
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER message_is_late AFTER INSERT ON messages FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale_replies('created_at');
CREATE TRIGGER ticket_is_late AFTER INSERT ON tickets FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER ticket_changes_late AFTER UPDATE OF status, handover_reason, reopenings ON tickets FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER reply_is_late AFTER INSERT ON outbox FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER reply_fails_late AFTER UPDATE OF state ON outbox FOR EACH ROW
    WHEN ((OLD.state = 'failed') <> (NEW.state = 'failed')
          AND begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER reply_was_sent AFTER UPDATE OF sent_at ON outbox FOR EACH ROW
    WHEN (OLD.sent_at IS DISTINCT FROM NEW.sent_at
          AND begin_of_hour(NEW.sent_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale_replies('sent_at');
CREATE TRIGGER reply_was_sent_before AFTER INSERT ON outbox FOR EACH ROW
    WHEN (begin_of_hour(NEW.sent_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale_replies('sent_at');
CREATE TRIGGER turn_is_late AFTER INSERT ON agent_metrics FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER run_is_late AFTER INSERT ON agent_runs FOR EACH ROW
    WHEN (begin_of_hour(NEW.created_at) < begin_of_hour(clock_timestamp())) EXECUTE FUNCTION note_stale('created_at');
CREATE TRIGGER rating_replaces AFTER INSERT ON ticket_feedback FOR EACH ROW EXECUTE FUNCTION note_further_rating();

CREATE TRIGGER message_is_gone AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
CREATE TRIGGER ticket_is_gone AFTER DELETE ON tickets FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
CREATE TRIGGER reply_is_gone AFTER DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
CREATE TRIGGER sent_reply_is_gone AFTER DELETE ON outbox FOR EACH ROW WHEN (OLD.sent_at IS NOT NULL)
    EXECUTE FUNCTION freeze_hour('sent_at');
CREATE TRIGGER turn_is_gone AFTER DELETE ON agent_metrics FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
CREATE TRIGGER run_is_gone AFTER DELETE ON agent_runs FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
CREATE TRIGGER rating_is_gone AFTER DELETE ON ticket_feedback FOR EACH ROW EXECUTE FUNCTION freeze_hour('created_at');
