-- name: describe_server
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
       pg_export_snapshot() AS snapshot, (SELECT max(number) FROM schema_migrations) AS migration,
       (SELECT coalesce(restored_at, answered_before) FROM desk_state) AS answered_before;

-- name: list_tables
SELECT name::text FROM list_kept_tables() AS kept (name);

-- name: sum_table
SELECT row_count, checksum FROM sum_table(:name::text::regclass);

-- name: list_other_schemas
-- A provider's own: a backup has none of them.
SELECT nspname::text AS name FROM pg_namespace
 WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_';

-- name: find_contents
-- What an empty database does not have: tables and their like, but for those of extensions.
SELECT current_setting('server_version_num')::int / 10000 AS major,
       (SELECT count(*) FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                                     AND d.deptype = 'e')) AS relations,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS has_vector,
       (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector') AS vector_schema;
