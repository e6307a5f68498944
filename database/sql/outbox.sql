-- part: running
-- From a paused desk nothing leaves; see queue.sql.
(SELECT paused_at IS NULL FROM desk_state)

-- name: add
INSERT INTO outbox (id, conversation_id, in_reply_to, channel, inbox, kind, path, code_id, trace)
VALUES (:id, :conversation_id, :in_reply_to, :channel, :inbox, :kind, :path::jsonb, :code_id, :trace);

-- name: claim
-- The oldest unsent reply of each conversation, and none while an earlier one is on its way, in doubt or only just
-- sent: replies keep order. One that nobody will ask about any more ('infinity') holds up nothing. A later one may be on
-- its way when an earlier one is queued again: it waits for that, because one at a time may be. A code that proves an
-- address goes to that address, so it waits for nobody here and nobody for it.
WITH candidate AS (
    SELECT o.id FROM outbox o
     WHERE o.state = 'queued' AND o.ready_at <= now() AND {{running}}
       AND (:only_thread::uuid IS NULL
            OR o.conversation_id = (SELECT id FROM conversations WHERE thread_id = :only_thread::uuid))
       AND NOT EXISTS (
           SELECT FROM outbox e WHERE e.conversation_id = o.conversation_id AND e.kind <> 'code' AND o.kind <> 'code'
              AND e.state IN ('queued', 'sending', 'unknown') AND (e.state <> 'unknown' OR e.ready_at < 'infinity')
              AND (e.created_at, e.id) < (o.created_at, o.id))
       AND NOT EXISTS (
           SELECT FROM outbox s WHERE s.conversation_id = o.conversation_id AND s.state = 'sending'
              AND s.kind <> 'code' AND o.kind <> 'code')
       AND NOT EXISTS (
           SELECT FROM outbox h WHERE h.conversation_id = o.conversation_id AND h.hold_until > now()
              AND o.kind <> 'code')
     ORDER BY o.ready_at LIMIT :max_replies FOR UPDATE OF o SKIP LOCKED
), claimed AS (
    UPDATE outbox o
       SET state = 'sending', lease_token = gen_random_uuid(), attempts = o.attempts + 1,
           tried_at = coalesce(o.tried_at, now()), handed_at = NULL,
           ready_at = now() + make_interval(secs => :lease_seconds::float8)
      FROM candidate WHERE o.id = candidate.id
    RETURNING o.*
)
SELECT o.id, o.conversation_id, o.in_reply_to, t.contact, o.channel, o.inbox, m.text, o.attempts, o.lease_token,
       o.kind, o.code_id, o.trace, o.tried_at, coalesce(o.path, c.reply_path) AS path, k.ref AS ticket_ref, c.contact_name,
       c.last_inbound_at, ARRAY[]::text[] AS known_vendor_ids,
       EXISTS (SELECT FROM opt_outs s
                WHERE s.channel = o.channel AND s.inbox = o.inbox
                  AND s.address_hash IN (hash_address(c.reply_path ->> 'phone'),
                                         hash_address(c.reply_path ->> 'user_id'))) AS is_opted_out,
       (SELECT expires_at FROM identity_codes i WHERE i.id = o.code_id) AS expires_at
  FROM claimed o JOIN messages m ON m.id = o.id JOIN conversations c ON c.id = o.conversation_id
  JOIN queue_threads t ON t.id = c.thread_id LEFT JOIN tickets k ON k.conversation_id = c.id;

-- name: mark_handed
UPDATE outbox SET handed_at = now()
 WHERE id = :id AND lease_token = :token AND state = 'sending' AND {{running}}
RETURNING id;

-- name: mark_sent
-- A callback may have been faster: what it said is not taken back, unless it spoke of an earlier attempt.
WITH moved AS (
    UPDATE outbox
       SET state = CASE WHEN state IN ('sending', 'unknown') THEN 'sent'
                        WHEN state = 'failed' AND vendor_id <> :vendor_id THEN 'sent' ELSE state END,
           hold_until = CASE WHEN state = 'sending' AND :hold_seconds::float8 > 0
                             THEN now() + make_interval(secs => :hold_seconds::float8) END,
           sent_at = coalesce(sent_at, clock_timestamp()), vendor_id = coalesce(:vendor_id, vendor_id),
           mail_id = coalesce(:mail_id, mail_id), lease_token = NULL,
           error = CASE WHEN state = 'sending' THEN NULL ELSE error END
     WHERE id = :id AND lease_token = :token
    RETURNING id, conversation_id
), touched AS (
    UPDATE tickets t SET updated_at = now() FROM moved WHERE t.conversation_id = moved.conversation_id
)
SELECT id FROM moved;

