-- Sign-in: sessions, the ids of the keys that sign access tokens, tries at passwords, and API keys with tier and end.

ALTER TABLE users ADD COLUMN last_sign_in_at timestamptz;
-- Staff are few among the customers who sign in.
CREATE INDEX users_staff ON users (role, id) WHERE role <> 'user' AND disabled_at IS NULL;

-- One sign-in of one person on one device. Its refresh tokens are derived from the generation, so no token is stored.
CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expired ON sessions (expires_at);

-- The newest one signs. The key itself is derived from SECRET_KEY and the id: a copy of this table signs nothing.
CREATE TABLE signing_keys (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO signing_keys (id) VALUES (gen_random_uuid());

-- Tries at passwords by account and by address, both as keyed hashes: accounts that do not exist are counted as well.
CREATE TABLE sign_in_tries (
    bucket        text PRIMARY KEY,
    tries         integer NOT NULL,
    blocked_until timestamptz NOT NULL,
    last_at       timestamptz NOT NULL
);
CREATE INDEX sign_in_tries_last ON sign_in_tries (last_at);

ALTER TABLE api_keys
    ADD COLUMN prefix     text NOT NULL DEFAULT '',  -- its first characters, by which people tell keys apart
    ADD COLUMN tier       text NOT NULL DEFAULT 'standard' CHECK (tier IN ('standard', 'high', 'unlimited')),
    ADD COLUMN expires_at timestamptz;
