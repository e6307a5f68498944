-- name: find_horizon
-- Up to when hours are counted, and up to when they can be: an hour after their end, when every transaction that began
-- in them is long over.
SELECT hour, begin_of_hour(now() - interval '1 hour') AS possible FROM channel_figures_horizon;

-- name: lock_horizon
-- As above, and nobody else counts meanwhile.
SELECT hour, begin_of_hour(now() - interval '1 hour') AS possible FROM channel_figures_horizon FOR UPDATE;

-- name: find_first
-- The hour of the oldest fact.
SELECT begin_of_hour(least(
    (SELECT min(created_at) FROM messages), (SELECT min(created_at) FROM tickets), (SELECT min(created_at) FROM outbox),
    (SELECT min(sent_at) FROM outbox WHERE sent_at IS NOT NULL), (SELECT min(created_at) FROM agent_runs),
    (SELECT min(created_at) FROM agent_metrics), (SELECT min(created_at) FROM ticket_feedback)));

-- name: move_horizon
UPDATE channel_figures_horizon SET hour = :hour;

-- name: forget_hours
DELETE FROM channel_figures WHERE width = 'hour' AND at >= :starts_at AND at < :ends_at;

-- name: count_hours
INSERT INTO channel_figures SELECT * FROM sum_facts('hour', '1 hour', :starts_at, :ends_at);

-- name: forget_days
DELETE FROM channel_figures WHERE width = 'day' AND at = ANY (:days::timestamptz[]);

-- name: count_days
-- From all hours of these days.
INSERT INTO channel_figures
SELECT 'day', date_bin('1 day', f.at, '2000-01-03 00:00+00'), f.channel,
       sum(f.messages_in), sum(f.messages_out), sum(f.tickets), sum(f.auto_resolved), sum(f.escalated),
       sum(f.reopened), sum(f.replies), sum(f.delivery_failures), sum(f.ratings), sum(f.rating_total),
       sum(f.sentiments), sum(f.sentiment_total), sum(f.input_tokens), sum(f.cached_tokens), sum(f.output_tokens),
       sum(f.cost_usd), sum(f.unpriced_turns), sum(f.first_replies), sum(f.agent_turns)
  FROM channel_figures f
 WHERE f.width = 'hour' AND f.at = ANY (:hours::timestamptz[])
 GROUP BY 2, 3;

-- name: take_stale
-- Hours to be counted again. What is known of them after this has a mark of its own.
WITH marked AS (
    SELECT DISTINCT hour FROM channel_figures_stale ORDER BY hour LIMIT :max_hours
), taken AS (
    DELETE FROM channel_figures_stale s USING marked WHERE s.hour = marked.hour
)
SELECT m.hour FROM marked m JOIN channel_figures_horizon h ON m.hour < h.hour
 WHERE NOT EXISTS (SELECT FROM channel_figures_frozen f WHERE f.hour = m.hour)
 ORDER BY m.hour;

-- name: read_figures
-- Two periods, the second from :middle on: for each, in all and by channel, and for the second also by bucket of time.
-- Sums of the days and hours that are named (:widths, :times), rows for the rest.
WITH part AS (
    SELECT f.* FROM unnest(:widths::text[], :times::timestamptz[]) AS s (width, at)
      JOIN channel_figures f ON f.width = s.width AND f.at = s.at
    UNION ALL
    SELECT * FROM sum_facts('', make_interval(secs => :row_seconds::int), :rows_from, :rows_until)
), binned AS (
    SELECT p.*, p.at >= :middle AS is_now,
           CASE WHEN p.at >= :middle
                THEN date_bin(make_interval(secs => :bucket_seconds::int), p.at, '2000-01-03 00:00+00') END AS bin
      FROM part p WHERE p.channel = ANY (:channels::text[])
)
SELECT is_now, channel, bin AS at,
       sum(messages_in)::bigint AS messages_in, sum(messages_out)::bigint AS messages_out,
       sum(tickets)::bigint AS tickets, sum(auto_resolved)::bigint AS auto_resolved,
       sum(escalated)::bigint AS escalated, sum(reopened)::bigint AS reopened, sum(replies)::bigint AS replies,
       sum(delivery_failures)::bigint AS delivery_failures, sum(ratings)::bigint AS ratings,
       sum(input_tokens)::bigint AS input_tokens, sum(cached_tokens)::bigint AS cached_tokens,
       sum(output_tokens)::bigint AS output_tokens, sum(cost_usd) AS cost_usd,
       sum(unpriced_turns)::bigint AS unpriced_turns,
       sum(rating_total) / nullif(sum(ratings), 0)::float8 AS rating_mean,
       sum(sentiment_total) / nullif(sum(sentiments), 0)::float8 AS sentiment_mean,
       sum(auto_resolved)::float8 / nullif(sum(tickets), 0)::float8 AS auto_resolve_rate,
       sum(escalated)::float8 / nullif(sum(tickets), 0)::float8 AS escalation_rate,
       sum(reopened)::float8 / nullif(sum(tickets), 0)::float8 AS reopen_rate,
       sum(first_replies)::real[] AS first_replies, sum(agent_turns)::real[] AS agent_turns
  FROM binned
 GROUP BY is_now, GROUPING SETS ((), (channel), (bin), (channel, bin))
HAVING bin IS NOT NULL OR GROUPING(bin) = 1;

-- name: count_tickets
-- Tickets that came in between two times, by what they are today.
SELECT s.status, count(*) AS tickets,
       count(*) FILTER (WHERE t.handover_reason IS NOT NULL) AS escalated,
       count(*) FILTER (WHERE t.handover_reason IS NULL AND s.status IN ('auto_resolved', 'closed')) AS automatic,
       count(*) FILTER (WHERE t.reopenings > 0) AS reopened
  FROM unnest(ARRAY['open', 'auto_resolved', 'escalated', 'closed']) AS s (status)
  JOIN tickets t ON t.status = s.status AND t.created_at >= :starts_at AND t.created_at < :ends_at
   AND t.ref NOT LIKE 'PROBE-%'
 GROUP BY s.status;

-- name: average_ratings
-- The latest of each ticket.
SELECT count(*) AS count, avg(f.rating)::float8 AS average, avg(f.is_resolved::int)::float8 AS resolved_share
  FROM ticket_feedback f
 CROSS JOIN LATERAL (
    SELECT id FROM ticket_feedback l WHERE l.ticket_id = f.ticket_id ORDER BY l.created_at DESC, l.id DESC LIMIT 1) last
 WHERE f.created_at >= :starts_at AND f.created_at < :ends_at AND last.id = f.id;

-- name: count_waiting
-- What waits now; overdue is what nobody has answered by the time that was promised.
SELECT count(*) FILTER (WHERE t.status = 'open') AS open, count(*) FILTER (WHERE t.status = 'escalated') AS escalated,
       count(*) FILTER (WHERE t.first_reply_due < :now::timestamptz AND NOT EXISTS (
           SELECT FROM messages m
            WHERE m.conversation_id = t.conversation_id AND m.author IN ('assistant', 'person'))) AS overdue
  FROM tickets t
 WHERE t.status IN ('open', 'escalated') AND t.ref NOT LIKE 'PROBE-%';
