-- The backbone: queue, people, conversations, tickets, knowledge, replies, and the record of every decision.
-- Ids are UUIDv7 made by the application. Times are the database's clock. States are text with a CHECK.

CREATE EXTENSION IF NOT EXISTS vector;

-- Queue ---------------------------------------------------------------------------------------------------

-- One row per thread of messages (channel + inbox + contact). The only queue row that is ever updated:
-- ready_at is NULL when nothing waits, past when claimable, and in the future while leased, backing off or quiet.
CREATE TABLE queue_threads (
    id          uuid PRIMARY KEY,
    channel     text NOT NULL,
    inbox       text NOT NULL,
    contact     text NOT NULL,
    last_seq    bigint NOT NULL DEFAULT 0,
    done_seq    bigint NOT NULL DEFAULT 0,
    ready_at    timestamptz,
    lease_token uuid,
    leased_by   uuid,
    attempts    integer NOT NULL DEFAULT 0,
    UNIQUE (channel, inbox, contact)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX queue_threads_ready ON queue_threads (ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX queue_threads_leased ON queue_threads (leased_by) WHERE leased_by IS NOT NULL;

-- Append-only: what arrived, in the order of its thread. Never updated, so it leaves no dead rows behind.
CREATE TABLE message_queue (
    thread_id   uuid NOT NULL REFERENCES queue_threads (id),
    seq         bigint NOT NULL,
    id          uuid NOT NULL,
    channel     text NOT NULL,
    inbox       text NOT NULL,
    external_id text NOT NULL,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (thread_id, seq),
    UNIQUE (channel, inbox, external_id)
);

-- Messages that machines have given up on. A person is told by the escalated ticket.
CREATE TABLE dead_letters (
    id          uuid PRIMARY KEY,
    thread_id   uuid NOT NULL REFERENCES queue_threads (id),
    first_seq   bigint NOT NULL,
    through_seq bigint NOT NULL,
    attempts    integer NOT NULL,
    reason      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dead_letters_thread ON dead_letters (thread_id);

CREATE TABLE workers (
    id           uuid PRIMARY KEY,
    host         text NOT NULL,
    pid          integer NOT NULL,
    brain        text NOT NULL,
    concurrency  integer NOT NULL,
    in_flight    integer NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workers_heartbeat ON workers (heartbeat_at);

-- People and conversations --------------------------------------------------------------------------------

CREATE TABLE customers (
    id         uuid PRIMARY KEY,
    name       text NOT NULL DEFAULT '',
    plan       text NOT NULL DEFAULT 'free',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The level is part of the key: an address that somebody merely typed never reaches the customer who proved it.
CREATE TABLE customer_identifiers (
    kind        text NOT NULL CHECK (kind IN ('email', 'phone', 'whatsapp')),
    value       text NOT NULL,
    level       text NOT NULL CHECK (level IN ('proven', 'channel_asserted', 'self_reported')),
    customer_id uuid NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, value, level)
);
CREATE INDEX customer_identifiers_customer ON customer_identifiers (customer_id);

CREATE TABLE conversations (
    id                uuid PRIMARY KEY,
    thread_id         uuid NOT NULL UNIQUE REFERENCES queue_threads (id),
    customer_id       uuid NOT NULL REFERENCES customers (id),
    -- As given in this thread. The customer's own name may come from somebody else who typed the same address.
    contact_name      text NOT NULL DEFAULT '',
    channel           text NOT NULL,
    inbox             text NOT NULL,
    identity_level    text NOT NULL CHECK (identity_level IN ('proven', 'channel_asserted', 'self_reported')),
    owner             text NOT NULL DEFAULT 'agent' CHECK (owner IN ('agent', 'person')),
    sentiment         real,
    automatic_replies integer NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_customer ON conversations (customer_id, created_at);

-- An inbound message keeps the id of its queue row, so that storing it twice is impossible.
CREATE TABLE messages (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    author          text NOT NULL CHECK (author IN ('customer', 'assistant', 'person', 'system')),
    text            text NOT NULL,
    citations       jsonb NOT NULL DEFAULT '[]',
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX messages_conversation ON messages (conversation_id, created_at, id);

-- Tickets -------------------------------------------------------------------------------------------------

CREATE TABLE ticket_days (
    day  date PRIMARY KEY,
    last integer NOT NULL
) WITH (fillfactor = 10);

CREATE TABLE tickets (
    id               uuid PRIMARY KEY,
    ref              text NOT NULL UNIQUE,
    conversation_id  uuid NOT NULL UNIQUE REFERENCES conversations (id) ON DELETE CASCADE,
    status           text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'auto_resolved', 'escalated', 'closed')),
    subject          text NOT NULL,
    category         text NOT NULL,
    priority         text NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
    confidence       real,
    route            text,
    team             text,
    handover_reason  text,
    handover_summary text,
    handover_draft   text,
    first_reply_due  timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (status <> 'escalated' OR (route IS NOT NULL AND handover_reason IS NOT NULL))
);
CREATE INDEX tickets_status ON tickets (status, created_at);

CREATE TABLE escalation_routes (
    category     text PRIMARY KEY,
    team         text NOT NULL,
    instructions text NOT NULL
);
INSERT INTO escalation_routes (category, team, instructions) VALUES
    ('billing',   'Billing team',          'Check the charge before you answer; never promise a refund you have not booked.'),
    ('legal',     'Legal team',            'Answer nothing of substance yourself; legal replies within one working day.'),
    ('security',  'Security team',         'Secure the account first, then ask the customer to confirm what they saw.'),
    ('technical', 'Technical support',     'Reproduce the problem; say when the customer will hear from you next.'),
    ('account',   'Account team',          'Make sure you are speaking with the owner of the account before changing it.'),
    ('general',   'Support queue',         'Read the summary and the draft; answer or pass on.');

-- Knowledge -----------------------------------------------------------------------------------------------

CREATE TABLE knowledge_articles (
    id           uuid PRIMARY KEY,
    source       text NOT NULL UNIQUE,
    title        text NOT NULL,
    category     text NOT NULL,
    content_hash text NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now()
);

-- One row per passage. The embedding is NULL where no embedding model was at hand; such rows are found by words.
CREATE TABLE knowledge_base (
    id              uuid PRIMARY KEY,
    article_id      uuid NOT NULL REFERENCES knowledge_articles (id) ON DELETE CASCADE,
    position        integer NOT NULL,
    title           text NOT NULL,
    heading         text NOT NULL,
    content         text NOT NULL,
    search          tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', heading), 'B')
        || to_tsvector('english', content)
    ) STORED,
    embedding       vector(384),
    embedding_model text,
    UNIQUE (article_id, position),
    CHECK ((embedding IS NULL) = (embedding_model IS NULL))
);
CREATE INDEX knowledge_base_search ON knowledge_base USING gin (search);
CREATE INDEX knowledge_base_embedding ON knowledge_base USING hnsw (embedding vector_cosine_ops);

-- Turns and replies ---------------------------------------------------------------------------------------

CREATE TABLE agent_runs (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    attempt         integer NOT NULL,
    through_seq     bigint NOT NULL,
    brain           text NOT NULL,
    model           text NOT NULL,
    prompt_hash     text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('answered', 'escalated', 'superseded', 'person_owns')),
    decision        jsonb NOT NULL,
    stages          jsonb NOT NULL,
    input_tokens    integer NOT NULL DEFAULT 0,
    output_tokens   integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_runs_conversation ON agent_runs (conversation_id, created_at);

CREATE TABLE tool_calls (
    run_id       uuid NOT NULL REFERENCES agent_runs (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    tool         text NOT NULL,
    arguments    jsonb NOT NULL,
    output       text NOT NULL,
    milliseconds real NOT NULL,
    PRIMARY KEY (run_id, position)
);

CREATE TABLE agent_metrics (
    run_id     uuid PRIMARY KEY REFERENCES agent_runs (id) ON DELETE CASCADE,
    channel    text NOT NULL,
    inbox      text NOT NULL,
    outcome    text NOT NULL,
    confidence real NOT NULL,
    sentiment  real NOT NULL,
    agent_ms   real NOT NULL,
    reply_ms   real NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX agent_metrics_channel ON agent_metrics (channel, created_at);

-- Replies that are committed and not yet sent. A row is written in the transaction that settles its turn.
CREATE TABLE outbox (
    id              uuid PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    in_reply_to     uuid,  -- the customer's message, so that one journey has one id in the logs to its end
    channel         text NOT NULL,
    inbox           text NOT NULL,
    state           text NOT NULL DEFAULT 'queued'
                    CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown')),
    ready_at        timestamptz NOT NULL DEFAULT now(),
    lease_token     uuid,
    attempts        integer NOT NULL DEFAULT 0,
    error           text,
    vendor_id       text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at         timestamptz
) WITH (fillfactor = 70);
CREATE INDEX outbox_ready ON outbox (ready_at) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_conversation ON outbox (conversation_id, created_at, id) WHERE state IN ('queued', 'sending');
CREATE UNIQUE INDEX outbox_one_in_flight ON outbox (conversation_id) WHERE state = 'sending';

-- Set-up --------------------------------------------------------------------------------------------------

CREATE TABLE channel_configs (
    channel       text NOT NULL,
    inbox         text NOT NULL,
    enabled       boolean NOT NULL DEFAULT true,
    quiet_seconds real NOT NULL DEFAULT 0 CHECK (quiet_seconds BETWEEN 0 AND 60),
    signature     text,
    PRIMARY KEY (channel, inbox)
);
INSERT INTO channel_configs (channel, inbox) VALUES ('web', 'form'), ('web', 'probe');

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    name         text NOT NULL,
    key_hash     text NOT NULL UNIQUE,
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
