-- What it takes to think about a turn once more: what it was about, as it was then, and what the brain wrote.

ALTER TABLE agent_runs
    ADD COLUMN turn jsonb,   -- NULL: given up, or recorded before this
    ADD COLUMN draft jsonb;  -- its text and the sources it cites, whether it was sent or not
CREATE INDEX agent_runs_created ON agent_runs (created_at, id);
