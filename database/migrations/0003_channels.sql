-- Channels: what arrived as it arrived, cursors, files, threads of mail, deliveries in depth, consent, proven addresses.

-- What comes in -------------------------------------------------------------------------------------------

-- Every source as it arrived: a mail with its headers, the body of a webhook. 'listed' is known to exist and not
-- fetched yet; its id was committed together with the cursor behind it, so no crash can skip it.
CREATE TABLE message_sources (
    id          uuid PRIMARY KEY,
    channel     text NOT NULL,
    inbox       text NOT NULL,
    external_id text NOT NULL,
    origin      text NOT NULL,  -- 'poll', or the address of the webhook
    state       text NOT NULL CHECK (state IN ('listed', 'stored', 'ignored', 'malformed', 'gone')),
    reason      text,
    attempts    integer NOT NULL DEFAULT 0,  -- fetches that failed although the inbox answered
    facts       jsonb NOT NULL DEFAULT '{}',
    body        bytea,
    received_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (channel, inbox, external_id),
    CHECK ((body IS NULL) = (state IN ('listed', 'gone')))
);
CREATE INDEX message_sources_listed ON message_sources (channel, inbox, id) WHERE state = 'listed';
CREATE INDEX message_sources_received ON message_sources (received_at);

-- One row per inbox that is polled. The lease makes sure that one worker does it; the token fences its writes.
CREATE TABLE channel_cursors (
    channel       text NOT NULL,
    inbox         text NOT NULL,
    cursor        text,
    wanted_at     timestamptz,  -- when a push last said that there is something new
    synced_at     timestamptz,  -- everything that had arrived by then is listed
    lease_token   uuid,
    leased_until  timestamptz,
    watched_at    timestamptz,
    watch_until   timestamptz,  -- until then the vendor pushes
    -- Reading and sending end their problems each by themselves: an inbox may be read whose letters nobody takes.
    read_problem       text,
    read_problem_since timestamptz,
    send_problem       text,
    send_problem_since timestamptz,
    PRIMARY KEY (channel, inbox),
    CHECK ((read_problem IS NULL) = (read_problem_since IS NULL)),
    CHECK ((send_problem IS NULL) = (send_problem_since IS NULL))
) WITH (fillfactor = 50);

-- Under which names a thread is known, and to whom: a header alone leads nobody into another's thread. On WhatsApp
-- the names are numbers and ids that are proven themselves, and the participant is empty.
CREATE TABLE thread_keys (
    channel     text NOT NULL,
    inbox       text NOT NULL,
    participant text NOT NULL,
    key         uuid NOT NULL,  -- core.ids.derive_id of a Message-ID, a vendor's thread, a subject
    contact     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, inbox, participant, key)
);
CREATE INDEX thread_keys_proven ON thread_keys (channel, key) WHERE participant = '';
CREATE INDEX thread_keys_created ON thread_keys (created_at);

