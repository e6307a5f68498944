-- name: take
-- The right to poll an inbox: nobody has it, its time ran out, or it is ours already.
INSERT INTO channel_cursors AS c (channel, inbox, lease_token, leased_until)
VALUES (:channel, :inbox, :token, now() + make_interval(secs => :lease_seconds::float8))
ON CONFLICT (channel, inbox) DO UPDATE
   SET lease_token = :token, leased_until = now() + make_interval(secs => :lease_seconds::float8)
 WHERE c.lease_token IS NULL OR c.leased_until <= now() OR c.lease_token = :token
RETURNING cursor, watch_until, problem,
          -- What is listed and not fetched would be lost with the vendor's numbering, if it begins anew.
          least(synced_at, (SELECT received_at FROM message_sources s
                             WHERE s.channel = :channel AND s.inbox = :inbox AND s.state = 'listed'
                             ORDER BY s.id LIMIT 1)) AS synced_at,
          coalesce(wanted_at > synced_at, wanted_at IS NOT NULL) AS is_wanted,
          coalesce(watched_at < now() - interval '1 day', true) AS is_watch_due;

-- name: let_go
UPDATE channel_cursors SET lease_token = NULL, leased_until = NULL
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token;

-- name: advance
-- Only whoever still holds the inbox moves its cursor; without a row the ids listed beside it are rolled back.
UPDATE channel_cursors SET cursor = :cursor, synced_at = :synced_at, problem = NULL, problem_since = NULL
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token AND leased_until > now()
RETURNING true;

-- name: want
INSERT INTO channel_cursors AS c (channel, inbox, wanted_at) VALUES (:channel, :inbox, clock_timestamp())
ON CONFLICT (channel, inbox) DO UPDATE SET wanted_at = excluded.wanted_at;

-- name: note_watch
UPDATE channel_cursors SET watched_at = now(), watch_until = :watch_until
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token;

-- name: note_problem
INSERT INTO channel_cursors AS c (channel, inbox, problem, problem_since) VALUES (:channel, :inbox, :problem, now())
ON CONFLICT (channel, inbox) DO UPDATE
   SET problem = excluded.problem, problem_since = coalesce(c.problem_since, excluded.problem_since);

-- name: clear_problem
UPDATE channel_cursors SET problem = NULL, problem_since = NULL
 WHERE channel = :channel AND inbox = :inbox AND problem IS NOT NULL;

-- name: list_troubled
-- Inboxes that somebody must look at: a problem, or pushes that end within a day because they were not renewed.
SELECT channel, inbox, problem, extract(epoch FROM watch_until - now())::float8 AS watch_seconds
  FROM channel_cursors WHERE problem IS NOT NULL OR watch_until < now() + interval '1 day'
 ORDER BY channel, inbox;

-- name: list_inboxes
SELECT c.channel, c.inbox, c.synced_at, c.watch_until, c.problem, c.problem_since,
       (SELECT count(*) FROM message_sources s
         WHERE s.channel = c.channel AND s.inbox = c.inbox AND s.state = 'listed') AS waiting
  FROM channel_cursors c ORDER BY c.channel, c.inbox;
