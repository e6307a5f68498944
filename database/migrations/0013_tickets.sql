-- Tickets as people work with them: who has one, notes, lists in every order, search.

ALTER TABLE tickets
    ADD COLUMN assignee_id uuid REFERENCES users (id) ON DELETE SET NULL,
    ADD COLUMN priority_by text CHECK (priority_by IN ('model', 'person'));  -- NULL: as it came in
CREATE INDEX tickets_assignee ON tickets (assignee_id, updated_at) WHERE assignee_id IS NOT NULL;
CREATE INDEX tickets_undelivered ON tickets (updated_at) WHERE delivery_problem IS NOT NULL;

-- What staff tell each other. No customer and no model is shown it.
CREATE TABLE ticket_notes (
    id         uuid PRIMARY KEY,
    ticket_id  uuid NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    text       text NOT NULL,
    user_id    uuid REFERENCES users (id) ON DELETE SET NULL,  -- NULL: a machine wrote it
    written_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ticket_notes_ticket ON ticket_notes (ticket_id, created_at);
CREATE INDEX ticket_notes_user ON ticket_notes (user_id) WHERE user_id IS NOT NULL;

-- One for each order of a list. The status first: the few open tickets are found without walking over the closed ones.
DROP INDEX tickets_status;
CREATE INDEX tickets_activity ON tickets (status, updated_at, id);
CREATE INDEX tickets_created ON tickets (status, created_at, id);
CREATE INDEX tickets_waiting ON tickets (status, first_reply_due, id);
CREATE INDEX tickets_priority ON tickets (status, priority, created_at, id);

-- Words as they are written, in no language's grammar: a desk has many languages, and a stem of the wrong one hides
-- what a plain word finds. Names, numbers and references are words, too. A vector has room for 1 MB: of longer texts
-- the beginning is searched.
ALTER TABLE tickets ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (to_tsvector('simple', ref || ' ' || left(subject, 2000))) STORED;
ALTER TABLE messages ADD COLUMN search tsvector NOT NULL
    GENERATED ALWAYS AS (to_tsvector('simple', left(text, 50000))) STORED;
CREATE INDEX tickets_search ON tickets USING gin (search);
CREATE INDEX messages_search ON messages USING gin (search);