-- Content by its SHA-256, so that what is sent again is stored once.
CREATE TABLE attachments (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    content    bytea NOT NULL CHECK (octet_length(content) <= 20971520),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE attachments ALTER COLUMN content SET STORAGE EXTERNAL;  -- pictures and archives do not compress
CREATE INDEX attachments_created ON attachments (created_at);

-- Without a digest, a locator and no problem: to be fetched from the vendor once ready_at has come.
CREATE TABLE message_attachments (
    id           uuid PRIMARY KEY,
    message_id   uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position     integer NOT NULL,
    name         text NOT NULL,
    content_type text NOT NULL,  -- what it is served as, by its content and never by what its sender says
    size         integer,
    digest       bytea REFERENCES attachments (digest),
    locator      text,
    problem      text,
    attempts     integer NOT NULL DEFAULT 0,
    ready_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (message_id, position)
);
CREATE INDEX message_attachments_digest ON message_attachments (digest) WHERE digest IS NOT NULL;
CREATE INDEX message_attachments_missing ON message_attachments (ready_at)
    WHERE digest IS NULL AND problem IS NULL;

ALTER TABLE messages
    ADD COLUMN quoted text NOT NULL DEFAULT '',  -- what stood below the customer's words; for people alone
    ADD COLUMN source_id uuid;                   -- as it arrived, as long as that is kept

ALTER TABLE conversations
    ADD COLUMN reply_path jsonb,                 -- how a reply reaches the customer
    ADD COLUMN last_inbound_at timestamptz;      -- WhatsApp takes anything for 24 hours from here, then templates
CREATE INDEX conversations_phone ON conversations ((reply_path ->> 'phone')) WHERE reply_path ->> 'phone' IS NOT NULL;
CREATE INDEX conversations_user_id ON conversations ((reply_path ->> 'user_id'))
    WHERE reply_path ->> 'user_id' IS NOT NULL;

-- What goes out -------------------------------------------------------------------------------------------

ALTER TABLE outbox
    DROP CONSTRAINT outbox_state_check,
    ADD CONSTRAINT outbox_state_check CHECK (state IN
        ('queued', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'needs_template')),
    ADD COLUMN kind text NOT NULL DEFAULT 'reply' CHECK (kind IN ('reply', 'template', 'code')),
    ADD COLUMN path jsonb,               -- where to, if not to the conversation's customer
    ADD COLUMN code_id uuid,             -- the one-time code this carries; its text is made when it is sent
    ADD COLUMN mail_id text,             -- the Message-ID under which the customer has it
    ADD COLUMN tried_at timestamptz,     -- the first attempt
    ADD COLUMN handed_at timestamptz,    -- from here on this attempt may have reached the vendor
    ADD COLUMN checks integer NOT NULL DEFAULT 0,      -- how often the vendor was asked what became of it
    ADD COLUMN absences integer NOT NULL DEFAULT 0,    -- how often it surely did not have it
    ADD COLUMN settled_at timestamptz,   -- when a person said that it was sent
    ADD COLUMN hold_until timestamptz;   -- the next reply of the conversation waits, unless the vendor reports earlier
UPDATE outbox SET ready_at = 'infinity' WHERE state = 'unknown';

-- A reply in doubt, as long as the vendor is still being asked, holds up the later ones: order is kept.
DROP INDEX outbox_conversation;
CREATE INDEX outbox_conversation ON outbox (conversation_id, created_at, id)
    WHERE state IN ('queued', 'sending', 'unknown');
DROP INDEX outbox_one_in_flight;
CREATE UNIQUE INDEX outbox_one_in_flight ON outbox (conversation_id) WHERE state = 'sending' AND kind <> 'code';
CREATE INDEX outbox_doubtful ON outbox (ready_at) WHERE state = 'unknown';
CREATE INDEX outbox_held ON outbox (conversation_id) WHERE hold_until IS NOT NULL;
CREATE INDEX outbox_waiting ON outbox (conversation_id) WHERE state = 'needs_template';
CREATE INDEX outbox_vendor ON outbox (channel, vendor_id) WHERE vendor_id IS NOT NULL;
CREATE INDEX outbox_mail ON outbox (mail_id) WHERE mail_id IS NOT NULL;
CREATE INDEX outbox_undelivered ON outbox (created_at, id) WHERE state IN ('failed', 'unknown', 'needs_template');

-- When an inbox may next send, over all workers.
CREATE TABLE send_rates (
    channel text NOT NULL,
    inbox   text NOT NULL,
    next_at timestamptz NOT NULL,
    PRIMARY KEY (channel, inbox)
) WITH (fillfactor = 10);

-- Who said STOP.
CREATE TABLE opt_outs (
    channel    text NOT NULL,
    inbox      text NOT NULL,
    address    text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, inbox, address)
);

ALTER TABLE tickets ADD COLUMN delivery_problem text;

-- What a team must know and nothing else tells it.
CREATE TABLE notices (
    id              uuid PRIMARY KEY,
    team            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('undelivered', 'in_doubt')),
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    message_id      uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    text            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz,
    UNIQUE (message_id, kind)
);
CREATE INDEX notices_open ON notices (team, created_at) WHERE settled_at IS NULL;
CREATE INDEX notices_conversation ON notices (conversation_id);

-- Proof of addresses ---------------------------------------------------------------------------------------

-- A code sent to an address that a customer of another channel claims. Only a hash is kept, which takes SECRET_KEY.
CREATE TABLE identity_codes (
    id              uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    kind            text NOT NULL CHECK (kind IN ('email')),
    value           text NOT NULL,
    code_hash       text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    tried_by        uuid[] NOT NULL DEFAULT '{}',  -- the messages that were tries, so that none is one twice
    expires_at      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    used_at         timestamptz
);
CREATE INDEX identity_codes_conversation ON identity_codes (conversation_id, created_at);
CREATE INDEX identity_codes_value ON identity_codes (value, created_at);
CREATE INDEX identity_codes_created ON identity_codes (created_at);
