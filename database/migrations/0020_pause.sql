-- A desk that may be paused, and what a backup needs to prove that it came back whole.

-- While paused_at is set, or while there is no row, nothing is claimed that would leave the desk. A backup leaves the row
-- out, so that a restored desk is paused from the moment at which it can be seen.
CREATE TABLE desk_state (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    paused_at       timestamptz,
    reason          text CHECK (length(reason) BETWEEN 1 AND 500),
    restored_at     timestamptz,  -- until the desk is resumed: what is older may have been settled by the desk before it
    answered_before timestamptz,  -- customers who wrote earlier than this may have been answered by that desk
    CHECK (paused_at IS NOT NULL OR (restored_at IS NULL AND reason IS NULL))
);
INSERT INTO desk_state DEFAULT VALUES;

-- The tables that a backup holds with their rows. Rate limits are not logged and forgive after a restore as after a crash.
CREATE FUNCTION list_kept_tables() RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
       AND c.relname <> 'desk_state'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY c.relname
$$;

-- How many rows a table has, and a checksum of all that is in them, in whatever order they lie: the sums of the halves of
-- each row's hash. The settings are those that decide how values are written. Generated columns are left out: a server with
-- another locale makes other words of the same text.
CREATE FUNCTION sum_table(name regclass, OUT row_count bigint, OUT checksum text)
LANGUAGE plpgsql STABLE
SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' SET IntervalStyle = 'postgres' SET bytea_output = 'hex'
SET extra_float_digits = 1 AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) INTO columns FROM pg_attribute
     WHERE attrelid = name AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    EXECUTE format(
        $sum$
            SELECT count(*), coalesce(sum(('x' || substr(hash, 1, 16))::bit(64)::bigint::numeric), 0)
                   || ':' || coalesce(sum(('x' || substr(hash, 17, 16))::bit(64)::bigint::numeric), 0)
              FROM (SELECT encode(sha256(convert_to(row(%s)::text, 'UTF8')), 'hex') AS hash FROM %s) hashed
        $sum$, columns, name) INTO row_count, checksum;
END
$$;

-- The end of a restore, in its transaction: it fails unless every table has the rows that were backed up, and leaves the
-- desk paused. `expected` has rows and checksum by table. What owners may not do is said again, because the roles of
-- another server are not restored.
CREATE FUNCTION accept_restore(expected jsonb, because text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    differing text;
BEGIN
    SELECT string_agg(coalesce(w.name, f.name), ', ' ORDER BY coalesce(w.name, f.name)) INTO differing
      FROM jsonb_each(expected) w (name, sums)
      FULL JOIN (SELECT c.relname::text AS name, jsonb_build_object('rows', s.row_count, 'checksum', s.checksum) AS sums
                   FROM list_kept_tables() t JOIN pg_class c ON c.oid = t, sum_table(t) s) f ON f.name = w.name
     WHERE w.sums IS DISTINCT FROM f.sums;
    IF differing IS NOT NULL THEN
        RAISE EXCEPTION 'these tables are not as they were backed up: %', differing;
    END IF;
    INSERT INTO desk_state (paused_at, reason, restored_at) VALUES (clock_timestamp(), because, clock_timestamp());
    REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, CURRENT_USER;
    REVOKE DELETE, TRUNCATE ON audit_head FROM PUBLIC, CURRENT_USER;
END
$$;
