-- The W3C traceparent under which what comes of this row is traced; NULL where nothing is.
ALTER TABLE message_queue ADD COLUMN trace text;
ALTER TABLE outbox ADD COLUMN trace text;