-- name: mark_queued
UPDATE outbox SET state = 'queued', lease_token = NULL, error = coalesce(:error, error),
       attempts = attempts - :refund::int, ready_at = now() + make_interval(secs => :delay_seconds::float8)
 WHERE id = :id AND lease_token = :token AND state = 'sending'
RETURNING id;

-- name: mark_given_up
UPDATE outbox SET state = :state, lease_token = NULL, error = :error, ready_at = 'infinity'
 WHERE id = :id AND lease_token = :token AND state IN ('sending', 'unknown')
RETURNING id;

-- name: mark_doubtful
WITH moved AS (
    UPDATE outbox SET state = 'unknown', lease_token = NULL, error = :error, checks = 0, absences = 0,
           ready_at = CASE WHEN :check_seconds::float8 IS NULL THEN 'infinity'
                           ELSE now() + make_interval(secs => :check_seconds::float8) END
     WHERE id = :id AND lease_token = :token AND state = 'sending'
    RETURNING id, conversation_id
), touched AS (
    UPDATE tickets t SET updated_at = now() FROM moved WHERE t.conversation_id = moved.conversation_id
)
SELECT id FROM moved;

-- name: requeue_expired
-- Sends that died with their worker, before they could reach the vendor or where sending again is harmless.
UPDATE outbox SET state = 'queued', lease_token = NULL, ready_at = now()
 WHERE state = 'sending' AND ready_at <= now()
   AND (handed_at IS NULL OR channel = ANY (:repeatable_channels::text[]))
RETURNING id;

-- name: doubt_expired
-- The same where the vendor may have accepted the message: never sent blindly again. The vendor is asked where it can
-- be, and a person decides where not.
UPDATE outbox
   SET state = 'unknown', lease_token = NULL, error = 'the worker died while sending', checks = 0, absences = 0,
       ready_at = CASE WHEN channel = ANY (:askable_channels::text[])
                       THEN now() + make_interval(secs => :check_seconds::float8) ELSE 'infinity' END
 WHERE state = 'sending' AND ready_at <= now() AND handed_at IS NOT NULL
   AND NOT channel = ANY (:repeatable_channels::text[])
RETURNING id, error, ready_at = 'infinity' AS needs_person;

-- name: doubt_older
-- After a restore: what was unsent in the backup, the desk before this one may have sent since. The vendor is asked. An
-- hour back, so that of a channel that nobody asks a person is told at once (see the next statement).
WITH unsent AS (
    SELECT id FROM outbox WHERE state IN ('queued', 'sending')
    UNION ALL
    SELECT id FROM outbox WHERE state = 'needs_template'
)
UPDATE outbox o
   SET state = 'unknown', lease_token = NULL, error = :error, checks = 0, absences = 0,
       tried_at = coalesce(o.tried_at, o.created_at), ready_at = now() - interval '61 minutes'
  FROM unsent
 WHERE o.id = unsent.id AND o.created_at < :before AND NOT o.channel = ANY (:repeatable_channels::text[])
RETURNING o.id;

-- name: abandon_doubtful
-- In doubt on a channel that nobody asks any more: it was taken out of the settings.
UPDATE outbox SET ready_at = 'infinity', lease_token = NULL
 WHERE state = 'unknown' AND ready_at < now() - interval '1 hour' AND NOT channel = ANY (:askable_channels::text[])
RETURNING id, coalesce(error, 'nobody can be asked any more') AS error;

-- name: claim_doubtful
-- Replies whose vendor is to be asked what became of them. The lease is taken back by whoever asks after it expired.
-- A name that the vendor gave to this very reply is that of an earlier attempt, which has failed.
WITH candidate AS (
    SELECT id FROM outbox
     WHERE state = 'unknown' AND ready_at <= now() AND channel = ANY (:channels::text[]) AND {{running}}
       AND (:only_thread::uuid IS NULL
            OR conversation_id = (SELECT id FROM conversations WHERE thread_id = :only_thread::uuid))
     ORDER BY ready_at LIMIT :max_replies FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE outbox o SET lease_token = gen_random_uuid(), checks = o.checks + 1,
           ready_at = now() + make_interval(secs => :lease_seconds::float8)
      FROM candidate WHERE o.id = candidate.id
    RETURNING o.*
)
SELECT o.id, o.conversation_id, o.in_reply_to, t.contact, o.channel, o.inbox, m.text, o.attempts, o.lease_token,
       o.kind, o.code_id, o.trace, o.tried_at, coalesce(o.path, c.reply_path) AS path, k.ref AS ticket_ref, c.contact_name,
       c.last_inbound_at, false AS is_opted_out, NULL::timestamptz AS expires_at, o.checks, o.absences,
       ARRAY(SELECT n.vendor_id FROM messages p JOIN outbox n ON n.id = p.id
              WHERE p.conversation_id = o.conversation_id AND n.vendor_id IS NOT NULL)
           AS known_vendor_ids
  FROM claimed o JOIN messages m ON m.id = o.id JOIN conversations c ON c.id = o.conversation_id
  JOIN queue_threads t ON t.id = c.thread_id LEFT JOIN tickets k ON k.conversation_id = c.id;

