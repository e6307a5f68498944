-- name: beat
INSERT INTO workers (id, host, pid, brain, concurrency, in_flight, is_elected)
VALUES (:id, :host, :pid, :brain, :concurrency, :in_flight, :is_elected)
ON CONFLICT (id) DO UPDATE
   SET heartbeat_at = now(), in_flight = excluded.in_flight, brain = excluded.brain, is_elected = excluded.is_elected;

-- name: sign_off
DELETE FROM workers WHERE id = :id;

-- name: forget_silent
DELETE FROM workers WHERE heartbeat_at < now() - interval '1 day';

-- name: list_workers
SELECT id, host, pid, brain, concurrency, in_flight, is_elected, started_at,
       extract(epoch FROM now() - heartbeat_at)::float8 AS silent_seconds
  FROM workers WHERE heartbeat_at > now() - interval '10 minutes' ORDER BY started_at;

-- name: list_channels
SELECT channel, inbox, enabled, quiet_seconds FROM channel_configs ORDER BY channel, inbox;

-- name: find_channel
SELECT enabled, quiet_seconds, signature FROM channel_configs WHERE channel = :channel AND inbox = :inbox;

-- name: describe_database
SELECT current_setting('server_version') AS server_version, pg_is_in_recovery() AS read_only,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector_version;

-- name: measure_lag
-- Nothing on a server that replays no other's log: it is the primary, or it was one and knows nothing of its successor.
SELECT extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 WHERE pg_is_in_recovery();

-- name: configure_channel
INSERT INTO channel_configs AS c (channel, inbox, enabled, quiet_seconds)
VALUES (:channel, :inbox, coalesce(:enabled::boolean, true), :quiet_seconds)
ON CONFLICT (channel, inbox) DO UPDATE
   SET enabled = coalesce(:enabled::boolean, c.enabled),
       quiet_seconds = CASE WHEN :sets_quiet::boolean THEN excluded.quiet_seconds ELSE c.quiet_seconds END;

-- name: list_routes
SELECT category, team, instructions FROM escalation_routes ORDER BY category;

-- name: change_route
UPDATE escalation_routes SET team = :team, instructions = :instructions WHERE category = :category;
