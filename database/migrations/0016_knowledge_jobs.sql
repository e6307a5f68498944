-- What staff ask of the workers, who alone have the models and the channels: files to become articles, questions to try
-- out, test messages to send. A row is leased like a thread of the queue, and its token fences what its worker writes.

CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('upload', 'search', 'test_message')),
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'working', 'done', 'failed')),
    subject      text NOT NULL DEFAULT '',  -- the source that an upload becomes; those of one source follow each other
    request      jsonb NOT NULL,
    content      bytea CHECK (octet_length(content) <= 10485760),  -- until it has been read
    content_hash bytea,
    total        integer,  -- texts to embed; NULL until the file has been read
    embedded     integer NOT NULL DEFAULT 0,
    answer       jsonb,
    problem      text,
    attempts     integer NOT NULL DEFAULT 0,
    lease_token  uuid,
    ready_at     timestamptz NOT NULL DEFAULT now(),  -- while it is leased, the end of the lease
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((kind = 'upload') = (content_hash IS NOT NULL))
);
ALTER TABLE jobs ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX jobs_open ON jobs (kind, ready_at) WHERE state IN ('queued', 'working');
CREATE INDEX jobs_newest ON jobs (kind, id);
CREATE INDEX jobs_created ON jobs (kind, created_at);
-- The same file sent twice while it waits is one job.
CREATE UNIQUE INDEX jobs_upload ON jobs (subject, content_hash) WHERE kind = 'upload' AND state IN ('queued', 'working');
