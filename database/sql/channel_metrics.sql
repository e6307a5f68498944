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
INSERT INTO channel_figures (width, at, channel, fact, bucket, count, total)
SELECT 'hour', begin_of_hour(at), channel, fact, bucket, count(*), sum(value) FROM channel_facts
 WHERE at >= :starts_at AND at < :ends_at
 GROUP BY 2, 3, 4, 5;

-- name: forget_days
DELETE FROM channel_figures
 WHERE width = 'day' AND at = ANY (ARRAY(SELECT DISTINCT date_bin('1 day', hour, '2000-01-01 00:00+00')
                                           FROM unnest(:hours::timestamptz[]) AS h (hour)));

-- name: count_days
-- The days of these hours, from all of their hours.
INSERT INTO channel_figures (width, at, channel, fact, bucket, count, total)
SELECT 'day', d.day, f.channel, f.fact, f.bucket, sum(f.count), sum(f.total)
  FROM (SELECT DISTINCT date_bin('1 day', hour, '2000-01-01 00:00+00') AS day FROM unnest(:hours::timestamptz[]) AS h (hour)) d
  JOIN channel_figures f ON f.width = 'hour' AND f.at >= d.day AND f.at < d.day + interval '24 hours'
 GROUP BY 2, 3, 4, 5;

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
-- Sums of whole days and hours where there are some (:widths, :starts, :ends), rows for the rest. A percentile is the
-- middle of the first bucket of latencies up to which that share of them lies.
WITH fact AS (
    SELECT m.channel, m.at, m.fact, m.bucket, m.count, m.total
      FROM unnest(:widths::text[], :starts::timestamptz[], :ends::timestamptz[]) AS s (width, starts_at, ends_at)
      JOIN channel_figures m ON m.width = s.width AND m.at >= s.starts_at AND m.at < s.ends_at
     WHERE m.channel = ANY (:channels::text[])
    UNION ALL
    SELECT channel, at, fact, bucket, 1, value FROM channel_facts
     WHERE at >= :rows_from AND at < :rows_until AND channel = ANY (:channels::text[])
), binned AS (
    SELECT channel, fact, bucket, at >= :middle AS is_now,
           CASE WHEN at >= :middle
                THEN date_bin(make_interval(secs => :bucket_seconds::int), at, '2000-01-03 00:00+00') END AS bin,
           sum(count)::float8 AS count, sum(total) AS total
      FROM fact GROUP BY 1, 2, 3, 4, 5
), summed AS (
    SELECT is_now, channel, bin, fact, bucket, sum(count) AS count, sum(total) AS total
      FROM binned
     GROUP BY is_now, fact, bucket, GROUPING SETS ((), (channel), (bin), (channel, bin))
    HAVING bin IS NOT NULL OR GROUPING(bin) = 1
), ranked AS (
    SELECT is_now, channel, bin, fact, count, total, 2 / (1 + 1 / 1.1::float8) * 1.1::float8 ^ bucket / 1000 AS seconds,
           sum(count) OVER (PARTITION BY is_now, channel, bin, fact ORDER BY bucket) AS up_to,
           sum(count) OVER (PARTITION BY is_now, channel, bin, fact) AS of_all
      FROM summed
), figures AS (
    SELECT is_now, channel, bin AS at,
           coalesce(sum(count) FILTER (WHERE fact = 'message_in'), 0)::bigint AS messages_in,
           coalesce(sum(count) FILTER (WHERE fact = 'message_out'), 0)::bigint AS messages_out,
           coalesce(sum(count) FILTER (WHERE fact = 'ticket'), 0)::bigint AS tickets,
           coalesce(sum(count) FILTER (WHERE fact = 'auto_resolved'), 0)::bigint AS auto_resolved,
           coalesce(sum(count) FILTER (WHERE fact = 'escalated'), 0)::bigint AS escalated,
           coalesce(sum(count) FILTER (WHERE fact = 'reopened'), 0)::bigint AS reopened,
           coalesce(sum(count) FILTER (WHERE fact = 'first_reply'), 0)::bigint AS first_replies,
           min(seconds) FILTER (WHERE fact = 'first_reply' AND up_to >= 0.5 * of_all) AS first_reply_p50_seconds,
           min(seconds) FILTER (WHERE fact = 'first_reply' AND up_to >= 0.95 * of_all) AS first_reply_p95_seconds,
           coalesce(sum(count) FILTER (WHERE fact = 'turn'), 0)::bigint AS agent_turns,
           min(seconds) FILTER (WHERE fact = 'turn' AND up_to >= 0.5 * of_all) AS agent_p50_seconds,
           min(seconds) FILTER (WHERE fact = 'turn' AND up_to >= 0.95 * of_all) AS agent_p95_seconds,
           sum(total) FILTER (WHERE fact = 'sentiment') / sum(count) FILTER (WHERE fact = 'sentiment') AS sentiment_mean,
           coalesce(sum(count) FILTER (WHERE fact = 'rating'), 0)::bigint AS ratings,
           sum(total) FILTER (WHERE fact = 'rating') / sum(count) FILTER (WHERE fact = 'rating') AS rating_mean,
           coalesce(sum(count) FILTER (WHERE fact = 'reply'), 0)::bigint AS replies,
           coalesce(sum(count) FILTER (WHERE fact = 'failed_reply'), 0)::bigint AS delivery_failures,
           coalesce(sum(total) FILTER (WHERE fact = 'input_tokens'), 0)::bigint AS input_tokens,
           coalesce(sum(total) FILTER (WHERE fact = 'cached_tokens'), 0)::bigint AS cached_tokens,
           coalesce(sum(total) FILTER (WHERE fact = 'output_tokens'), 0)::bigint AS output_tokens,
           coalesce(sum(total) FILTER (WHERE fact = 'cost'), 0) AS cost_usd,
           coalesce(sum(count) FILTER (WHERE fact = 'unpriced'), 0)::bigint AS unpriced_turns
      FROM ranked
     GROUP BY is_now, channel, bin
)
SELECT f.*, f.auto_resolved::float8 / nullif(f.tickets, 0) AS auto_resolve_rate,
       f.escalated::float8 / nullif(f.tickets, 0) AS escalation_rate,
       f.reopened::float8 / nullif(f.tickets, 0) AS reopen_rate
  FROM figures f;