-- name: ask_again
UPDATE outbox SET lease_token = NULL, absences = absences + :absent::int,
       ready_at = now() + make_interval(secs => :delay_seconds::float8)
 WHERE id = :id AND lease_token = :token AND state = 'unknown'
RETURNING id;

-- name: send_again
-- The vendor surely does not have it, or a person says that it was not sent. Whoever asked the vendor overrules no
-- report that came meanwhile, and a person no question that is just being asked. After a person's word the vendor is
-- asked about the attempts to come alone.
UPDATE outbox SET state = 'queued', lease_token = NULL, ready_at = now(),
       tried_at = CASE WHEN :token::uuid IS NOT NULL THEN tried_at END,
       attempts = CASE WHEN :token::uuid IS NOT NULL THEN attempts ELSE 0 END
 WHERE id = :id
   AND CASE WHEN :token::uuid IS NOT NULL THEN state = 'unknown' AND lease_token = :token
            ELSE state IN ('failed', 'needs_template')
                 OR state = 'unknown' AND (lease_token IS NULL OR ready_at <= now()) END
RETURNING id, conversation_id;

-- name: confirm_sent
-- A person says that it was sent, and no vendor's refusal opens the matter again.
UPDATE outbox SET state = 'sent', sent_at = coalesce(sent_at, clock_timestamp()), lease_token = NULL, settled_at = now()
 WHERE id = :id AND state IN ('unknown', 'failed')
RETURNING id, conversation_id;

-- name: find_by_id
SELECT id, trace FROM outbox WHERE id = :id AND channel = :channel;

-- name: find_by_vendor
SELECT id, trace FROM outbox WHERE channel = :channel AND vendor_id = :vendor_id LIMIT 1;

-- name: find_by_mail
SELECT id, trace FROM outbox WHERE mail_id = :mail_id AND channel = :channel LIMIT 1;

-- name: apply_status
-- Statuses only move forward, whatever order they come in; a stored error is never erased. The lease stays with
-- whoever is still waiting for the vendor's answer: their result then changes nothing. Before the vendor has taken an
-- attempt, a name that it gave is that of an earlier one, and so is another name afterwards: what is said of those may
-- come late or once more, and only that the customer has it counts. Nor does a refusal if a person has settled it; but a
-- mail that comes back is news to that person, too.
WITH moved AS (
    UPDATE outbox
       SET state = :state::text, error = coalesce(:error, error), hold_until = NULL,
           vendor_id = CASE WHEN state IN ('queued', 'sending', 'unknown') THEN coalesce(:vendor_id, vendor_id)
                            ELSE coalesce(vendor_id, :vendor_id) END,
           sent_at = CASE WHEN :state::text = 'failed' THEN sent_at ELSE coalesce(sent_at, clock_timestamp()) END
     WHERE id = :id AND channel = :channel
       AND array_position(ARRAY['queued', 'sending', 'unknown', 'needs_template', 'sent', 'failed', 'delivered', 'read'],
                          state)
         < array_position(ARRAY['queued', 'sending', 'unknown', 'needs_template', 'sent', 'failed', 'delivered', 'read'],
                          :state::text)
       AND (:state::text NOT IN ('sent', 'failed')
            OR (state <> 'needs_template'
                AND coalesce((vendor_id = :vendor_id::text) <> (state IN ('queued', 'sending', 'unknown')), true)))
       AND (:state::text <> 'failed'
            OR (state <> 'queued' AND (settled_at IS NULL OR channel IN ('gmail', 'mailbox'))))
    RETURNING id, conversation_id, kind
), touched AS (
    UPDATE tickets t SET updated_at = now() FROM moved WHERE t.conversation_id = moved.conversation_id
)
SELECT id, conversation_id, kind FROM moved;

