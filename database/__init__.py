"""Everything that touches Postgres: schema, named statements, typed queries, the queue and the outbox."""