-- name: count_tickets
-- Tickets that came in between two times, by what they are today.
SELECT s.status, count(*) AS tickets,
       count(*) FILTER (WHERE t.handover_reason IS NOT NULL) AS escalated,
       count(*) FILTER (WHERE t.handover_reason IS NULL AND s.status IN ('auto_resolved', 'closed')) AS automatic,
       count(*) FILTER (WHERE t.reopenings > 0) AS reopened
  FROM unnest(ARRAY['open', 'auto_resolved', 'escalated', 'closed']) AS s (status)
  JOIN tickets t ON t.status = s.status AND t.created_at >= coalesce(:starts_at::timestamptz, '-infinity')
   AND t.created_at < coalesce(:ends_at::timestamptz, 'infinity')
  JOIN conversations v ON v.id = t.conversation_id AND v.inbox <> 'probe'
 GROUP BY s.status;

-- name: average_ratings
SELECT count(*) AS count, avg(f.rating)::float8 AS average, avg(f.is_resolved::int)::float8 AS resolved_share
  FROM ticket_feedback f
 WHERE f.created_at >= coalesce(:starts_at::timestamptz, '-infinity')
   AND f.created_at < coalesce(:ends_at::timestamptz, 'infinity')
   AND NOT EXISTS (SELECT FROM ticket_feedback l
                    WHERE l.ticket_id = f.ticket_id AND (l.created_at, l.id) > (f.created_at, f.id));

-- name: count_waiting
-- What waits now; overdue is what nobody has answered by the time that was promised.
SELECT count(*) FILTER (WHERE t.status = 'open') AS open, count(*) FILTER (WHERE t.status = 'escalated') AS escalated,
       count(*) FILTER (WHERE t.first_reply_due < :now::timestamptz AND NOT EXISTS (
           SELECT FROM messages m
            WHERE m.conversation_id = t.conversation_id AND m.author IN ('assistant', 'person'))) AS overdue
  FROM tickets t JOIN conversations v ON v.id = t.conversation_id
 WHERE t.status IN ('open', 'escalated') AND v.inbox <> 'probe';
