-- name: describe_server
-- Sessions of other users are counted too: they take from the same places.
SELECT current_setting('server_version') AS server_version,
       current_setting('server_version_num')::int / 10000 AS major_version,
       pg_is_in_recovery() AS is_replica,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS places,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       host(inet_server_addr()) AS address,
       (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS is_encrypted,
       pg_database_size(current_database()) AS bytes,
       coalesce(pg_total_relation_size(to_regclass('attachments')), 0) AS attachment_bytes;

-- name: read_clock
SELECT clock_timestamp();

-- name: read_setting
SELECT current_setting(:name::text);

-- name: list_forbidden
-- Tables of which this user may not read, insert, change and delete rows.
SELECT c.relname AS name
  FROM pg_class c
 WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
   AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
            AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))
 ORDER BY c.relname;

-- name: list_bloated
-- Tables with more dead rows than living ones, from so many on: vacuum does not follow.
SELECT relname AS name, n_dead_tup AS dead_rows FROM pg_stat_user_tables
 WHERE schemaname = current_schema() AND n_dead_tup > greatest(n_live_tup, :min_rows::bigint)
 ORDER BY n_dead_tup DESC;

-- name: find_longest_transaction
-- Of whoever works in this database, other than vacuum.
SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
  FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
   AND xact_start IS NOT NULL AND query NOT ILIKE 'vacuum%'
 ORDER BY xact_start LIMIT 1;

-- name: find_oldest_source
SELECT received_at FROM message_sources WHERE state <> 'listed' ORDER BY received_at LIMIT 1;
