-- Privacy: erasure that a redelivery does not undo, opt-outs without addresses, traces that can go by themselves.

-- Names of messages that were erased, as hashes: whoever brings one again brings nothing.
CREATE FUNCTION hash_message(channel text, inbox text, external_id text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(channel || E'\x1f' || inbox || E'\x1f' || external_id, 'UTF8'))
$$;
CREATE TABLE erased_messages (
    hash      bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    erased_at timestamptz NOT NULL DEFAULT now()
);

-- Who said STOP must not be written to after an erasure either: a hash is enough to know them by.
CREATE FUNCTION hash_address(address text) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(address, 'UTF8'))
$$;
ALTER TABLE opt_outs ADD COLUMN address_hash bytea;
UPDATE opt_outs SET address_hash = hash_address(address);
ALTER TABLE opt_outs
    DROP COLUMN address,  -- and the primary key
    ALTER COLUMN address_hash SET NOT NULL,
    ADD PRIMARY KEY (channel, inbox, address_hash);

-- One row for each customer who was erased, without anything personal: the certificate. It is there from the first
-- step on, so that what was interrupted shows and goes on when it is asked for again.
CREATE TABLE erasures (
    customer_id uuid PRIMARY KEY,
    subjects    text[] NOT NULL,  -- keyed hashes of their identifiers (core.ids.derive_token)
    erased_by   text NOT NULL,
    counts      jsonb NOT NULL DEFAULT '{}',
    begun_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- The words of a run are dropped before its decision is.
ALTER TABLE agent_runs ADD COLUMN has_trace boolean NOT NULL DEFAULT true;
CREATE INDEX agent_runs_traced ON agent_runs (created_at) WHERE has_trace;

-- Figures tell nothing of a person; they outlive the run, so that what was counted once stays counted.
ALTER TABLE agent_metrics DROP CONSTRAINT agent_metrics_run_id_fkey;

-- Which tickets have taught a model. Of those that were taught before this, all may have.
ALTER TABLE intent_models ADD COLUMN learned_from uuid[];
UPDATE intent_models SET learned_from = '{}' WHERE source = 'taxonomy';

-- An outbox row goes with its message. By its conversation it is found through the messages alone: an index for this
-- would be a write at every reply.
ALTER TABLE outbox DROP CONSTRAINT outbox_conversation_id_fkey;

CREATE INDEX thread_keys_contact ON thread_keys (channel, inbox, contact);
CREATE INDEX tickets_ended ON tickets (updated_at) WHERE status IN ('closed', 'auto_resolved');
