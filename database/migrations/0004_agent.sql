-- The agent: what a model was asked, what it answered and cost, what is remembered, and turns that need no reply.

ALTER TABLE agent_runs
    DROP CONSTRAINT agent_runs_outcome_check,
    ADD CONSTRAINT agent_runs_outcome_check
        CHECK (outcome IN ('answered', 'escalated', 'silent', 'superseded', 'person_owns')),
    ADD COLUMN fallback text,                       -- why the offline brain took a turn of the model's
    ADD COLUMN knowledge_version text,
    ADD COLUMN instructions_hash text,              -- of the instructions as this turn had them
    ADD COLUMN input jsonb NOT NULL DEFAULT '[]',   -- what the brain was shown first; the rest is in its calls
    ADD COLUMN cached_tokens integer NOT NULL DEFAULT 0,
    ADD COLUMN cost_usd numeric(14, 9);             -- NULL where the model's price is not known

-- One row for each request to a model, also for those that failed. Together with the tool calls: the whole turn.
CREATE TABLE model_calls (
    run_id        uuid NOT NULL REFERENCES agent_runs (id) ON DELETE CASCADE,
    position      integer NOT NULL,
    purpose       text NOT NULL CHECK (purpose IN ('turn', 'summary', 'judge')),
    model         text NOT NULL,
    output        jsonb NOT NULL DEFAULT '[]',
    input_tokens  integer NOT NULL DEFAULT 0,
    cached_tokens integer NOT NULL DEFAULT 0,       -- those of the input that the vendor had at hand
    output_tokens integer NOT NULL DEFAULT 0,
    cost_usd      numeric(14, 9),
    milliseconds  real NOT NULL,
    finish_reason text,
    error         text,
    PRIMARY KEY (run_id, position),
    CHECK ((finish_reason IS NULL) <> (error IS NULL))
);

ALTER TABLE tool_calls ADD COLUMN model_call integer;  -- the request that asked for it; NULL for the offline brain

-- What has been said before the messages that a turn is shown in full.
ALTER TABLE conversations
    ADD COLUMN summary text NOT NULL DEFAULT '',
    ADD COLUMN summary_until timestamptz;           -- the newest message that it covers

-- What a proven customer has said of themselves, in their own words. The conversation, and not the customer, so that
-- facts go with it when people turn out to be one, and stay behind when a proof no longer holds.
CREATE TABLE customer_facts (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    message_id      uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    fact            text NOT NULL CHECK (length(fact) <= 300),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (message_id, fact)
);
CREATE INDEX customer_facts_conversation ON customer_facts (conversation_id);

-- A message that asks nothing gives its ticket back the status that its arrival took from it.
ALTER TABLE tickets ADD COLUMN reopened_from text CHECK (reopened_from IN ('auto_resolved', 'closed'));
