-- part: open
        NOT EXISTS (SELECT FROM channel_configs f WHERE f.channel = c.channel AND f.inbox = c.inbox AND NOT f.enabled)

-- name: take
-- The right to poll an inbox: nobody has it, its time ran out, or it is ours already. A closed one is nobody's.
INSERT INTO channel_cursors AS c (channel, inbox, lease_token, leased_until)
SELECT :channel, :inbox, :token, now() + make_interval(secs => :lease_seconds::float8)
 WHERE NOT EXISTS (SELECT FROM channel_configs f WHERE f.channel = :channel AND f.inbox = :inbox AND NOT f.enabled)
ON CONFLICT (channel, inbox) DO UPDATE
   SET lease_token = :token, leased_until = now() + make_interval(secs => :lease_seconds::float8)
 WHERE c.lease_token IS NULL OR c.leased_until <= now() OR c.lease_token = :token
RETURNING cursor, watch_until,
          -- What is listed and not fetched would be lost with the vendor's numbering, if it begins anew.
          least(synced_at, (SELECT received_at FROM message_sources s
                             WHERE s.channel = :channel AND s.inbox = :inbox AND s.state = 'listed'
                             ORDER BY s.id LIMIT 1)) AS synced_at,
          coalesce(wanted_at > synced_at, wanted_at IS NOT NULL) AS is_wanted,
          -- A paused desk changes nothing at its vendors; it is polled meanwhile.
          coalesce(watched_at < now() - interval '1 day', true) AND (SELECT paused_at IS NULL FROM desk_state)
              AS is_watch_due;

-- name: let_go
UPDATE channel_cursors SET lease_token = NULL, leased_until = NULL
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token;

-- name: advance
-- Only whoever still holds the inbox moves its cursor; without a row the ids listed beside it are rolled back.
UPDATE channel_cursors SET cursor = :cursor, synced_at = :synced_at, read_problem = NULL, read_problem_since = NULL
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token AND leased_until > now()
RETURNING true;

-- name: want
INSERT INTO channel_cursors AS c (channel, inbox, wanted_at) VALUES (:channel, :inbox, clock_timestamp())
ON CONFLICT (channel, inbox) DO UPDATE SET wanted_at = excluded.wanted_at;

-- name: note_watch
UPDATE channel_cursors SET watched_at = now(), watch_until = :watch_until
 WHERE channel = :channel AND inbox = :inbox AND lease_token = :token;

-- name: note_read_problem
INSERT INTO channel_cursors AS c (channel, inbox, read_problem, read_problem_since)
VALUES (:channel, :inbox, :problem, now())
ON CONFLICT (channel, inbox) DO UPDATE
   SET read_problem = excluded.read_problem,
       read_problem_since = coalesce(c.read_problem_since, excluded.read_problem_since);

-- name: note_send_problem
INSERT INTO channel_cursors AS c (channel, inbox, send_problem, send_problem_since)
VALUES (:channel, :inbox, :problem, now())
ON CONFLICT (channel, inbox) DO UPDATE
   SET send_problem = excluded.send_problem,
       send_problem_since = coalesce(c.send_problem_since, excluded.send_problem_since);

-- name: clear_send_problem
UPDATE channel_cursors SET send_problem = NULL, send_problem_since = NULL
 WHERE channel = :channel AND inbox = :inbox AND send_problem IS NOT NULL;

-- name: list_troubled
-- Inboxes that somebody must look at: a problem, or pushes that end within a day because they were not renewed. That a
-- closed one is not read is no trouble; what keeps it from sending is.
SELECT channel, inbox, read_problem, send_problem, extract(epoch FROM watch_until - now())::float8 AS watch_seconds
  FROM channel_cursors c
 WHERE send_problem IS NOT NULL
    OR ((read_problem IS NOT NULL OR watch_until < now() + interval '1 day') AND {{open}})
 ORDER BY channel, inbox;

-- name: list_inboxes
-- A closed one is not watched, and nothing keeps it from being read.
SELECT c.channel, c.inbox, c.synced_at, o.watch_until, o.read_problem, o.read_problem_since, c.send_problem,
       c.send_problem_since,
       (SELECT count(*) FROM message_sources s
         WHERE s.channel = c.channel AND s.inbox = c.inbox AND s.state = 'listed') AS waiting
  FROM channel_cursors c
  LEFT JOIN LATERAL (SELECT c.watch_until, c.read_problem, c.read_problem_since
                      WHERE {{open}}) o ON true
 ORDER BY c.channel, c.inbox;
