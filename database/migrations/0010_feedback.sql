-- The feedback loop: what customers and people say of answers, and who said it.

CREATE TABLE ticket_feedback (
    id          uuid PRIMARY KEY,
    ticket_id   uuid NOT NULL REFERENCES tickets (id) ON DELETE CASCADE,
    rating      integer NOT NULL CHECK (rating BETWEEN 1 AND 5),
    is_resolved boolean NOT NULL,
    comment     text NOT NULL DEFAULT '' CHECK (length(comment) <= 2000),
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ticket_feedback_ticket ON ticket_feedback (ticket_id, created_at);

ALTER TABLE run_labels
    ALTER COLUMN is_right DROP NOT NULL,            -- NULL: it says nothing of the answer
    ADD COLUMN given_by text NOT NULL DEFAULT 'customer' CHECK (given_by IN ('customer', 'person')),
    DROP CONSTRAINT run_labels_kind_check,
    ADD CONSTRAINT run_labels_kind_check CHECK (kind IN ('confirmed', 'reopened', 'rating', 'edited', 'taken_over',
                                                         'intent', 'category', 'team'));
ALTER TABLE run_labels ALTER COLUMN given_by DROP DEFAULT;

ALTER TABLE tickets
    ADD COLUMN category_by text CHECK (category_by IN ('model', 'person'));  -- NULL: as it came in

-- When a desk last tried to learn, whatever came of it.
CREATE TABLE learnings (
    basis        text PRIMARY KEY,
    attempted_at timestamptz NOT NULL
);

-- Confidence by meaning and by words are two scales: what is proved on one says nothing on the other. Thresholds
-- learned on both together are dropped, and learned anew within a day.
DELETE FROM decision_thresholds;
DROP INDEX decision_thresholds_scope;
ALTER TABLE decision_thresholds ADD COLUMN scale text NOT NULL CHECK (scale IN ('meaning', 'words'));
CREATE UNIQUE INDEX decision_thresholds_scope
    ON decision_thresholds (scale, coalesce(intent, ''), coalesce(channel, ''));
