-- The queue in depth: fairness between channels, quiet periods, a history of failures, settled dead letters, retention.

-- A thread that has messages waiting and no time at which it will be claimed would be lost without a sound.
UPDATE queue_threads SET ready_at = now() WHERE ready_at IS NULL AND last_seq > done_seq;

ALTER TABLE queue_threads
    ADD COLUMN quiet_until timestamptz,  -- chat: when the customer will have stopped typing
    ADD COLUMN quiet_limit timestamptz,  -- chat: the turn starts by then, however much more arrives
    ADD CONSTRAINT queue_threads_order CHECK (done_seq <= last_seq),
    ADD CONSTRAINT queue_threads_awake CHECK (ready_at IS NOT NULL OR done_seq = last_seq),
    ADD CONSTRAINT queue_threads_lease CHECK ((lease_token IS NULL) = (leased_by IS NULL));

-- A thread's id is derived from channel, inbox and contact (core.ids.derive_id), so it is known before any look-up,
-- everything that locks several threads can lock them in one order, and a second unique index, a write at every claim
-- and completion, is not needed.
CREATE TEMP TABLE thread_keys ON COMMIT DROP AS
SELECT id AS old_id,
       encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
           AS new_id
  FROM (SELECT id, substr(sha256(convert_to(channel, 'UTF8') || '\x00' || convert_to(inbox, 'UTF8') || '\x00'
                                 || convert_to(contact, 'UTF8')), 1, 16) AS hash
          FROM queue_threads) hashed;
ALTER TABLE message_queue DROP CONSTRAINT message_queue_thread_id_fkey;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_thread_id_fkey;
ALTER TABLE conversations DROP CONSTRAINT conversations_thread_id_fkey;
UPDATE message_queue SET thread_id = new_id FROM thread_keys WHERE thread_id = old_id;
UPDATE dead_letters SET thread_id = new_id FROM thread_keys WHERE thread_id = old_id;
UPDATE conversations SET thread_id = new_id FROM thread_keys WHERE thread_id = old_id;
UPDATE queue_threads SET id = new_id FROM thread_keys WHERE id = old_id;
ALTER TABLE message_queue ADD FOREIGN KEY (thread_id) REFERENCES queue_threads (id);
ALTER TABLE dead_letters ADD FOREIGN KEY (thread_id) REFERENCES queue_threads (id);
ALTER TABLE conversations ADD FOREIGN KEY (thread_id) REFERENCES queue_threads (id);
ALTER TABLE queue_threads DROP CONSTRAINT queue_threads_channel_inbox_contact_key;

-- Per channel, so that a flood on one is never walked through to reach another.
DROP INDEX queue_threads_ready;
CREATE INDEX queue_threads_ready ON queue_threads (channel, ready_at) WHERE ready_at IS NOT NULL;
-- Threads whose lease ran out for the third time: claimed one at a time, and nearly always none.
CREATE INDEX queue_threads_suspect ON queue_threads (ready_at) WHERE lease_token IS NOT NULL AND attempts > 2;
-- Leases are renewed by their ids; this index cost a write at every claim.
DROP INDEX queue_threads_leased;

-- Retention deletes from the old end, a batch at a time; freed pages are filled again by what arrives.
CREATE INDEX message_queue_received ON message_queue (received_at);
ALTER TABLE message_queue SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 1
);

-- What went wrong at each attempt, until the turn succeeds or becomes a dead letter. Leases that ran out are noted
-- by the claim that takes the thread over. first_seq is the first message of the turn.
CREATE TABLE queue_failures (
    thread_id   uuid NOT NULL REFERENCES queue_threads (id),
    first_seq   bigint NOT NULL,
    failed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt     integer NOT NULL,
    worker      text NOT NULL,
    error_class text NOT NULL,
    message     text NOT NULL,
    PRIMARY KEY (thread_id, first_seq, failed_at)
);
CREATE INDEX queue_failures_age ON queue_failures (failed_at);

-- A dead letter stays until a person retries or discards it, and then as long as other finished messages.
ALTER TABLE dead_letters
    ADD COLUMN errors jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN handed_over boolean NOT NULL DEFAULT false,  -- its ticket went to a person because of it
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retried', 'discarded')),
    ADD COLUMN settled_at timestamptz,
    ADD CHECK ((state = 'open') = (settled_at IS NULL));
UPDATE dead_letters SET errors = jsonb_build_array(jsonb_build_object(
    'failed_at', created_at, 'attempt', attempts, 'worker', '', 'error_class', 'Unknown', 'message', reason));
CREATE INDEX dead_letters_open ON dead_letters (created_at, id) WHERE state = 'open';
CREATE INDEX dead_letters_settled ON dead_letters (settled_at) WHERE state <> 'open';

-- NULL: what the channel does by itself, 1.5 s on chat and nothing on mail and forms.
ALTER TABLE channel_configs DROP CONSTRAINT channel_configs_quiet_seconds_check;
UPDATE channel_configs SET quiet_seconds = 8 WHERE quiet_seconds > 8;
ALTER TABLE channel_configs
    ALTER COLUMN quiet_seconds DROP NOT NULL,
    ALTER COLUMN quiet_seconds DROP DEFAULT,
    ADD CHECK (quiet_seconds BETWEEN 0 AND 8);
UPDATE channel_configs SET quiet_seconds = NULL WHERE quiet_seconds = 0;

-- Which worker does the housekeeping.
ALTER TABLE workers ADD COLUMN is_elected boolean NOT NULL DEFAULT false;
