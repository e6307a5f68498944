-- name: list_changed
-- Tickets changed since a moment, and the time at which this was read: one row without a ticket when there is none.
-- updated_at is the start of the transaction that changed the ticket, so one that commits late appears behind what has
-- been read already. The look therefore goes back by as long as such a transaction may take.
-- Each status through its own index, in order: one over all of them would be one more to write at every change.
SELECT n.read_at, t.id, t.ref, t.status, t.priority, t.team, t.updated_at
  FROM (SELECT statement_timestamp() AS read_at) n
  LEFT JOIN LATERAL (
       SELECT k.* FROM unnest(ARRAY['open', 'auto_resolved', 'escalated', 'closed']) AS s (status)
        CROSS JOIN LATERAL (
              SELECT c.* FROM tickets c
               WHERE c.status = s.status
                 AND c.updated_at >= least(coalesce(:since::timestamptz, statement_timestamp()), statement_timestamp())
                                     - make_interval(secs => :overlap_seconds::float8)
               ORDER BY c.updated_at, c.id LIMIT :max_tickets) k
        ORDER BY k.updated_at, k.id LIMIT :max_tickets) t ON true;

-- name: count_unsent
SELECT state, count(*) AS replies FROM outbox WHERE state IN ('queued', 'sending') GROUP BY state;

-- name: count_unsettled
-- Answered and closed tickets are left out: they grow for ever, and counting them would walk through all of them.
SELECT status, count(*) AS tickets FROM tickets WHERE status IN ('open', 'escalated') GROUP BY status;
