-- What customers want: the classifiers that tell it, what they said of each ticket, what came of the answers, and the
-- thresholds learned from that.

CREATE TABLE intent_models (
    id         uuid PRIMARY KEY,
    version    text NOT NULL,                    -- hash of everything it learned from
    basis      text NOT NULL,                    -- hash of the taxonomy, the embedder and the format of the artifact
    source     text NOT NULL CHECK (source IN ('taxonomy', 'tickets')),
    artifact   bytea NOT NULL,                   -- holds its examples: as confidential as the messages they were
    examples   integer NOT NULL,
    metrics    jsonb NOT NULL DEFAULT '{}',
    compared   jsonb,                            -- with the model it was to replace, on the same tickets
    is_active  boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- One for each basis: while two versions of the software run, each has its own, and neither takes the other's away.
CREATE UNIQUE INDEX intent_models_active ON intent_models (basis) WHERE is_active;
CREATE INDEX intent_models_created ON intent_models (created_at);
ALTER TABLE intent_models ALTER COLUMN artifact SET STORAGE EXTERNAL;  -- compressed already

ALTER TABLE tickets
    ADD COLUMN intent text,
    ADD COLUMN intent_trust real CHECK (intent_trust BETWEEN 0 AND 1),
    ADD COLUMN intent_by text CHECK (intent_by IN ('model', 'person')),
    ADD CHECK ((intent IS NULL) = (intent_by IS NULL));

CREATE INDEX tickets_corrected ON tickets (updated_at) WHERE intent_by = 'person';

-- What became known of a run after it: whether its answer was right, and by what that was known.
CREATE TABLE run_labels (
    run_id     uuid NOT NULL REFERENCES agent_runs (id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('rating', 'reopened', 'edited', 'taken_over', 'confirmed', 'corrected')),
    value      text NOT NULL DEFAULT '',
    is_right   boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, kind)
);
CREATE INDEX run_labels_created ON run_labels (created_at);

-- From which confidence on answers are known to be right often enough; NULL stands for every intent or channel.
CREATE TABLE decision_thresholds (
    id               uuid PRIMARY KEY,
    intent           text,
    channel          text,
    threshold        double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
    wanted_precision double precision NOT NULL,
    verified         integer NOT NULL,           -- how many labelled answers it rests on
    bound            double precision NOT NULL,              -- the precision that is proved from the threshold on
    learned_at       timestamptz NOT NULL DEFAULT now(),
    CHECK (intent IS NOT NULL OR channel IS NOT NULL)
);
CREATE UNIQUE INDEX decision_thresholds_scope ON decision_thresholds (coalesce(intent, ''), coalesce(channel, ''));
