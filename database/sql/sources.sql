-- name: list_ids
-- What an inbox has that we do not. Together with the cursor behind it, so that a crash skips nothing. What was ignored
-- or gone is looked at again: a person may have taken it out of the spam. What a webhook has brought is not fetched.
INSERT INTO message_sources AS s (id, channel, inbox, external_id, origin, state)
SELECT id, :channel, :inbox, external_id, 'poll', 'listed'
  FROM unnest(:ids::uuid[], :external_ids::text[]) AS new (id, external_id)
 WHERE NOT EXISTS (SELECT FROM message_queue q
                    WHERE q.channel = :channel AND q.inbox = :inbox AND q.external_id = new.external_id)
   AND NOT EXISTS (SELECT FROM erased_messages WHERE hash = hash_message(:channel, :inbox, new.external_id))
ON CONFLICT (channel, inbox, external_id) DO UPDATE
   SET state = 'listed', reason = NULL, body = NULL, attempts = 0
 WHERE s.state IN ('ignored', 'gone') AND s.reason IS DISTINCT FROM 'erased';

-- name: find_listed
SELECT id, external_id FROM message_sources
 WHERE channel = :channel AND inbox = :inbox AND state = 'listed' ORDER BY id LIMIT :max_rows;

-- name: find_known
SELECT id FROM message_sources WHERE channel = :channel AND inbox = :inbox AND external_id = :external_id;

-- name: keep
-- As it arrived. A redelivery finds the first one.
INSERT INTO message_sources AS s (id, channel, inbox, external_id, origin, state, reason, facts, body)
VALUES (:id, :channel, :inbox, :external_id, :origin, :state, :reason, :facts::jsonb, :body)
ON CONFLICT (channel, inbox, external_id) DO UPDATE
   SET state = CASE WHEN s.state = 'listed' THEN excluded.state ELSE s.state END,
       reason = CASE WHEN s.state = 'listed' THEN excluded.reason ELSE s.reason END,
       facts = CASE WHEN s.state = 'listed' THEN excluded.facts ELSE s.facts END,
       body = CASE WHEN s.state = 'listed' THEN excluded.body ELSE s.body END
RETURNING id;

-- name: count_failed_fetch
-- Only of what has been listed for an hour: an outage of the vendor's, and pushes during it, must not use the tries up.
UPDATE message_sources SET attempts = attempts + 1
 WHERE id = :id AND state = 'listed' AND received_at < now() - interval '1 hour'
RETURNING attempts;

-- name: list_again
-- What was set aside because it could not be fetched, and so has no content.
UPDATE message_sources SET state = 'listed', reason = NULL, body = NULL, attempts = 0
 WHERE id = :id AND origin = 'poll' AND body = ''
RETURNING true;

-- name: mark_gone
UPDATE message_sources SET state = 'gone' WHERE id = :id AND state = 'listed';

-- name: find
SELECT id, channel, inbox, external_id, origin, state, reason, facts, body, received_at
  FROM message_sources WHERE id = :id;

-- name: forget
-- Everything in it was erased before; its name stays.
UPDATE message_sources SET state = 'gone', reason = 'erased', facts = '{}', body = NULL WHERE id = :id;

-- name: forget_names
DELETE FROM thread_keys WHERE channel = :channel AND inbox = :inbox AND contact = :contact;

-- name: mark_read
UPDATE message_sources SET state = :state, reason = :reason WHERE id = :id;

-- name: find_contact
-- The thread that one of these keys leads to, for this participant; the first key counts most.
SELECT k.contact FROM unnest(:keys::uuid[]) WITH ORDINALITY AS wanted (key, rank)
  JOIN thread_keys k ON k.channel = :channel AND k.inbox = :inbox AND k.participant = :participant AND k.key = wanted.key
 ORDER BY wanted.rank LIMIT 1;

-- name: remember_keys
INSERT INTO thread_keys (channel, inbox, participant, key, contact)
SELECT :channel, :inbox, :participant, key, :contact FROM unnest(:keys::uuid[]) AS k (key)
ON CONFLICT (channel, inbox, participant, key) DO NOTHING;

-- name: lead_keys
-- The same, but from the thread that they led to before; what is in use stays young.
INSERT INTO thread_keys AS k (channel, inbox, participant, key, contact)
SELECT :channel, :inbox, :participant, key, :contact FROM unnest(:keys::uuid[]) AS new (key)
ON CONFLICT (channel, inbox, participant, key) DO UPDATE SET contact = excluded.contact, created_at = now()
 WHERE k.contact <> excluded.contact OR k.created_at < now() - interval '1 day';

-- name: opt_out
INSERT INTO opt_outs (channel, inbox, address_hash) VALUES (:channel, :inbox, hash_address(:address))
ON CONFLICT DO NOTHING;

-- name: opt_in
DELETE FROM opt_outs WHERE channel = :channel AND inbox = :inbox AND address_hash = hash_address(:address);

-- name: revoke_proof
-- The number or account has another owner now: what is proven of it holds no longer.
DELETE FROM customer_identifiers WHERE kind = :kind AND value = :value AND level = 'proven';

-- name: revoke_conversations
-- Those of its customer, and those that are led or answered by it: their customer may be proven by something else.
UPDATE conversations SET identity_level = 'channel_asserted'
 WHERE channel = :channel AND identity_level = 'proven' AND id IN (
    SELECT c.id FROM customer_identifiers i JOIN conversations c ON c.customer_id = i.customer_id
     WHERE i.kind = :kind AND i.value = :value AND i.level = 'proven'
    UNION ALL SELECT id FROM conversations WHERE thread_id = ANY (:thread_ids::uuid[])
    UNION ALL SELECT id FROM conversations WHERE reply_path ->> 'phone' = :value
    UNION ALL SELECT id FROM conversations WHERE reply_path ->> 'user_id' = :value);

-- name: redirect_keys
-- From now on these lead to a thread that nobody has begun. Deleted, they would lead to the former owner's again, which
-- begins by the same number. Returns where they led.
WITH led AS MATERIALIZED (
    SELECT inbox, key, contact FROM thread_keys
     WHERE channel = :channel AND participant = '' AND key = ANY (:keys::uuid[]) ORDER BY inbox, key FOR UPDATE
), redirected AS (
    UPDATE thread_keys k SET contact = :contact, created_at = now() FROM led
     WHERE k.channel = :channel AND k.participant = '' AND k.inbox = led.inbox AND k.key = led.key
)
SELECT inbox, contact FROM led;
