-- What has changed since a moment, for the pages of the staff that follow the desk live.
CREATE INDEX tickets_updated ON tickets (updated_at, id);
