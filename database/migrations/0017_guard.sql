-- The audit log, which nobody can change unseen, and the buckets of the rate limits.

CREATE TABLE audit_log (
    seq         bigint PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor_kind  text NOT NULL CHECK (actor_kind IN ('user', 'key', 'operator', 'system')),
    actor_id    uuid,                 -- NULL: an operator at the command line, or the desk itself
    action      text NOT NULL CHECK (action ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
    object_kind text NOT NULL CHECK (object_kind ~ '^[a-z_]{1,40}$'),
    -- A UUID, a ticket's reference or a name of ours: never an address or a number of a customer, so that erasing one
    -- need not touch what nobody can touch.
    object_id   text CHECK (object_id ~ '^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Z]{1,8}-[0-9]{8}-[0-9]{4,12}|[a-z_]{1,40})$'),
    before      jsonb CHECK (before::text !~ '@'),
    after       jsonb CHECK (after::text !~ '@'),
    address     inet,                 -- of whom acts, as are the two below: staff and machines, never a customer
    user_agent  text,
    request_id  uuid,
    hash        bytea NOT NULL        -- over the hash before it and this row, under a key that is not in the database
);
CREATE INDEX audit_log_at ON audit_log (at, seq);
CREATE INDEX audit_log_actor ON audit_log (actor_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);
CREATE INDEX audit_log_object ON audit_log (object_kind, object_id, seq);

-- The end of the log, sealed under a second key: rows that were cut off at the end are missed.
CREATE TABLE audit_head (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seq     bigint NOT NULL,
    at      timestamptz NOT NULL,
    hash    bytea NOT NULL,
    seal    bytea                     -- NULL before the first entry
);
INSERT INTO audit_head (seq, at, hash) VALUES (0, '-infinity', '\x');

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Also for sessions that replay changes of another server.
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_stays;
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_stays;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, CURRENT_USER;
REVOKE DELETE, TRUNCATE ON audit_head FROM PUBLIC, CURRENT_USER;

-- Rate limits: for each bucket the moment from which it is full again. Not logged: a crash of the server forgives all,
-- and a request costs no write to the disk.
CREATE UNLOGGED TABLE rate_limits (
    key        uuid PRIMARY KEY,      -- made of a policy and of whom it counts, under the desk's key
    full_at    timestamptz NOT NULL   -- without an index, or no update would stay within its page
) WITH (fillfactor = 50);