-- name: retry_reported
-- The vendor took it and then could not deliver it for now.
UPDATE outbox SET state = 'queued', lease_token = NULL, error = :error, hold_until = NULL,
       ready_at = now() + make_interval(secs => :delay_seconds::float8)
 WHERE id = :id AND channel = :channel AND state IN ('sending', 'unknown', 'sent') AND attempts < :max_attempts::int
   AND settled_at IS NULL
   AND coalesce((vendor_id = :vendor_id::text) <> (state IN ('sending', 'unknown')), true)
RETURNING id;

-- name: note_status
-- A status that changes no state still says that the vendor has the message.
UPDATE outbox SET hold_until = NULL, vendor_id = coalesce(vendor_id, :vendor_id)
 WHERE id = :id AND channel = :channel AND (hold_until IS NOT NULL OR vendor_id IS NULL);

-- name: close_window
-- WhatsApp takes nothing but templates for this customer: the reply waits until they write again. The vendor may say so
-- late or once more, as of any status: see apply_status.
WITH moved AS (
    UPDATE outbox SET state = 'needs_template', lease_token = NULL, error = :error, ready_at = 'infinity',
           hold_until = NULL, vendor_id = coalesce(:vendor_id, vendor_id)
     WHERE id = :id AND (lease_token = :token OR :token::uuid IS NULL) AND state IN ('sending', 'sent', 'unknown')
       AND kind = 'reply' AND settled_at IS NULL
       AND coalesce((vendor_id = :vendor_id::text) <> (state IN ('sending', 'unknown')), true)
    RETURNING id, conversation_id, in_reply_to, channel, inbox, kind
), touched AS (
    UPDATE tickets t SET updated_at = now() FROM moved WHERE t.conversation_id = moved.conversation_id
)
SELECT id, conversation_id, in_reply_to, channel, inbox, kind FROM moved;

-- name: find_invitation
-- The template that has invited this customer back since they last wrote.
SELECT o.id FROM messages m JOIN outbox o ON o.id = m.id JOIN conversations c ON c.id = m.conversation_id
 WHERE m.conversation_id = :conversation_id AND o.kind = 'template' AND o.state <> 'failed'
   AND o.created_at > coalesce(c.last_inbound_at, '-infinity') LIMIT 1;

-- name: reopen_window
UPDATE outbox SET state = 'queued', ready_at = now(), attempts = 0, tried_at = NULL
 WHERE conversation_id = :conversation_id AND state = 'needs_template'
RETURNING id;

-- name: reopen_if_written
-- The customer has written since this attempt began: the window that closed is open again.
UPDATE outbox o SET state = 'queued', ready_at = now(), attempts = 0, tried_at = NULL
  FROM conversations c
 WHERE o.id = :id AND o.state = 'needs_template' AND c.id = o.conversation_id AND c.last_inbound_at > o.tried_at
RETURNING o.id;

-- name: take_slot
-- One send of this inbox, over all workers. A few may go at once; after that they keep the distance.
INSERT INTO send_rates AS r (channel, inbox, next_at)
VALUES (:channel, :inbox, clock_timestamp() - make_interval(secs => :burst_seconds::float8 - :interval_seconds::float8))
ON CONFLICT (channel, inbox) DO UPDATE
   SET next_at = greatest(r.next_at, clock_timestamp() - make_interval(secs => :burst_seconds::float8))
                 + make_interval(secs => :interval_seconds::float8)
 WHERE r.next_at <= clock_timestamp()
RETURNING true;

-- name: find_next_slot
SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM send_rates
 WHERE channel = :channel AND inbox = :inbox;

-- name: pause
INSERT INTO send_rates AS r (channel, inbox, next_at)
VALUES (:channel, :inbox, clock_timestamp() + make_interval(secs => :seconds::float8))
ON CONFLICT (channel, inbox) DO UPDATE SET next_at = greatest(r.next_at, excluded.next_at);

-- name: list_undelivered
SELECT o.id, o.conversation_id, k.ref AS ticket_ref, k.team, o.channel, o.inbox, o.state, o.kind, o.error, o.attempts,
       o.vendor_id, m.text, o.created_at, o.tried_at,
       o.state = 'unknown' AND o.ready_at < 'infinity' AS is_being_asked
  FROM outbox o JOIN messages m ON m.id = o.id LEFT JOIN tickets k ON k.conversation_id = o.conversation_id
 WHERE o.state IN ('failed', 'unknown', 'needs_template') AND (:state::text IS NULL OR o.state = :state::text)
 ORDER BY o.created_at, o.id LIMIT :max_rows;

-- name: measure
-- Deliveries that a person should know of, by state.
SELECT state, count(*) AS replies FROM outbox WHERE state IN ('failed', 'unknown', 'needs_template') GROUP BY state;
